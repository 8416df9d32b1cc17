import type { EpochMs } from '../core/units.ts'
import type { Clock, Log } from '../ports.ts'

const HOUR_MS = 3_600_000
/** Callers choose the names of models, so there might be any number of notices. */
const REMEMBERED = 1000
const SHOWN = 20

interface Notice {
  readonly event: string
  readonly what: string
  readonly toldAt: EpochMs
  seenAt: EpochMs
}

/** What the administrator should hear of, but not with every call: each thing once an hour. */
export class Notices {
  readonly #log: Log
  readonly #now: Clock
  readonly #told = new Map<string, Notice>()

  constructor(log: Log, now: Clock) {
    this.#log = log
    this.#now = now
  }

  warn(event: string, what: string): void {
    const [now, name] = [this.#now(), `${event}: ${what}`]
    const told = this.#told.get(name)
    if (told !== undefined && now - told.toldAt < HOUR_MS) {
      told.seenAt = now
      return
    }
    // Deleted first, so that the map stays in the order of time.
    this.#told.delete(name)
    this.#told.set(name, { event, what, toldAt: now, seenAt: now })
    if (this.#told.size > REMEMBERED) this.#told.delete(this.#told.keys().next().value ?? '')
    this.#log.warn(event, { what })
  }

  /** Of what was seen in the last hour the things that were told last. */
  recent(event: string): readonly string[] {
    const now = this.#now()
    return [...this.#told.values()]
      .filter((notice) => notice.event === event && now - notice.seenAt < HOUR_MS)
      .map(({ what }) => what)
      .slice(-SHOWN)
  }
}
