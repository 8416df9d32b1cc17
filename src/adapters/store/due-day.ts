import type { EpochMs } from '../../core/units.ts'
import { maybeInt, only, sql, type Script } from './sql.ts'

/** The first day that the daily reconciliation has not compared; undefined before it has run. */
export function* dueDay(): Script<EpochMs | undefined> {
  return maybeInt(yield* only(sql`SELECT reconcile_from FROM meta`), 'reconcile_from')
}

export function* setDueDay(day: EpochMs): Script<void> {
  yield sql`UPDATE meta SET reconcile_from = ${day}`
}
