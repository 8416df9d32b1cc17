import { QUOTE, SPACE } from './ascii.ts'
import { usageOf, type Usage } from './usage.ts'
import type { Watch } from './watch.ts'

/** What an answer has said of itself so far. */
export interface Metered {
  usage: Usage | undefined
  responseId: string | undefined
  /** The tier that was really used. */
  serviceTier: string | undefined
  model: string | undefined
  /** How the answer said that it ended; undefined while it has not. */
  terminal: 'completed' | 'incomplete' | 'failed' | 'cancelled' | 'error' | undefined
  /** The error inside an answer whose status was good. */
  error:
    | { readonly code: string | undefined; readonly type: string | undefined; readonly message: string | undefined }
    | undefined
  /** Bytes of body seen. */
  bytes: number
  /** Of them those of the events that carry output, piece by piece. */
  outputBytes: number
}

/** What of a response, or of a unary answer, is read. */
export const RESPONSE: Watch = {
  id: 'value',
  usage: 'value',
  service_tier: 'value',
  model: 'value',
  status: 'value',
  error: 'value',
}

/** What may stand in one event: a Responses event, an error event, or a chunk of a chat completion. */
export const EVENT: Watch = {
  type: 'value',
  response: RESPONSE,
  ...RESPONSE,
  code: 'value',
  headers: 'value',
  status_code: 'value',
  message: 'value',
}

export function nothing(): Metered {
  return {
    usage: undefined,
    responseId: undefined,
    serviceTier: undefined,
    model: undefined,
    terminal: undefined,
    error: undefined,
    bytes: 0,
    outputBytes: 0,
  }
}

const TYPE_FIRST = bytesOf('{"type":"')
const ENDS = new Map<string, Metered['terminal']>([
  ['response.completed', 'completed'],
  ['response.incomplete', 'incomplete'],
  ['response.failed', 'failed'],
  ['response.cancelled', 'cancelled'],
])

/** Events worth reading; a stream has hundreds of others. */
const READ = ['response.created', ...ENDS.keys(), 'error'].map(bytesOf)

/** Takes from a whole event of the Responses API, whose watched fields were read, what it says of the answer. */
export function readEvent(metered: Metered, fields: ReadonlyMap<string, unknown>): void {
  const type = fields.get('type')
  if (type === 'error') {
    metered.terminal ??= 'error'
    metered.error ??= errorOf(fields.get('error')) ?? errorOf(Object.fromEntries(fields))
    return
  }
  const terminal = typeof type === 'string' ? ENDS.get(type) : undefined
  if (terminal || type === 'response.created') take(metered, fields, 'response.')
  if (terminal) metered.terminal = terminal
}

const DELTA = bytesOf('.delta')

/**
 * What the data is by its beginning: `delta` and `other` surely state nothing of the answer as a whole, and a `delta`
 * carries a piece of output; `read` may state something, or it cannot be told.
 */
export function interestOf(chunk: Uint8Array, start: number, end: number): 'read' | 'delta' | 'other' {
  const from = chunk[start] === SPACE ? start + 1 : start
  if (!matches(chunk, from, TYPE_FIRST)) return 'read'
  const name = from + TYPE_FIRST.length
  const quote = chunk.indexOf(QUOTE, name)
  if (quote === -1 || quote >= end) return 'read'
  if (matches(chunk, quote - DELTA.length, DELTA)) return 'delta'
  return READ.some((read) => read.length === quote - name && matches(chunk, name, read)) ? 'read' : 'other'
}

/** Whether the text stands there. */
export function matches(chunk: Uint8Array, at: number, text: Uint8Array): boolean {
  if (at + text.length > chunk.length) return false
  for (let i = 0; i < text.length; i++) if (chunk[at + i] !== text[i]) return false
  return true
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0))
}

/** What is stated later replaces what was stated before: a stream states running totals. */
export function take(metered: Metered, fields: ReadonlyMap<string, unknown>, under: string): void {
  metered.usage = usageOf(fields.get(`${under}usage`)) ?? metered.usage
  metered.responseId = textIn(fields.get(`${under}id`)) ?? metered.responseId
  metered.serviceTier = textIn(fields.get(`${under}service_tier`)) ?? metered.serviceTier
  metered.model = textIn(fields.get(`${under}model`)) ?? metered.model
  metered.error = errorOf(fields.get(`${under}error`)) ?? metered.error
}

function errorOf(value: unknown): Metered['error'] {
  if (typeof value !== 'object' || value === null) return undefined
  const { code, type, message } = value as Readonly<Record<string, unknown>>
  return { code: textIn(code), type: textIn(type), message: textIn(message) }
}

/** Strings only, and no longer than an identifier or a sentence. */
function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, 500) : undefined
}
