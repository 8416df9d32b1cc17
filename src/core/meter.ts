import { LINE_FEED, CARRIAGE_RETURN, SPACE, QUOTE } from './ascii.ts'
import { JsonScanner } from './scan.ts'
import type { Watch } from './watch.ts'
import { usageOf, type Usage } from './usage.ts'

/** What an answer has said of itself so far. */
export interface Metered {
  usage: Usage | undefined
  responseId: string | undefined
  /** The tier that was really used. */
  serviceTier: string | undefined
  model: string | undefined
  /** How the answer said that it ended; undefined while it has not. */
  terminal: 'completed' | 'incomplete' | 'failed' | 'error' | undefined
  /** The error inside an answer whose status was good. */
  error:
    | { readonly code: string | undefined; readonly type: string | undefined; readonly message: string | undefined }
    | undefined
  /** Bytes of body seen. */
  bytes: number
}

/** Reads an answer in passing: it never changes a byte, keeps next to nothing, and throws nothing. */
export interface Meter {
  feed(chunk: Uint8Array): void
  readonly metered: Metered
  /** Whether what has come lacks the event with which every whole answer of its kind ends. */
  readonly unfinished: boolean
}

/** The API whose answer is metered. */
export type Dialect = 'responses' | 'chat'

export function meterFor(dialect: Dialect, contentType: string | undefined): Meter {
  return /^\s*text\/event-stream\b/i.test(contentType ?? '') ? new SseMeter(dialect) : new JsonMeter()
}

const RESPONSE: Watch = {
  id: 'value',
  usage: 'value',
  service_tier: 'value',
  model: 'value',
  status: 'value',
  error: 'value',
}

/** What may stand in one event: a Responses event, an error event, or a chunk of a chat completion. */
const EVENT: Watch = {
  type: 'value',
  response: RESPONSE,
  ...RESPONSE,
  code: 'value',
  message: 'value',
}

function nothing(): Metered {
  return {
    usage: undefined,
    responseId: undefined,
    serviceTier: undefined,
    model: undefined,
    terminal: undefined,
    error: undefined,
    bytes: 0,
  }
}

/** A unary answer: one JSON object. */
class JsonMeter implements Meter {
  readonly metered: Metered = nothing()
  readonly unfinished = false
  readonly #fields = new Map<string, unknown>()
  readonly #scanner = new JsonScanner(RESPONSE, (place, value) => this.#fields.set(place, value))

  feed(chunk: Uint8Array): void {
    this.metered.bytes += chunk.length
    if (this.#scanner.complete || this.#scanner.bad) return
    this.#scanner.feed(chunk)
    if (!this.#scanner.complete) return
    take(this.metered, this.#fields, '')
    const status = this.#fields.get('status')
    this.metered.terminal = status === 'failed' || status === 'incomplete' ? status : 'completed'
    if (this.metered.error) this.metered.terminal = 'failed'
  }
}

const DATA = bytesOf('data:')
const TYPE_FIRST = bytesOf('{"type":"')
/** Events worth reading; a stream has hundreds of others. */
const READ = ['response.created', 'response.completed', 'response.incomplete', 'response.failed', 'error'].map(bytesOf)

const TERMINAL = new Map<unknown, Metered['terminal']>([
  ['response.completed', 'completed'],
  ['response.incomplete', 'incomplete'],
  ['response.failed', 'failed'],
])

/** A stream of server-sent events. Linear in its bytes: events that do not matter are skipped at their first bytes. */
class SseMeter implements Meter {
  readonly metered: Metered = nothing()
  readonly #dialect: Dialect
  readonly #fields = new Map<string, unknown>()
  /** At the start of a line (with so many bytes of `data:` matched), in a line to skip, or in a line of data. */
  #line: 'start' | 'skip' | 'data' = 'start'
  #matched = 0
  /** Reads the data of the event at hand; undefined before its first data line. */
  #scanner: JsonScanner | undefined
  /** Whether the event at hand has turned out not to matter, or has been read. */
  #settled = false

  constructor(dialect: Dialect) {
    this.#dialect = dialect
  }

  get unfinished(): boolean {
    return this.#dialect === 'responses' && this.metered.terminal === undefined
  }

  feed(chunk: Uint8Array): void {
    this.metered.bytes += chunk.length
    let at = 0
    while (at < chunk.length) {
      if (this.#line === 'start') {
        at = this.#startLine(chunk, at)
      } else {
        const feed = chunk.indexOf(LINE_FEED, at)
        const end = feed === -1 ? chunk.length : feed
        if (this.#line === 'data') this.#data(chunk, at, end)
        if (feed !== -1) {
          this.#line = 'start'
          this.#matched = 0
        }
        at = end + 1
      }
    }
  }

  #startLine(chunk: Uint8Array, at: number): number {
    const byte = chunk[at] ?? 0
    if (byte === LINE_FEED && this.#matched === 0) {
      // An empty line ends the event.
      this.#scanner = undefined
      this.#settled = false
      return at + 1
    }
    if (byte === CARRIAGE_RETURN && this.#matched === 0) return at + 1
    if (byte !== DATA[this.#matched]) {
      this.#line = 'skip'
      return at
    }
    this.#matched++
    if (this.#matched === DATA.length) this.#line = this.#settled ? 'skip' : 'data'
    return at + 1
  }

  #data(chunk: Uint8Array, start: number, end: number): void {
    if (!this.#scanner) {
      if (isOfNoInterest(chunk, start, end)) {
        this.#settled = true
        this.#line = 'skip'
        return
      }
      this.#fields.clear()
      this.#scanner = new JsonScanner(EVENT, (place, value) => this.#fields.set(place, value))
    }
    this.#scanner.feed(chunk, start, end)
    if (!this.#scanner.complete || this.#settled) return
    this.#settled = true
    if (this.#dialect === 'chat') this.#chunk()
    else this.#event()
  }

  #event(): void {
    const type = this.#fields.get('type')
    if (type === 'error') {
      this.metered.terminal ??= 'error'
      this.metered.error ??= errorOf(this.#fields.get('error')) ?? errorOf(Object.fromEntries(this.#fields))
      return
    }
    const terminal = TERMINAL.get(type)
    if (terminal || type === 'response.created') take(this.metered, this.#fields, 'response.')
    if (terminal) this.metered.terminal = terminal
  }

  #chunk(): void {
    take(this.metered, this.#fields, '')
    if (this.metered.error) this.metered.terminal = 'error'
    else if (this.metered.usage) this.metered.terminal = 'completed'
  }
}

/** Whether the data surely begins an event that states nothing of the answer as a whole. False when in doubt. */
function isOfNoInterest(chunk: Uint8Array, start: number, end: number): boolean {
  const from = chunk[start] === SPACE ? start + 1 : start
  if (!matches(chunk, from, TYPE_FIRST)) return false
  const name = from + TYPE_FIRST.length
  const quote = chunk.indexOf(QUOTE, name)
  if (quote === -1 || quote >= end) return false
  return !READ.some((read) => read.length === quote - name && matches(chunk, name, read))
}

function matches(chunk: Uint8Array, at: number, text: Uint8Array): boolean {
  if (at + text.length > chunk.length) return false
  for (let i = 0; i < text.length; i++) if (chunk[at + i] !== text[i]) return false
  return true
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0))
}

/** What is stated later replaces what was stated before: a stream states running totals. */
function take(metered: Metered, fields: ReadonlyMap<string, unknown>, under: string): void {
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
