import { meterFor, type Meter, type Metered } from './meter.ts'

/** Where a stream has not said by then what it is, it is taken for a usual one. */
const LOOKED_AT_CHARS = 4096
/** An error that takes more has something else in mind. */
const LONGEST_FAILURE_BYTES = 262_144
const TYPE = /^(?:event: ?(?<event>[^\r\n]+)[\r\n]|data: ?\{"type": ?"(?<type>[^"]+)")/m
const FAILURES = new Set(['response.failed', 'error'])
const FAILED: ReadonlySet<Metered['terminal']> = new Set<Metered['terminal']>(['failed', 'error'])

/**
 * Looks at how a stream of Responses events begins, and says as soon as it can whether it is an answer, or nothing but
 * a failure under a good status. As long as it has not decided, nothing of the stream need have gone to anybody.
 */
export class FirstEvent {
  readonly #meter: Meter = meterFor('responses', 'text/event-stream')
  #beginning = ''

  /** What the failure says, once there is one. */
  get metered(): Metered {
    return this.#meter.metered
  }

  /** Undefined while it cannot be told. */
  feed(chunk: Uint8Array): 'answer' | 'failure' | undefined {
    this.#meter.feed(chunk)
    const { terminal, bytes } = this.metered
    if (terminal !== undefined) return FAILED.has(terminal) ? 'failure' : 'answer'
    this.#beginning += new TextDecoder('latin1').decode(chunk.subarray(0, LOOKED_AT_CHARS - this.#beginning.length))
    const name = nameIn(this.#beginning)
    const looksBad = name === undefined || FAILURES.has(name)
    return looksBad && bytes <= (name === undefined ? LOOKED_AT_CHARS : LONGEST_FAILURE_BYTES) ? undefined : 'answer'
  }
}

function nameIn(beginning: string): string | undefined {
  const found = TYPE.exec(beginning)?.groups
  return found?.['event'] ?? found?.['type']
}
