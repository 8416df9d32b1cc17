import { meterFor, type Meter, type Metered } from './meter.ts'

/** Where a stream has not said by then what it is, it is taken for a usual one. */
const LOOKED_AT_BYTES = 4096
/** An error that takes more has something else in mind; what an answer says before it begins repeats the request, at most. */
const MOST_HELD_BYTES = 262_144
/** The name of an event stands within so many bytes of its line, if it stands at the line's beginning at all. */
const LINE_BYTES = 160
const TYPE = /^(?:event: ?(?<event>[^\r\n]+)[\r\n]|data: ?\{"type": ?"(?<type>[^"]+)")/
const LINE_FEED = 10
/** Upstream has taken the request, and nothing of an answer has come: it may still refuse. */
const BEFORE = new Set(['response.created', 'response.in_progress', 'response.queued'])
const FAILURES = new Set(['response.failed', 'error'])
const FAILED: ReadonlySet<Metered['terminal']> = new Set<Metered['terminal']>(['failed', 'error'])

/**
 * Looks at how a stream of Responses events begins, and says as soon as it can whether it is an answer, or nothing but
 * a failure under a good status. Events that only say that the request was taken are neither. As long as it has not
 * decided, nothing of the stream need have gone to anybody.
 */
export class FirstEvent {
  readonly #meter: Meter = meterFor('responses', 'text/event-stream')
  readonly #text = new TextDecoder('latin1')
  /** How the line at hand begins. */
  #line = ''
  /** Of the event that was named last. */
  #name: string | undefined

  /** What the failure says, once there is one. */
  get metered(): Metered {
    return this.#meter.metered
  }

  /** Undefined while it cannot be told. */
  feed(chunk: Uint8Array): 'answer' | 'failure' | undefined {
    this.#meter.feed(chunk)
    const { terminal, bytes } = this.metered
    if (terminal !== undefined) return FAILED.has(terminal) ? 'failure' : 'answer'
    if (this.#hasBegun(chunk)) return 'answer'
    return bytes <= (this.#name === undefined ? LOOKED_AT_BYTES : MOST_HELD_BYTES) ? undefined : 'answer'
  }

  /** Whether an event is named that belongs to an answer. */
  #hasBegun(chunk: Uint8Array): boolean {
    for (let at = 0; at < chunk.length;) {
      const feed = chunk.indexOf(LINE_FEED, at)
      const end = feed === -1 ? chunk.length : feed + 1
      if (this.#line.length < LINE_BYTES) {
        this.#line += this.#text.decode(chunk.subarray(at, Math.min(end, at + LINE_BYTES - this.#line.length)))
        const { event, type } = TYPE.exec(this.#line)?.groups ?? {}
        this.#name = event ?? type ?? this.#name
        if (this.#name !== undefined && !BEFORE.has(this.#name) && !FAILURES.has(this.#name)) return true
      }
      if (feed !== -1) this.#line = ''
      at = end
    }
    return false
  }
}
