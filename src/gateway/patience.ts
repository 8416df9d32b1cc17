import { Refusal } from '../core/refusal.ts'

/** What a call may be waiting for, in the words of the refusal that ends the wait. */
export type Wait = 'place' | 'room' | 'seat' | 'ledger'

/** The client went away. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft'
}

const SOONEST_MS = 10_000
const LATEST_MS = 60_000

/**
 * How long a call may wait in all, for whatever it waits for: so much time, and the client's own end. What upstream
 * takes over a try is no waiting (`during`).
 *
 * `signal` aborts with ClientLeft, or with the Refusal that says what was waited for in vain.
 */
export class Patience {
  readonly #controller = new AbortController()
  /** The client's own end alone: an answer that has begun to come is not cut by the deadline. */
  readonly client: AbortSignal
  #timer: NodeJS.Timeout | undefined
  #leftMs: number
  #startedAt = 0
  readonly #left = (): void => {
    this.#controller.abort(new ClientLeft('the client left'))
  }
  #waitingFor: Wait = 'place'
  #expectedMs: () => number | undefined = () => undefined

  constructor(client: AbortSignal, limitMs: number) {
    this.client = client
    if (client.aborted) this.#left()
    else client.addEventListener('abort', this.#left, { once: true })
    this.#leftMs = limitMs
    this.#start()
  }

  #start(): void {
    this.#startedAt = performance.now()
    this.#timer = setTimeout(() => this.#controller.abort(this.exhausted()), Math.max(0, this.#leftMs))
  }

  /** Does something that has a time limit of its own, while the clock of the wait stands still. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    clearTimeout(this.#timer)
    this.#leftMs -= performance.now() - this.#startedAt
    try {
      return await work()
    } finally {
      this.#start()
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Names what is waited for from now on, and how long that may still take. */
  waitFor(wait: Wait, expectedMs: () => number | undefined = () => undefined): void {
    this.#waitingFor = wait
    this.#expectedMs = expectedMs
  }

  /** The refusal that is due when the wait is over. */
  exhausted(cause?: unknown): Refusal {
    const retryAfterMs = this.retryAfterMs()
    const code = this.#waitingFor === 'ledger' ? 'ledger_unavailable' : 'concurrency_limit_exceeded'
    return new Refusal(code, REASONS[this.#waitingFor], { retryAfterMs, cause })
  }

  /** When it may help to try again: the expected wait, within 10 to 60 s. */
  retryAfterMs(): number {
    return Math.min(LATEST_MS, Math.max(SOONEST_MS, this.#expectedMs() ?? SOONEST_MS))
  }

  /** The outcome of something that cannot be called off, unless patience ends before: what comes later goes to `late`. */
  async within<T>(outcome: Promise<T>, late: (value: T) => void): Promise<T> {
    const { signal } = this
    return await new Promise<T>((resolve, reject) => {
      const ended = (): void => reject(signal.reason as Error)
      signal.addEventListener('abort', ended, { once: true })
      if (signal.aborted) ended()
      outcome
        .then((value) => (signal.aborted ? late(value) : resolve(value)), reject)
        .finally(() => signal.removeEventListener('abort', ended))
    })
  }

  async sleep(ms: number): Promise<void> {
    const { signal } = this
    signal.throwIfAborted()
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
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.client.removeEventListener('abort', this.#left)
  }
}

const REASONS: Readonly<Record<Wait, string>> = {
  place: 'All of your places at the gateway are taken by calls that are still running.',
  room: 'Your calls that are still running may use up what is left of your quota.',
  seat: 'All of the gateway’s upstream keys are busy or cooling down after rate limits.',
  ledger: 'The gateway cannot write its ledger at the moment, so it serves no calls.',
}
