import type { WindowName } from '../../core/quota.ts'
import type { EpochMs, MemberId, NanoCredits } from '../../core/units.ts'
import type { QuotaAdjustment } from '../../ports.ts'
import { big, int, maybeBig, maybeInt, maybeText, sql, text, type Row, type Script } from './sql.ts'

/** What administrators have changed of a member's windows, as far as it counts at one instant. */
export interface InForce {
  /** Credits on top of the limits. */
  readonly granted: ReadonlyMap<WindowName, NanoCredits>
  /** Windows that were ended by a reset. */
  readonly ended: ReadonlySet<number>
  /** The member's total at the last reset, by window. */
  readonly resetTotals: ReadonlyMap<WindowName, NanoCredits>
}

export function* adjustmentsInForce(member: MemberId, now: EpochMs): Script<InForce> {
  const rows = yield sql`
    SELECT kind, window, credits, ended_window, reset_total FROM quota_adjustments
    WHERE member = ${member} AND until > ${now} ORDER BY id`
  const granted = new Map<WindowName, NanoCredits>()
  const ended = new Set<number>()
  const resetTotals = new Map<WindowName, NanoCredits>()
  for (const row of rows) {
    const window = text(row, 'window') as WindowName
    const endedWindow = maybeInt(row, 'ended_window')
    if (endedWindow !== undefined) ended.add(endedWindow)
    const resetTotal = maybeBig(row, 'reset_total')
    if (resetTotal !== undefined) resetTotals.set(window, resetTotal)
    if (text(row, 'kind') === 'grant') granted.set(window, big(row, 'credits') + (granted.get(window) ?? 0n))
  }
  return { granted, ended, resetTotals }
}

export function* writeGrant(member: MemberId, made: QuotaAdjustment & { readonly until: EpochMs }): Script<void> {
  yield sql`
    INSERT INTO quota_adjustments (member, made_at, kind, window, credits, until, who, why)
    VALUES (${member}, ${made.at}, 'grant', ${made.window}, ${made.credits}, ${made.until}, ${made.who}, ${made.why})`
}

/** What a reset puts behind the member. */
export interface Behind {
  /** The open window; undefined where none is. */
  readonly window: number | undefined
  readonly total: NanoCredits
  /** When it is behind without the reset too. */
  readonly until: EpochMs
}

export function* writeReset(member: MemberId, made: QuotaAdjustment, behind: Behind): Script<void> {
  yield sql`
    INSERT INTO quota_adjustments (member, made_at, kind, window, credits, until, ended_window, reset_total, who, why)
    VALUES (${member}, ${made.at}, 'reset', ${made.window}, ${made.credits}, ${behind.until}, ${behind.window},
            ${behind.total}, ${made.who}, ${made.why})`
}

/** The newest first. */
export function* adjustmentsOf(member: MemberId, limit: number): Script<readonly QuotaAdjustment[]> {
  const rows = yield sql`
    SELECT made_at, kind, window, credits, until, who, why FROM quota_adjustments
    WHERE member = ${member} ORDER BY id DESC LIMIT ${limit}`
  return rows.map(adjustmentOf)
}

function adjustmentOf(row: Row): QuotaAdjustment {
  return {
    at: int(row, 'made_at'),
    kind: text(row, 'kind') as QuotaAdjustment['kind'],
    window: text(row, 'window') as WindowName,
    credits: big(row, 'credits'),
    until: text(row, 'kind') === 'grant' ? int(row, 'until') : undefined,
    who: text(row, 'who'),
    why: maybeText(row, 'why'),
  }
}
