import type { EpochMs } from '../../core/units.ts'
import { maybeInt, only, sql, type Script } from './sql.ts'

/** The ledger's own time: follows the clock, but never runs backwards. */
export class LedgerTime {
  #last: EpochMs

  /** `last` is the newest instant already in the ledger. */
  constructor(last: EpochMs) {
    this.#last = last
  }

  /** The given instant, or the last one where the clock was set back. */
  at(now: EpochMs): EpochMs {
    if (now > this.#last) this.#last = now
    return this.#last
  }
}

/** The newest instant in the ledger, 0 when it is empty. */
export function* newestInstant(): Script<EpochMs> {
  const row = yield* only(sql`
    SELECT (SELECT admitted_at FROM calls ORDER BY seq DESC LIMIT 1) AS admitted,
           (SELECT ended_at FROM calls ORDER BY seq DESC LIMIT 1) AS ended,
           (SELECT opened_at FROM windows ORDER BY id DESC LIMIT 1) AS opened`)
  return Math.max(maybeInt(row, 'admitted') ?? 0, maybeInt(row, 'ended') ?? 0, maybeInt(row, 'opened') ?? 0)
}
