import { MINUTE_MS } from '../../core/calendar.ts'
import { MONTH_MS, type QuotaWindow, type WindowStanding } from '../../core/quota.ts'
import type { EpochMs, MemberId, NanoCredits } from '../../core/units.ts'
import type { KnownMember } from './memory.ts'
import { big, change, int, maybeInt, one, only, type Row, type Script, sql } from './sql.ts'

// A window that rolls is the difference of two running totals: what the member has ever spent, now and at the window's
// beginning. Totals are kept for each minute in which something was settled, so that a sum costs two look-ups however long
// the window is and however much was spent in it; in return spend leaves a window up to a minute late.

/** Totals are kept for so long, and the last one before that. */
const KEPT_MS = MONTH_MS + 2 * MINUTE_MS

/** Adds what was settled at `at` to the member's totals. */
export function* addToTotals(
  member: MemberId,
  credits: NanoCredits,
  at: EpochMs,
  known?: Pick<KnownMember, 'total'>,
): Script<void> {
  if (credits === 0n) return
  const minute = at - (at % MINUTE_MS)
  const newest = known?.total ?? (yield* newestTotal(member))
  // Into the newest row, and never before it: totals only grow.
  if (newest && newest.minute >= minute) {
    newest.credits += credits
    yield change`UPDATE spend SET total = ${newest.credits} WHERE member = ${member} AND minute = ${newest.minute}`
    if (known) known.total = newest
    return
  }
  const total = { minute, credits: (newest?.credits ?? 0n) + credits }
  yield change`INSERT INTO spend (member, minute, total) VALUES (${member}, ${minute}, ${total.credits})`
  yield sql`
    DELETE FROM spend WHERE member = ${member} AND minute <
      (SELECT MAX(minute) FROM spend WHERE member = ${member} AND minute <= ${minute - KEPT_MS})`
  if (known) known.total = total
}

function* newestTotal(member: MemberId): Script<KnownMember['total']> {
  const row = yield* one(sql`SELECT minute, total FROM spend WHERE member = ${member} ORDER BY minute DESC LIMIT 1`)
  return row && { minute: int(row, 'minute'), credits: big(row, 'total') }
}

/**
 * A call that was settled at `at` has been found to cost so much more, or less: the totals follow from there on, and those
 * that resets have put behind the member. A total never falls below the one before it, also where a late settlement
 * stands in a later minute.
 */
export function* correctTotals(member: MemberId, credits: NanoCredits, at: EpochMs): Script<void> {
  if (credits === 0n) return
  const minute = at - (at % MINUTE_MS)
  const newest = maybeInt(yield* only(sql`SELECT MAX(minute) AS minute FROM spend WHERE member = ${member}`), 'minute')
  // No window reaches back that far.
  if (newest !== undefined && minute < newest - KEPT_MS) return
  const before = totalOf(
    yield* one(
      sql`SELECT total FROM spend WHERE member = ${member} AND minute < ${minute} ORDER BY minute DESC LIMIT 1`,
    ),
  )
  // What had cost nothing may stand in no row.
  if (credits > 0n) {
    yield sql`INSERT INTO spend (member, minute, total) VALUES (${member}, ${minute}, ${before}) ON CONFLICT DO NOTHING`
  }
  yield sql`
    UPDATE spend SET total = MAX(total + ${credits}, ${before}) WHERE member = ${member} AND minute >= ${minute}`
  yield sql`
    UPDATE quota_adjustments SET reset_total = MAX(reset_total + ${credits}, 0)
    WHERE member = ${member} AND made_at >= ${at} AND reset_total IS NOT NULL`
}

/** All that the member has ever spent, in a figure that only differences have a meaning of. */
export function* totalNow(member: MemberId): Script<NanoCredits> {
  return totalOf(yield* one(sql`SELECT total FROM spend WHERE member = ${member} ORDER BY minute DESC LIMIT 1`))
}

/** The same as it was when the window began. */
function* totalBefore(member: MemberId, { lengthMs }: QuotaWindow, now: EpochMs): Script<NanoCredits> {
  const minute = lastGone(lengthMs, now)
  return totalOf(
    yield* one(sql`
      SELECT total FROM spend WHERE member = ${member} AND minute <= ${minute} ORDER BY minute DESC LIMIT 1`),
  )
}

/** The last minute whose spend has left a window of this length. */
export function lastGone(lengthMs: number, now: EpochMs): EpochMs {
  return now - lengthMs - MINUTE_MS
}

function totalOf(row: Row | undefined): NanoCredits {
  return row ? big(row, 'total') : 0n
}

/** What counts in a window beside its spend. */
export interface Beside {
  readonly granted: NanoCredits
  /** The total at the last reset of the window: what was spent before counts no more. */
  readonly resetTotal: NanoCredits
}

interface Rolled {
  readonly limit: NanoCredits
  readonly settled: NanoCredits
  readonly isSpent: boolean
}

/** What is in a window that rolls: all that was ever spent, less what is gone from it or stands behind a reset. */
export function rolled(
  { limit }: Pick<QuotaWindow, 'limit'>,
  { granted, resetTotal }: Beside,
  { total, gone }: { readonly total: NanoCredits; readonly gone: NanoCredits },
): Rolled {
  const raised = limit === 0n ? 0n : limit + granted
  const settled = total - (gone > resetTotal ? gone : resetTotal)
  return { limit: raised, settled, isSpent: raised > 0n && settled >= raised }
}

/** One that is spent resets when enough of its spend has left it; of another nobody waits for the end. */
export function* rollingStanding(
  member: MemberId,
  window: QuotaWindow,
  beside: Beside,
  now: EpochMs,
): Script<WindowStanding> {
  const { name, lengthMs } = window
  const total = yield* totalNow(member)
  const { limit, settled, isSpent } = rolled(window, beside, { total, gone: yield* totalBefore(member, window, now) })
  const resetsAt = isSpent
    ? (yield* minuteAbove(member, total - limit, lastGone(lengthMs, now), now)) + lengthMs + MINUTE_MS
    : undefined
  return { name, lengthMs, limit, settled, rolling: true, openedAt: undefined, resetsAt }
}

/** The first minute after `from` at whose end the total was above `bound`: found by halves, for totals only grow. */
function* minuteAbove(member: MemberId, bound: NanoCredits, from: EpochMs, to: EpochMs): Script<EpochMs> {
  let [low, high] = [Math.floor(from / MINUTE_MS), Math.floor(to / MINUTE_MS)]
  while (low + 1 < high) {
    const middle = Math.floor((low + high) / 2)
    const row = yield* one(sql`
      SELECT total FROM spend WHERE member = ${member} AND minute <= ${middle * MINUTE_MS}
      ORDER BY minute DESC LIMIT 1`)
    if (totalOf(row) > bound) high = middle
    else low = middle
  }
  return high * MINUTE_MS
}

/** Since when there is spend in the window; undefined when there is none. */
export function* rollingSince(
  member: MemberId,
  { lengthMs }: QuotaWindow,
  { resetTotal }: Beside,
  now: EpochMs,
): Script<EpochMs | undefined> {
  const row = yield* only(sql`
    SELECT MIN(minute) AS minute FROM spend
    WHERE member = ${member} AND minute > ${lastGone(lengthMs, now)} AND total > ${resetTotal}`)
  return maybeInt(row, 'minute')
}
