import { CARRIAGE_RETURN, LINE_FEED } from './ascii.ts'
import { EVENT, RESPONSE, interestOf, nothing, readEvent, take, type Metered } from './event.ts'
import { JsonScanner } from './scan.ts'

export type { Metered } from './event.ts'

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

const NOT_COMPLETED = ['failed', 'incomplete', 'cancelled'] as const

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
    this.metered.terminal = NOT_COMPLETED.find((other) => other === status) ?? 'completed'
    if (this.metered.error) this.metered.terminal = 'failed'
  }
}

const DATA = new TextEncoder().encode('data:')
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
  /** Of the line at hand, behind its name; and whether it carries output. */
  #lineBytes = 0
  #isOutput = false
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
        this.#lineBytes += end - at
        if (feed !== -1) this.#endLine()
        at = end + 1
      }
    }
  }

  #endLine(): void {
    if (this.#isOutput) this.metered.outputBytes += this.#lineBytes
    this.#line = 'start'
    this.#lineBytes = 0
    this.#isOutput = false
    this.#matched = 0
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
      const interest = interestOf(chunk, start, end)
      // A chunk of a chat completion is a piece of output, whatever it may state too.
      this.#isOutput = interest === 'delta' || this.#dialect === 'chat'
      if (interest !== 'read') {
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
    else readEvent(this.metered, this.#fields)
    this.#isOutput ||= String(this.#fields.get('type')).endsWith('.delta')
  }

  #chunk(): void {
    take(this.metered, this.#fields, '')
    if (this.metered.error) this.metered.terminal = 'error'
    else if (this.metered.usage) this.metered.terminal = 'completed'
  }
}
