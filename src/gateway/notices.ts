import type { EpochMs } from '../core/units.ts'
import type { Clock, Log } from '../ports.ts'

const HOUR_MS = 3_600_000
/** Callers choose the names of models, so there might be any number of notices. */
const REMEMBERED = 1000

/** What the administrator should hear of, but not with every call: each thing once an hour. */
export class Notices {
  readonly #log: Log
  readonly #now: Clock
  readonly #told = new Map<string, EpochMs>()

  constructor(log: Log, now: Clock) {
    this.#log = log
    this.#now = now
  }

  warn(event: string, what: string): void {
    const [now, name] = [this.#now(), `${event}: ${what}`]
    const told = this.#told.get(name)
    if (told !== undefined && now - told < HOUR_MS) return
    // Deleted first, so that the map stays in the order of time.
    this.#told.delete(name)
    this.#told.set(name, now)
    if (this.#told.size > REMEMBERED) this.#told.delete(this.#told.keys().next().value ?? '')
    this.#log.warn(event, { what })
  }
}
