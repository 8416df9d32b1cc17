import { isPriced, type CallKind } from '../../core/intent.ts'
import type { EpochMs, MemberId } from '../../core/units.ts'
import { NO_USAGE } from '../../core/usage.ts'
import { addToTotals } from './rolling.ts'
import { type Script, big, flag, int, sql, text } from './sql.ts'
import { closeLeftOpen } from './connections.ts'
import { addToRollups, summandOf } from './rollups.ts'
import { addToWindows, windowsIn } from './windows.ts'

/**
 * Settles the calls that dead instances left open, and returns how many there were.
 *
 * A call with an attempt may have been billed: it is charged what it held, as an estimate where its kind has a price. One
 * without cannot have gone upstream and costs nothing. The caller holds the serve lock, so every other instance of this database is dead.
 */
export function* recover(instance: string, now: EpochMs): Script<number> {
  yield* closeLeftOpen(instance, now)
  const calls = yield sql`
    SELECT seq, member, gateway_key, model, kind, started_at, hold, window_5h, window_daily, window_weekly, window_monthly,
      CASE WHEN EXISTS (SELECT 1 FROM attempts WHERE attempts.call = calls.seq) THEN 1 ELSE 0 END AS attempted
    FROM calls WHERE ended_at IS NULL AND instance <> ${instance}`
  for (const call of calls) {
    const attempted = flag(call, 'attempted')
    const guess = isPriced(text(call, 'kind') as CallKind) ? 'estimated' : 'unknown'
    const precision = attempted ? guess : 'exact'
    const credits = attempted ? big(call, 'hold') : 0n
    yield sql`
      UPDATE calls SET
        ended_at = ${now}, ending = 'interrupted', precision = ${precision}, credits = ${credits}
      WHERE seq = ${int(call, 'seq')}`
    yield* addToWindows(windowsIn(call), credits)
    yield* addToTotals(int(call, 'member') as MemberId, credits, now)
    const nothing = { usage: NO_USAGE, messages: 0, serviceTier: undefined }
    yield* addToRollups(summandOf(call, undefined), { ...nothing, precision, credits, endedAt: now })
  }
  return calls.length
}

/** Names the running process, so that what it leaves open can be told from what others left. */
export function* registerInstance(instance: string, pid: number, now: EpochMs): Script<void> {
  yield sql`INSERT INTO instances (id, pid, started_at) VALUES (${instance}, ${pid}, ${now})`
}
