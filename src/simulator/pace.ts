/** Longer waits have a timer of their own, which can be given up. */
const LONGEST_SHARED_MS = 1_000

/**
 * Wakes many streams with one timer.
 *
 * Waits of up to a second are put together by the millisecond, so a thousand paced streams cost one
 * timer; such a wait is not given up early, so whoever waits looks again when it wakes.
 */
export class Pace {
  readonly #due = new Map<number, (() => void)[]>()
  #next = 0
  #timer: NodeJS.Timeout | undefined

  /** Resolves after `ms`, or for longer waits when `signal` aborts before. */
  wait(ms: number, signal: AbortSignal): Promise<void> {
    if (ms > LONGEST_SHARED_MS) return longWait(ms, signal)
    return new Promise((resolve) => this.#at(Math.ceil(performance.now() + ms), resolve))
  }

  #at(tick: number, wake: () => void): void {
    const others = this.#due.get(tick)
    if (others === undefined) this.#due.set(tick, [wake])
    else others.push(wake)
    if (this.#timer !== undefined && this.#next <= tick) return
    clearTimeout(this.#timer)
    this.#arm(tick)
  }

  #arm(tick: number): void {
    this.#next = tick
    this.#timer = setTimeout(() => this.#wake(), Math.max(1, tick - performance.now()))
  }

  #wake(): void {
    this.#timer = undefined
    const now = performance.now()
    let soonest = Infinity
    const due: number[] = []
    for (const tick of this.#due.keys()) {
      if (tick > now) soonest = Math.min(soonest, tick)
      else due.push(tick)
    }
    // In a busy process the time of several has come.
    for (const tick of due.toSorted((a, b) => a - b)) {
      const sleepers = this.#due.get(tick) ?? []
      this.#due.delete(tick)
      for (const wake of sleepers) wake()
    }
    if (soonest !== Infinity && this.#timer === undefined) this.#arm(soonest)
  }
}

/** Resolves when the signal aborts. */
export function forEver(signal: AbortSignal): Promise<void> {
  return longWait(undefined, signal)
}

function longWait(ms: number | undefined, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve()
      return
    }
    const timer = ms === undefined ? undefined : setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
