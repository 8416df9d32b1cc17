import { memoryOf, nextMove } from './agent.ts'
import { encryptFor } from './ciphertext.ts'
import { asList, asObject, type JsonObject } from './json.ts'
import type { Compaction, OutputItem } from './output.ts'
import { piecesOf, piecesToSize, textOf, tokensOf, type Piece } from './pieces.ts'
import { exampleOf } from './schema.ts'
import type { Settings } from './options.ts'
import type { Tokenizer } from './tokens.ts'

const SUMMARY = '**Thinking it over**\n\nThe request is plain; a short answer will do.'
const COMPACTION_TOKENS = 48

/** Decides what the model says. */
export class Speaker {
  readonly #settings: Settings
  readonly #tokenizer: Tokenizer
  readonly #plain: readonly (readonly Piece[])[]
  #answers = 0

  constructor(settings: Settings, tokenizer: Tokenizer) {
    const { text, texts, deltas } = settings
    this.#settings = settings
    this.#tokenizer = tokenizer
    const said = (each: string): readonly Piece[] =>
      deltas === undefined ? piecesOf(each, tokenizer) : piecesToSize(each, deltas, tokenizer)
    this.#plain = texts.length > 0 ? texts.map((each) => tokensOf(each, tokenizer)) : [said(text)]
  }

  /** The answer to a body of /responses, for a caller of this organization. */
  answer(body: JsonObject, organization: string): readonly OutputItem[] {
    const last = asObject(asList(body['input']).at(-1))
    if (last?.['type'] === 'compaction_trigger') return [this.compaction(body, organization)]
    return [...this.#reasoning(body, organization), this.#move(body, organization)]
  }

  /** What stands for the whole input from now on. */
  compaction(body: JsonObject, organization: string): Compaction {
    const ciphertext = encryptFor(organization, memoryOf(body, organization))
    return { kind: 'compaction', tokens: COMPACTION_TOKENS, ciphertext }
  }

  /** A structured answer when `format` asks for one, else the plain one. */
  inFormat(format: JsonObject | undefined): readonly Piece[] {
    if (format?.['type'] === 'json_object') return piecesOf('{}', this.#tokenizer)
    if (format?.['type'] !== 'json_schema') return this.#next()
    const schema = format['schema'] ?? asObject(format['json_schema'])?.['schema']
    return piecesOf(JSON.stringify(exampleOf(schema)), this.#tokenizer)
  }

  /** The next of its plain answers. */
  #next(): readonly Piece[] {
    return this.#plain[this.#answers++ % this.#plain.length] ?? []
  }

  #reasoning(body: JsonObject, organization: string): readonly OutputItem[] {
    const tokens = this.#settings.reasoningTokens
    if (tokens === 0) return []
    const wanted = asList(body['include']).includes('reasoning.encrypted_content')
    const summarized = typeof asObject(body['reasoning'])?.['summary'] === 'string'
    const ciphertext = wanted ? encryptFor(organization, SUMMARY) : undefined
    return [{ kind: 'reasoning', tokens, ciphertext, summary: summarized ? SUMMARY : undefined }]
  }

  #move(body: JsonObject, organization: string): OutputItem {
    const format = asObject(asObject(body['text'])?.['format'])
    const structured = format?.['type'] === 'json_schema' || format?.['type'] === 'json_object'
    const { agent, texts } = this.#settings
    const said = texts.length > 0 ? tokensOf : piecesOf
    const move =
      agent === 'none' || structured ? undefined : nextMove(body, organization, agent, () => textOf(this.#next()))
    if (move === undefined) return { kind: 'message', pieces: this.inFormat(format) }
    if (move.kind === 'message') return { kind: 'message', pieces: said(move.text, this.#tokenizer) }
    return { kind: move.kind, name: move.name, pieces: said(move.input, this.#tokenizer) }
  }
}
