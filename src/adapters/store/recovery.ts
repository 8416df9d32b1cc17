import { isPriced, type CallKind } from '../../core/intent.ts'
import type { EpochMs, MemberId, NanoCredits } from '../../core/units.ts'
import { NO_USAGE, type Precision } from '../../core/usage.ts'
import { addToTotals } from './rolling.ts'
import { type Row, type Script, big, flag, int, maybeInt, maybeText, sql, text } from './sql.ts'
import { closeLeftOpen } from './connections.ts'
import { addToRollups, summandOf } from './rollups.ts'
import { isFirstMessage } from './settlement.ts'
import { addToWindows, windowsIn } from './windows.ts'

/**
 * Settles the calls that dead instances left open, in the order in which they were opened, and returns how many there were.
 *
 * A call with an attempt may have been billed: it is charged what it held, as an estimate where its kind has a price. One
 * without cannot have gone upstream and costs nothing. Where messages are charged, only the message of a turn costs something,
 * and counts as that: its client comes back with the same turn. The caller holds the serve lock, so every other instance of
 * this database is dead.
 */
export function* recover(instance: string, now: EpochMs): Script<number> {
  yield* closeLeftOpen(instance, now)
  const calls = yield sql`
    SELECT seq, member, gateway_key, model, kind, turn_id, started_at, hold, charging, may_be_message, rate,
      window_5h, window_daily, window_weekly, window_monthly,
      CASE WHEN EXISTS (SELECT 1 FROM attempts WHERE attempts.call = calls.seq) THEN 1 ELSE 0 END AS attempted
    FROM calls WHERE ended_at IS NULL AND instance <> ${instance} ORDER BY seq`
  for (const call of calls) {
    const charge = flag(call, 'attempted') ? yield* chargeOf(call) : NOTHING
    const { precision, credits, message, rate } = charge
    yield sql`
      UPDATE calls SET
        ended_at = ${now}, ending = 'interrupted', precision = ${precision}, credits = ${credits}, messages = ${message},
        rate = ${rate}
      WHERE seq = ${int(call, 'seq')}`
    yield* addToWindows(windowsIn(call), credits)
    yield* addToTotals(int(call, 'member') as MemberId, credits, now)
    const more = { usage: NO_USAGE, messages: message ? 1 : 0, serviceTier: undefined }
    yield* addToRollups(summandOf(call, undefined), { ...more, precision, credits, endedAt: now })
  }
  return calls.length
}

interface Charge {
  readonly precision: Precision
  readonly credits: NanoCredits
  readonly message: boolean
  readonly rate: string | undefined
}

const NOTHING: Charge = { precision: 'exact', credits: 0n, message: false, rate: undefined }

function* chargeOf(call: Row): Script<Charge> {
  const mayBe = maybeInt(call, 'may_be_message') === 1
  const message = mayBe && (yield* isFirstMessage(int(call, 'member') as MemberId, maybeText(call, 'turn_id')))
  const free = maybeText(call, 'charging') === 'message' && !message
  return {
    precision: isPriced(text(call, 'kind') as CallKind) ? 'estimated' : 'unknown',
    credits: free ? 0n : big(call, 'hold'),
    message,
    rate: maybeText(call, 'rate'),
  }
}

/** Names the running process, so that what it leaves open can be told from what others left. */
export function* registerInstance(instance: string, pid: number, now: EpochMs): Script<void> {
  yield sql`INSERT INTO instances (id, pid, started_at) VALUES (${instance}, ${pid}, ${now})`
}
