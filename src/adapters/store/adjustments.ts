import type { WindowName } from '../../core/quota.ts'
import type { EpochMs, MemberId, NanoCredits } from '../../core/units.ts'
import type { Adjustment } from '../../ports.ts'
import { big, int, maybeInt, maybeText, sql, text, type Row, type Script } from './sql.ts'

/** What administrators have changed of a member's windows, as far as it counts at one instant. */
export interface InForce {
  /** Credits on top of the limits. */
  readonly granted: ReadonlyMap<WindowName, NanoCredits>
  /** Windows that were ended by a reset. */
  readonly ended: ReadonlySet<number>
}

export function* adjustmentsInForce(member: MemberId, now: EpochMs): Script<InForce> {
  const rows = yield sql`
    SELECT kind, window, credits, ended_window FROM quota_adjustments WHERE member = ${member} AND until > ${now}`
  const granted = new Map<WindowName, NanoCredits>()
  const ended = new Set<number>()
  for (const row of rows) {
    const window = text(row, 'window') as WindowName
    const endedWindow = maybeInt(row, 'ended_window')
    if (endedWindow !== undefined) ended.add(endedWindow)
    if (text(row, 'kind') === 'grant') granted.set(window, big(row, 'credits') + (granted.get(window) ?? 0n))
  }
  return { granted, ended }
}

export function* writeAdjustment(
  member: MemberId,
  made: Adjustment,
  endedWindow: number | undefined,
): Script<Adjustment> {
  yield sql`
    INSERT INTO quota_adjustments (member, made_at, kind, window, credits, until, ended_window, who, why)
    VALUES (${member}, ${made.at}, ${made.kind}, ${made.window}, ${made.credits}, ${made.until}, ${endedWindow},
            ${made.who}, ${made.why})`
  return made
}

/** The newest first. */
export function* adjustmentsOf(member: MemberId, limit: number): Script<readonly Adjustment[]> {
  const rows = yield sql`
    SELECT made_at, kind, window, credits, until, who, why FROM quota_adjustments
    WHERE member = ${member} ORDER BY id DESC LIMIT ${limit}`
  return rows.map(adjustmentOf)
}

function adjustmentOf(row: Row): Adjustment {
  return {
    at: int(row, 'made_at'),
    kind: text(row, 'kind') as Adjustment['kind'],
    window: text(row, 'window') as WindowName,
    credits: big(row, 'credits'),
    until: int(row, 'until'),
    who: text(row, 'who'),
    why: maybeText(row, 'why'),
  }
}
