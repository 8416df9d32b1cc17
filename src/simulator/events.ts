import { newId } from './ids.ts'
import type { FaultEnding } from './faults.ts'
import type { Compaction, Message, OutputItem, Reasoning, ToolCall } from './output.ts'
import { textOf } from './pieces.ts'
import { responsesUsage, type Spent } from './usage.ts'
import type { CacheUse } from './cache.ts'
import { asList } from './json.ts'
import type { RealtimeOutput } from './truth.ts'

/** One event of an answer, for whatever transport. */
export interface ModelEvent {
  readonly type: string
  /** The event itself, one line of JSON. */
  readonly json: string
  /** Tokens which the model had generated with this event and not before. */
  readonly outputTokens: number
  /** Of those. */
  readonly reasoningTokens: number
  readonly terminal: boolean
  readonly usageStated: boolean
  /** The answer ends with it as a failure. */
  readonly failed?: boolean
  /** Realtime: the output tokens by modality. */
  readonly realtime?: RealtimeOutput
}

/** What a generation starts from. */
export interface GenerationStart {
  readonly id: string
  readonly model: string
  readonly serviceTier: string
  /** The request's fields that a response object repeats: `"name":value,…`, without braces. */
  readonly echo: string
  readonly inputTokens: number
  readonly cache: CacheUse
  readonly omitUsage: boolean
}

const COMPLETED: { readonly type: 'response.completed'; readonly code?: string; readonly message?: string } = {
  type: 'response.completed',
}

/** One model answer on its way out, as the Responses API tells it. */
export class Generation {
  readonly #start: GenerationStart
  readonly #createdAt = Math.floor(Date.now() / 1000)
  readonly #done: string[] = []
  #sequence = 0
  #output = 0
  #reasoning = 0
  #response = ''

  constructor(start: GenerationStart) {
    this.#start = start
  }

  /** The response object of the terminal event, once that has been generated. */
  get response(): string {
    return this.#response
  }

  /** The output items that are done, as a client would hand them in again. */
  get output(): readonly unknown[] {
    return asList(JSON.parse(`[${this.#done.join(',')}]`))
  }

  /** A warm-up (`generate: false`): reads the input and says nothing. */
  *warmUp(ending?: FaultEnding): Generator<ModelEvent> {
    if (ending?.afterEvents !== 0) {
      yield this.#event('response.created', `"response":${this.#responseObject('in_progress', 'null', {})}`)
    }
    yield this.#terminal(ending ?? COMPLETED)
  }

  /** The events from `response.created` to the terminal one, each made when it is asked for. */
  *events(items: readonly OutputItem[], ending?: FaultEnding): Generator<ModelEvent> {
    let sent = 0
    const generated = this.#beforeTheEnd(items)
    while (ending === undefined || sent !== ending.afterEvents) {
      const next = generated.next()
      if (next.done === true) break
      yield next.value
      sent++
    }
    yield this.#terminal(ending ?? COMPLETED)
  }

  *#beforeTheEnd(items: readonly OutputItem[]): Generator<ModelEvent> {
    const response = this.#responseObject('in_progress', 'null', {})
    yield this.#event('response.created', `"response":${response}`)
    yield this.#event('response.in_progress', `"response":${response}`)
    for (const item of items) {
      if (item.kind === 'message') yield* this.#message(item)
      else if (item.kind === 'reasoning') yield* this.#reasoningItem(item)
      else if (item.kind === 'compaction') yield* this.#compaction(item)
      else yield* this.#toolCall(item)
    }
  }

  *#message({ pieces }: Message): Generator<ModelEvent> {
    const [id, index] = [newId('msg'), this.#done.length]
    const at = `"item_id":"${id}","output_index":${index},"content_index":0`
    const item = (status: string, content: string): string =>
      `{"id":"${id}","type":"message","status":"${status}","content":[${content}],"role":"assistant"}`
    const part = (text: string): string =>
      `{"type":"output_text","annotations":[],"logprobs":[],"text":${JSON.stringify(text)}}`

    yield this.#added(index, item('in_progress', ''))
    yield this.#event('response.content_part.added', `${at},"part":${part('')}`)
    for (const piece of pieces) {
      const delta = `${at},"delta":${piece.json},"logprobs":[],"obfuscation":"${piece.padding}"`
      yield this.#event('response.output_text.delta', delta, piece.tokens)
    }
    const text = textOf(pieces)
    yield this.#event('response.output_text.done', `${at},"text":${JSON.stringify(text)},"logprobs":[]`)
    yield this.#event('response.content_part.done', `${at},"part":${part(text)}`)
    yield this.#itemDone(index, item('completed', part(text)))
  }

  *#reasoningItem({ tokens, ciphertext, summary }: Reasoning): Generator<ModelEvent> {
    const [id, index] = [newId('rs'), this.#done.length]
    const sealed = ciphertext === undefined ? '' : `,"encrypted_content":"${ciphertext}"`
    const item = (parts: string): string => `{"id":"${id}","type":"reasoning"${sealed},"summary":[${parts}]}`
    const part = (text: string): string => `{"type":"summary_text","text":${JSON.stringify(text)}}`

    yield this.#added(index, item(''))
    if (summary !== undefined) {
      const at = `"item_id":"${id}","output_index":${index},"summary_index":0`
      const quoted = JSON.stringify(summary)
      yield this.#event('response.reasoning_summary_part.added', `${at},"part":${part('')}`)
      yield this.#event('response.reasoning_summary_text.delta', `${at},"delta":${quoted}`)
      yield this.#event('response.reasoning_summary_text.done', `${at},"text":${quoted}`)
      yield this.#event('response.reasoning_summary_part.done', `${at},"part":${part(summary)}`)
    }
    this.#reasoning += tokens
    const event = this.#itemDone(index, item(summary === undefined ? '' : part(summary)), tokens)
    yield { ...event, reasoningTokens: tokens }
  }

  *#toolCall({ kind, name, pieces }: ToolCall): Generator<ModelEvent> {
    const custom = kind === 'custom_tool_call'
    const [id, index] = [newId(custom ? 'ctc' : 'fc'), this.#done.length]
    const at = `"item_id":"${id}","output_index":${index}`
    const field = custom ? 'input' : 'arguments'
    const event = `response.${custom ? 'custom_tool_call_input' : 'function_call_arguments'}`
    const call = `"call_id":"${newId('call')}","name":${JSON.stringify(name)}`
    const item = (status: string, text: string): string =>
      `{"id":"${id}","type":"${kind}","status":"${status}","${field}":${JSON.stringify(text)},${call}}`

    yield this.#added(index, item('in_progress', ''))
    for (const piece of pieces) {
      yield this.#event(`${event}.delta`, `${at},"delta":${piece.json},"obfuscation":"${piece.padding}"`, piece.tokens)
    }
    const text = textOf(pieces)
    yield this.#event(`${event}.done`, `${at},"${field}":${JSON.stringify(text)}`)
    yield this.#itemDone(index, item('completed', text))
  }

  *#compaction({ tokens, ciphertext }: Compaction): Generator<ModelEvent> {
    const [id, index] = [newId('cmp'), this.#done.length]
    const item = `{"id":"${id}","type":"compaction","encrypted_content":"${ciphertext}"}`
    yield this.#added(index, item)
    yield this.#itemDone(index, item, tokens)
  }

  #added(index: number, item: string): ModelEvent {
    return this.#event('response.output_item.added', `"output_index":${index},"item":${item}`)
  }

  #itemDone(index: number, item: string, tokens: number = 0): ModelEvent {
    this.#done.push(item)
    return this.#event('response.output_item.done', `"output_index":${index},"item":${item}`, tokens)
  }

  #event(type: string, rest: string, tokens: number = 0): ModelEvent {
    this.#output += tokens
    return {
      type,
      json: `{"type":"${type}","sequence_number":${this.#sequence++},${rest}}`,
      outputTokens: tokens,
      reasoningTokens: 0,
      terminal: false,
      usageStated: false,
    }
  }

  #terminal(ending: FaultEnding | typeof COMPLETED): ModelEvent {
    if (ending.type === 'error') {
      const { code = 'server_error', message = SERVER_ERROR } = ending
      const error = `"code":${JSON.stringify(code)},"message":${JSON.stringify(message)},"param":null`
      this.#response = `{"error":{"type":"server_error",${error}}}`
      return { ...this.#event('error', error), terminal: true, failed: true }
    }
    const usageStated = !this.#start.omitUsage && statesUsage(ending)
    const usage = usageStated ? responsesUsage(this.#spent()) : 'null'
    const status = ending.type.slice('response.'.length)
    this.#response = this.#responseObject(status, usage, ending)
    const failed = ending.type === 'response.failed'
    return { ...this.#event(ending.type, `"response":${this.#response}`), terminal: true, usageStated, failed }
  }

  #spent(): Spent {
    const { inputTokens, cache } = this.#start
    return { input: inputTokens, cache, output: this.#output, reasoning: this.#reasoning }
  }

  #responseObject(status: string, usage: string, ending: Wording): string {
    const { id, model, serviceTier, echo } = this.#start
    const { code, message = SERVER_ERROR } = ending
    const error =
      status === 'failed'
        ? `{"code":${JSON.stringify(code ?? 'server_error')},"message":${JSON.stringify(message)}}`
        : 'null'
    const details = status === 'incomplete' ? `{"reason":${JSON.stringify(code ?? 'max_output_tokens')}}` : 'null'
    const completedAt = status === 'completed' ? Math.floor(Date.now() / 1000) : null
    return `{"id":"${id}","object":"response","created_at":${this.#createdAt},"status":"${status}","background":false,"completed_at":${completedAt},"error":${error},"incomplete_details":${details},"model":${JSON.stringify(model)},"output":[${this.#done.join(',')}],${echo},"service_tier":"${serviceTier}","usage":${usage}}`
  }
}

/** What an ending may say for itself. */
type Wording = Partial<Record<'code' | 'message', string>>

/** OpenAI's words for a failure of its own. */
export const SERVER_ERROR: string =
  'An error occurred while processing your request. You can retry your request, or contact us through our help center at help.openai.com if the error persists.'

function statesUsage(ending: FaultEnding | typeof COMPLETED): boolean {
  if (ending.type === 'response.completed') return true
  return ending.usage ?? ending.type === 'response.incomplete'
}
