import type { Metered } from './event.ts'
import { realtimeUsageOf } from './realtime-usage.ts'
import { JsonScanner } from './scan.ts'
import type { Usage } from './usage.ts'
import type { Watch } from './watch.ts'

/** What an error says of itself; `event` is the client's event that it is about, where that had an id. */
export type RealtimeError = NonNullable<Metered['error']> & { readonly event: string | undefined }

/** What an event of a realtime session is to whoever meters it. */
export type RealtimeEvent =
  /** Tells the models: of the session, and of what writes down what is said to it. */
  | { readonly kind: 'session'; readonly model: string | undefined; readonly transcriber: string | undefined }
  | { readonly kind: 'created'; readonly response: string }
  | {
      readonly kind: 'done'
      readonly response: string
      /** One that failed or was cancelled costs what it states, and else nothing. */
      readonly failed: boolean
      readonly usage: Usage | undefined
      readonly error: RealtimeError | undefined
    }
  /** What was said was written down, by a model of its own. */
  | { readonly kind: 'transcribed'; readonly item: string; readonly usage: Usage | undefined }
  | { readonly kind: 'error'; readonly error: RealtimeError }
  | { readonly kind: 'other' }

const SESSION: Watch = {
  model: 'value',
  audio: { input: { transcription: { model: 'value' } } },
  input_audio_transcription: { model: 'value' },
}

const EVENT: Watch = {
  type: 'value',
  session: SESSION,
  response: { id: 'value', status: 'value', usage: 'value', status_details: 'value' },
  item_id: 'value',
  usage: 'value',
  error: 'value',
}

const OTHER: RealtimeEvent = { kind: 'other' }

type Fields = ReadonlyMap<string, unknown>

const READERS: ReadonlyMap<unknown, (fields: Fields) => RealtimeEvent> = new Map([
  ['session.created', session],
  ['session.updated', session],
  ['transcription_session.created', session],
  ['transcription_session.updated', session],
  ['response.created', created],
  ['response.done', done],
  ['conversation.item.input_audio_transcription.completed', transcribed],
  ['error', (fields: Fields): RealtimeEvent => ({ kind: 'error', error: errorIn(fields.get('error')) })],
])

/** Reads one message of upstream's. Throws nothing, whatever it holds. */
export function readRealtime(message: Uint8Array): RealtimeEvent {
  const fields = fieldsOf(message, EVENT)
  return READERS.get(fields?.get('type'))?.(fields ?? new Map()) ?? OTHER
}

/** What a message of the client's asks for; `id` is its own name for it, by which an error tells what it is about. */
export function readRealtimeRequest(message: Uint8Array): {
  readonly type: string | undefined
  readonly id: string | undefined
} {
  const fields = fieldsOf(message, REQUEST)
  return { type: text(fields?.get('type')), id: text(fields?.get('event_id')) }
}

const REQUEST: Watch = { type: 'value', event_id: 'value' }

function fieldsOf(message: Uint8Array, watch: Watch): Fields | undefined {
  const fields = new Map<string, unknown>()
  const scanner = new JsonScanner(watch, (place, value) => fields.set(place, value))
  scanner.feed(message)
  return scanner.end() ? fields : undefined
}

function session(fields: Fields): RealtimeEvent {
  return {
    kind: 'session',
    model: text(fields.get('session.model')),
    transcriber:
      text(fields.get('session.audio.input.transcription.model')) ??
      text(fields.get('session.input_audio_transcription.model')),
  }
}

function created(fields: Fields): RealtimeEvent {
  const response = text(fields.get('response.id'))
  return response === undefined ? OTHER : { kind: 'created', response }
}

function done(fields: Fields): RealtimeEvent {
  const response = text(fields.get('response.id'))
  if (response === undefined) return OTHER
  const status = fields.get('response.status')
  const details = fields.get('response.status_details')
  const error = typeof details === 'object' && details !== null && 'error' in details ? details.error : undefined
  return {
    kind: 'done',
    response,
    failed: status === 'failed' || status === 'cancelled',
    usage: realtimeUsageOf(fields.get('response.usage')),
    error: status === 'failed' ? errorIn(error) : undefined,
  }
}

function transcribed(fields: Fields): RealtimeEvent {
  const item = text(fields.get('item_id'))
  return item === undefined ? OTHER : { kind: 'transcribed', item, usage: realtimeUsageOf(fields.get('usage')) }
}

function errorIn(value: unknown): RealtimeError {
  const fields = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
  const { code, type, message, event_id: event } = fields
  return { code: text(code), type: text(type), message: text(message), event: text(event) }
}

/** No longer than an identifier or a sentence. */
function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, 500) : undefined
}
