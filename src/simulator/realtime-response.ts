import { SERVER_ERROR, type ModelEvent } from './events.ts'
import type { FaultEnding } from './faults.ts'
import { newId } from './ids.ts'
import type { JsonObject } from './json.ts'
import type { Piece } from './pieces.ts'
import { AUDIO_BYTES_PER_MS, audioTokens, type Modal, type RealtimeInput } from './realtime-conversation.ts'
import type { RealtimeOutput } from './truth.ts'

/** What a realtime response starts from. */
export interface RealtimeStart {
  readonly conversation: string
  /** The item before its own. */
  readonly previousItem: string | null
  readonly modalities: unknown
  /** Whether it speaks or writes. */
  readonly audio: boolean
  readonly metadata: unknown
  readonly pieces: readonly Piece[]
  readonly input: RealtimeInput
  readonly omitUsage: boolean
  readonly ending: FaultEnding | undefined
}

/** How long it takes to say one piece. */
const PIECE_MS = 100
/** What the model says costs a token every 50 ms (OpenAI, "Managing costs"). */
const OUTPUT_TOKEN_MS = 50
const PIECE_AUDIO_TOKENS = PIECE_MS / OUTPUT_TOKEN_MS
const SILENCE = Buffer.alloc(PIECE_MS * AUDIO_BYTES_PER_MS).toString('base64')

const SILENT: RealtimeOutput = { outputText: 0, outputAudio: 0 }

/** Why it was: the client said so, or somebody began to speak. */
export type Cancelled = 'client_cancelled' | 'turn_detected'

type Status = 'completed' | 'cancelled' | 'failed' | 'incomplete'

/** One answer on its way out, as the realtime API tells it. */
export class RealtimeResponse {
  readonly id: string = newId('resp')
  readonly itemId: string = newId('item')
  readonly #start: RealtimeStart
  readonly #at: JsonObject
  #output = SILENT
  #text = ''
  #audioBytes = 0
  #begun = false
  #cancelled: Cancelled | undefined

  constructor(start: RealtimeStart) {
    this.#start = start
    this.#at = { response_id: this.id, item_id: this.itemId, output_index: 0, content_index: 0 }
  }

  /** Ends it with its next event, which is the last one. */
  cancel(reason: Cancelled): void {
    this.#cancelled ??= reason
  }

  /** What it costs to read the answer as a part of the conversation later. */
  get tokens(): Modal {
    const { outputText } = this.#output
    if (this.#start.audio) return { text: 0, audio: audioTokens(this.#audioBytes), image: 0 }
    return { text: outputText, audio: 0, image: 0 }
  }

  /** The events from `response.created` to `response.done`, each made when it is asked for. */
  *events(): Generator<ModelEvent> {
    const { ending } = this.#start
    let sent = 0
    const generated = this.#beforeTheEnd()
    while (this.#cancelled === undefined && sent !== ending?.afterEvents) {
      const next = generated.next()
      if (next.done === true) break
      yield next.value
      sent++
    }
    if (this.#cancelled !== undefined) yield this.#done('cancelled', { reason: this.#cancelled }, true)
    else yield this.#end(ending)
  }

  *#beforeTheEnd(): Generator<ModelEvent> {
    const { previousItem: previous_item_id } = this.#start
    yield this.#event('response.created', { response: this.#object('in_progress', null, null) })
    this.#begun = true
    const item = this.#item('in_progress', [])
    yield this.#event('response.output_item.added', { response_id: this.id, output_index: 0, item })
    yield this.#event('conversation.item.added', { previous_item_id, item })
    yield this.#event('response.content_part.added', { ...this.#at, part: this.#part('') })
    yield* this.#start.audio ? this.#spoken() : this.#written()
    yield this.#event('response.content_part.done', { ...this.#at, part: this.#part(this.#text) })
    const whole = this.#item('completed', [this.#content()])
    yield this.#event('response.output_item.done', { response_id: this.id, output_index: 0, item: whole })
    yield this.#event('conversation.item.done', { previous_item_id, item: whole })
  }

  *#written(): Generator<ModelEvent> {
    for (const { text: delta, tokens } of this.#start.pieces) {
      this.#text += delta
      yield this.#event('response.output_text.delta', { ...this.#at, delta }, { outputText: tokens, outputAudio: 0 })
    }
    yield this.#event('response.output_text.done', { ...this.#at, text: this.#text })
  }

  *#spoken(): Generator<ModelEvent> {
    for (const { text: delta, tokens } of this.#start.pieces) {
      this.#text += delta
      const said = { outputText: tokens, outputAudio: 0 }
      yield this.#event('response.output_audio_transcript.delta', { ...this.#at, delta }, said)
      this.#audioBytes += PIECE_MS * AUDIO_BYTES_PER_MS
      const heard = { outputText: 0, outputAudio: PIECE_AUDIO_TOKENS }
      yield this.#event('response.output_audio.delta', { ...this.#at, delta: SILENCE }, heard)
    }
    yield this.#event('response.output_audio.done', this.#at)
    yield this.#event('response.output_audio_transcript.done', { ...this.#at, transcript: this.#text })
  }

  #end(ending: FaultEnding | undefined): ModelEvent {
    if (ending === undefined) return this.#done('completed', undefined, true)
    const { type, code, message = SERVER_ERROR, usage = type === 'response.incomplete' } = ending
    if (type === 'response.incomplete') return this.#done('incomplete', { reason: code ?? 'max_output_tokens' }, usage)
    const error = { type: 'server_error', code: code ?? 'server_error', message }
    if (type === 'response.failed') return this.#done('failed', { error }, usage)
    return { ...this.#event('error', { error: { ...error, param: null, event_id: null } }), terminal: true }
  }

  #done(status: Status, details: JsonObject | undefined, statesUsage: boolean): ModelEvent {
    const usageStated = statesUsage && !this.#start.omitUsage
    const response = this.#object(
      status,
      details === undefined ? null : { type: status, ...details },
      usageStated ? usageOf(this.#start.input, this.#output) : null,
    )
    return { ...this.#event('response.done', { response }), terminal: true, usageStated, failed: status === 'failed' }
  }

  #object(status: Status | 'in_progress', status_details: JsonObject | null, usage: JsonObject | null): JsonObject {
    const { conversation, modalities, metadata } = this.#start
    const item = this.#item(status === 'completed' ? status : 'incomplete', [this.#content()])
    return {
      object: 'realtime.response',
      id: this.id,
      status,
      status_details,
      output: status === 'in_progress' || !this.#begun ? [] : [item],
      conversation_id: conversation,
      output_modalities: modalities,
      max_output_tokens: 'inf',
      audio: { output: { format: { type: 'audio/pcm', rate: 24_000 }, voice: 'marin' } },
      usage,
      metadata: metadata ?? null,
    }
  }

  #item(status: string, content: readonly JsonObject[]): JsonObject {
    return { id: this.itemId, object: 'realtime.item', type: 'message', status, role: 'assistant', content }
  }

  #content(): JsonObject {
    return this.#start.audio
      ? { type: 'output_audio', transcript: this.#text }
      : { type: 'output_text', text: this.#text }
  }

  #part(text: string): JsonObject {
    return this.#start.audio ? { type: 'audio', transcript: text } : { type: 'text', text }
  }

  #event(type: string, fields: JsonObject, realtime: RealtimeOutput = SILENT): ModelEvent {
    const { outputText, outputAudio } = this.#output
    this.#output = {
      outputText: outputText + realtime.outputText,
      outputAudio: outputAudio + realtime.outputAudio,
    }
    return {
      type,
      json: JSON.stringify({ type, event_id: newId('event'), ...fields }),
      outputTokens: realtime.outputText + realtime.outputAudio,
      reasoningTokens: 0,
      terminal: false,
      usageStated: false,
      realtime,
    }
  }
}

/** As `response.done` states it. */
function usageOf({ all, cached }: RealtimeInput, { outputText, outputAudio }: RealtimeOutput): JsonObject {
  const [input, output] = [totalOf(all), outputText + outputAudio]
  return {
    total_tokens: input + output,
    input_tokens: input,
    output_tokens: output,
    input_token_details: {
      ...detailsOf(all),
      cached_tokens: totalOf(cached),
      cached_tokens_details: detailsOf(cached),
    },
    output_token_details: { text_tokens: outputText, audio_tokens: outputAudio },
  }
}

/** All tokens, whatever their modality. */
export function totalOf({ text, audio, image }: Modal): number {
  return text + audio + image
}

function detailsOf({ text, audio, image }: Modal): JsonObject {
  return { text_tokens: text, audio_tokens: audio, image_tokens: image }
}
