import type { WindowName } from '../../core/quota.ts'
import type { EpochMs, MemberId, NanoCredits } from '../../core/units.ts'
import type { QuotaAdjustment } from '../../ports.ts'
import type { AdjustmentRow } from './memory.ts'
import { big, flag, int, maybeBig, maybeInt, maybeText, sql, text, type Row, type Script } from './sql.ts'

/** What administrators have changed of the member's windows and that counts at `now` or later. */
export function* adjustmentsFrom(member: MemberId, now: EpochMs): Script<readonly AdjustmentRow[]> {
  const rows = yield sql`
    SELECT kind, window, credits, until, ended_window, reset_total, with_window FROM quota_adjustments
    WHERE member = ${member} AND until > ${now} ORDER BY id`
  return rows.map((row) => ({
    kind: text(row, 'kind'),
    window: text(row, 'window'),
    credits: big(row, 'credits'),
    until: int(row, 'until'),
    endedWindow: maybeInt(row, 'ended_window'),
    resetTotal: maybeBig(row, 'reset_total'),
    withWindow: flag(row, 'with_window'),
  }))
}

export function* writeGrant(
  member: MemberId,
  made: QuotaAdjustment & { readonly until: EpochMs },
  withWindow: boolean,
): Script<void> {
  yield sql`
    INSERT INTO quota_adjustments (member, made_at, kind, window, credits, until, with_window, who, why)
    VALUES (${member}, ${made.at}, 'grant', ${made.window}, ${made.credits}, ${made.until}, ${withWindow}, ${made.who},
            ${made.why})`
}

/** It counts as long as any of the grants that it takes back would: `until` is the last of their ends. */
export function* writeRevoke(member: MemberId, made: QuotaAdjustment, until: EpochMs): Script<void> {
  yield sql`
    INSERT INTO quota_adjustments (member, made_at, kind, window, credits, until, who, why)
    VALUES (${member}, ${made.at}, 'revoke', ${made.window}, ${made.credits}, ${until}, ${made.who}, ${made.why})`
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
