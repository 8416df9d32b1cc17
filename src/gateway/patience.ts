import { Refusal } from '../core/refusal.ts'

/** What a call may be waiting for, in the words of the refusal that ends the wait. */
export type Wait = 'place' | 'room' | 'seat' | 'ledger'

/** The client went away. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft'
}

const SOONEST_MS = 10_000
const LATEST_MS = 60_000

interface WaitOptions {
  /** How long it may still take, for the refusal that ends it. */
  readonly expectedMs?: () => number | undefined
  /** What this wait gets at least, however little time is left: for what is no queue. */
  readonly leastMs?: number
}

/** Who waits now, and may be told to go. */
export interface Guard {
  readonly waiting: Set<Patience>
  /** Throws the Refusal of a caller who is not let in any more. */
  check(): void
}

/**
 * How long a call may wait in all, for whatever it waits for: so much time, and the client's own end. The clock runs
 * only while something is waited for; what is there at once is had even when no time is left.
 *
 * `signal` aborts with ClientLeft, or with the Refusal that says what was waited for in vain.
 */
export class Patience {
  readonly #controller = new AbortController()
  /** The client's own end alone: an answer that has begun to come is not cut by the deadline. */
  readonly client: AbortSignal
  #leftMs: number
  readonly #guard: Guard | undefined
  readonly #left = (): void => {
    this.#controller.abort(new ClientLeft('the client left'))
  }

  constructor(client: AbortSignal, limitMs: number, guard?: Guard) {
    this.client = client
    this.#guard = guard
    if (client.aborted) this.#left()
    else client.addEventListener('abort', this.#left, { once: true })
    this.#leftMs = limitMs
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Waits for something that ends with the signal; rejects with its reason. */
  async wait<T>(what: Wait, work: (signal: AbortSignal) => Promise<T>, options: WaitOptions = {}): Promise<T> {
    this.signal.throwIfAborted()
    const { expectedMs, leastMs = 0 } = options
    const startedAt = performance.now()
    const end = (): void => this.#controller.abort(exhausted(what, expectedMs?.()))
    const timer = setTimeout(end, Math.max(leastMs, this.#leftMs))
    this.#guard?.waiting.add(this)
    try {
      return await work(this.signal)
    } finally {
      clearTimeout(timer)
      this.#guard?.waiting.delete(this)
      this.#leftMs = Math.max(0, this.#leftMs - (performance.now() - startedAt))
    }
  }

  /** Ends the wait of a caller who is not let in any more: its key or its member was disabled meanwhile. */
  check(): void {
    try {
      this.#guard?.check()
    } catch (refusal) {
      this.#controller.abort(refusal)
    }
  }

  /** Waits for something that cannot be called off; what comes when patience is over goes to `late`. */
  async within<T>(what: Wait, act: () => Promise<T>, late: (value: T) => void, leastMs: number): Promise<T> {
    const work = async (signal: AbortSignal): Promise<T> =>
      await new Promise<T>((resolve, reject) => {
        const ended = (): void => reject(signal.reason as Error)
        signal.addEventListener('abort', ended, { once: true })
        act()
          .then((value) => (signal.aborted ? late(value) : resolve(value)), reject)
          .finally(() => signal.removeEventListener('abort', ended))
      })
    return await this.wait(what, work, { leastMs })
  }

  async sleep(what: Wait, ms: number): Promise<void> {
    await this.wait(what, async (signal) => {
      await new Promise<void>((resolve, reject) => {
        const done = (): void => {
          clearTimeout(timer)
          signal.removeEventListener('abort', done)
          if (signal.aborted) reject(signal.reason as Error)
          else resolve()
        }
        const timer = setTimeout(done, ms)
        signal.addEventListener('abort', done)
      })
    })
  }

  [Symbol.dispose](): void {
    this.client.removeEventListener('abort', this.#left)
  }
}

/** The refusal that is due when a wait was in vain; `expectedMs` is how long it might have gone on. */
export function exhausted(what: Wait, expectedMs?: number, cause?: unknown): Refusal {
  const code = what === 'ledger' ? 'ledger_unavailable' : 'concurrency_limit_exceeded'
  return new Refusal(code, REASONS[what], { retryAfterMs: retryAfterMs(expectedMs), cause })
}

/** When it may help to try again: the expected wait, within 10 to 60 s. */
export function retryAfterMs(expectedMs: number = SOONEST_MS): number {
  return Math.min(LATEST_MS, Math.max(SOONEST_MS, expectedMs))
}

const REASONS: Readonly<Record<Wait, string>> = {
  place: 'All of your places at the gateway are taken by calls that are still running.',
  room: 'Your calls that are still running may use up what is left of your quota.',
  seat: 'All of the gateway’s upstream keys are busy or cooling down after rate limits.',
  ledger: 'The gateway cannot write its ledger at the moment, so it serves no calls.',
}
