import type { EpochMs } from '../../core/units.ts'
import type { Clock } from '../../ports.ts'

const LONGEST_TIMER_MS = 2_147_483_647

/** Rings once at a time that can be moved; Infinity is never. */
export class Alarm {
  readonly #now: Clock
  readonly #ring: () => void
  #timer: NodeJS.Timeout | undefined
  #at = Infinity

  constructor(now: Clock, ring: () => void) {
    this.#now = now
    this.#ring = ring
  }

  get isSet(): boolean {
    return this.#timer !== undefined
  }

  /** Whether it is time, though it may not have rung yet. */
  get isDue(): boolean {
    return this.#at <= this.#now()
  }

  set(at: EpochMs): void {
    if (at === this.#at) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#at = at
    if (at === Infinity) return
    const delay = Math.min(Math.max(at - this.#now(), 1), LONGEST_TIMER_MS)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#at = Infinity
      this.#ring()
    }, delay)
  }

  setNoLaterThan(at: EpochMs): void {
    if (at < this.#at) this.set(at)
  }
}
