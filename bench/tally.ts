import { percentile } from './figures.ts'

/** Times in microseconds. */
export interface Spread {
  readonly p50: number
  readonly p99: number
}

export interface LoadReport {
  readonly requests: number
  readonly seconds: number
  /** To the first byte of an answer's body: a head alone tells nobody anything. */
  readonly firstByte: Spread
  readonly total: Spread
  /** From an event's leaving upstream to its arrival here; undefined where events carry no stamp. */
  readonly event: Spread | undefined
  readonly mostAtOnce: number
}

/** What the answers of one round took. Instants in milliseconds of `performance.now()`. */
export class Tally {
  readonly #from: number = performance.now()
  readonly #firstBytes: number[] = []
  readonly #totals: number[] = []
  readonly #events: number[] = []
  #running = 0
  #mostAtOnce = 0

  began(): void {
    this.#mostAtOnce = Math.max(this.#mostAtOnce, ++this.#running)
  }

  answered(sentAt: number, firstAt: number, now: number): void {
    this.#running--
    this.#firstBytes.push((firstAt - sentAt) * 1000)
    this.#totals.push((now - sentAt) * 1000)
  }

  /** So many microseconds each was on its way. */
  events(micros: readonly number[]): void {
    this.#events.push(...micros)
  }

  /** Since it was made. */
  report(): LoadReport {
    return {
      requests: this.#totals.length,
      seconds: (performance.now() - this.#from) / 1000,
      firstByte: spreadOf(this.#firstBytes),
      total: spreadOf(this.#totals),
      event: this.#events.length === 0 ? undefined : spreadOf(this.#events),
      mostAtOnce: this.#mostAtOnce,
    }
  }
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).toSorted()
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) }
}
