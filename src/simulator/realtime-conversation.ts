import { newId } from './ids.ts'
import { asList, asObject, asText, type JsonObject } from './json.ts'
import type { Tokenizer } from './tokens.ts'

/** Tokens by modality. */
export interface Modal {
  readonly text: number
  readonly audio: number
  readonly image: number
}

/** What a response reads. */
export interface RealtimeInput {
  readonly all: Modal
  /** Of them. */
  readonly cached: Modal
}

/** 16 bits, 24,000 times a second. */
export const AUDIO_BYTES_PER_MS = 48
/** What is said to the model costs a token every 100 ms (OpenAI, "Managing costs"). */
const INPUT_TOKEN_MS = 100
/** What an image costs depends on its size in pixels; here each costs the same. */
const IMAGE_TOKENS = 85

const NOTHING: Modal = { text: 0, audio: 0, image: 0 }

interface Item {
  readonly id: string
  readonly tokens: Modal
  /** A response has read it before. */
  read: boolean
}

/** What was said in a realtime session, and what it costs to read it. */
export class RealtimeConversation {
  readonly id: string = newId('conv')
  readonly #items: Item[] = []
  #instructions: string | undefined

  /** The id of the last item. */
  get last(): string | null {
    return this.#items.at(-1)?.id ?? null
  }

  add(id: string, tokens: Modal): void {
    this.#items.push({ id, tokens, read: false })
  }

  /** Reads everything for a response. Cached is what an earlier response of the session has read, whatever its length. */
  read(instructions: string, tokenizer: Tokenizer): RealtimeInput {
    const told = { ...NOTHING, text: tokenizer.encode(instructions).length }
    const known = this.#items.filter((item) => item.read)
    const cached = [...known.map((item) => item.tokens), this.#instructions === instructions ? told : NOTHING]
    const all = [...this.#items.map((item) => item.tokens), told]
    for (const item of this.#items) item.read = true
    this.#instructions = instructions
    return { all: sum(all), cached: sum(cached) }
  }
}

/** What it costs to read an item of the API: a message, a function call or its output. */
export function tokensOf(item: JsonObject, tokenizer: Tokenizer): Modal {
  const texts = [item['arguments'], item['output']].flatMap((text) => asText(text) ?? [])
  const parts = asList(item['content']).map((part) => tokensOfPart(asObject(part) ?? {}, tokenizer))
  return sum([...parts, ...texts.map((text) => ({ ...NOTHING, text: tokenizer.encode(text).length }))])
}

/** Of that many bytes of audio. */
export function audioTokens(bytes: number): number {
  return Math.ceil(bytes / AUDIO_BYTES_PER_MS / INPUT_TOKEN_MS)
}

function tokensOfPart(part: JsonObject, tokenizer: Tokenizer): Modal {
  const [audio, text] = [asText(part['audio']), asText(part['text'])]
  if (audio !== undefined) return { ...NOTHING, audio: audioTokens(Buffer.byteLength(audio, 'base64')) }
  if (part['image_url'] !== undefined) return { ...NOTHING, image: IMAGE_TOKENS }
  return { ...NOTHING, text: text === undefined ? 0 : tokenizer.encode(text).length }
}

function sum(parts: readonly Modal[]): Modal {
  return parts.reduce(
    (total, { text, audio, image }) => ({
      text: total.text + text,
      audio: total.audio + audio,
      image: total.image + image,
    }),
    NOTHING,
  )
}
