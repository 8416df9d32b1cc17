import type { QuotaRules, WindowName } from '../../core/quota.ts'
import type { EpochMs, MemberId, NanoCredits } from '../../core/units.ts'
import type { OpenCall } from '../../ports.ts'
import { adjustmentsFrom } from './adjustments.ts'
import type { AdjustmentRow, KnownMember, LedgerMemory, WindowRow } from './memory.ts'
import { windowsOf } from './quota-windows.ts'
import { big, change, int, maybeInt, only, type Row, type Script, sql, text } from './sql.ts'

/** A member's windows that are open at one instant, and what was granted on top of their limits. */
export interface OpenWindows {
  readonly windows: ReadonlyMap<WindowName, WindowRow>
  readonly granted: ReadonlyMap<WindowName, NanoCredits>
  /** The grants that are in it. */
  readonly grants: readonly AdjustmentRow[]
  /** The member's total at the last reset of a window that rolls. */
  readonly resetTotals: ReadonlyMap<WindowName, NanoCredits>
}

/** Reads what the ledger says of the member's windows from `now` on. */
export function* readMember(member: MemberId, rules: QuotaRules, now: EpochMs): Script<KnownMember> {
  const rows = yield sql`
    SELECT id, name, opened_at, resets_at, settled, warned FROM windows
    WHERE member = ${member} AND resets_at > ${now} ORDER BY opened_at`
  const windows = rows.map((row) => ({
    id: int(row, 'id'),
    name: text(row, 'name'),
    openedAt: int(row, 'opened_at'),
    resetsAt: int(row, 'resets_at'),
    settled: big(row, 'settled'),
    warned: int(row, 'warned'),
  }))
  const adjustments = yield* adjustmentsFrom(member, now)
  return { windows, adjustments, quotas: yield* windowsOf(member, rules), total: undefined }
}

/** The same from memory, where it is known. */
export function* recallMember(
  memory: LedgerMemory,
  member: MemberId,
  rules: QuotaRules,
  now: EpochMs,
): Script<KnownMember> {
  const before = memory.members.get(member)
  if (before) return before
  const known = yield* readMember(member, rules, now)
  memory.members.set(member, known)
  return known
}

/**
 * Which of the windows are open at `now`, no earlier than they were read: at most one of each name, for ledger time does
 * not run backwards. One that was reset is over.
 */
export function openAt(known: Pick<KnownMember, 'windows' | 'adjustments'>, now: EpochMs): OpenWindows {
  const grants: AdjustmentRow[] = []
  const ended = new Set<number>()
  const resetTotals = new Map<WindowName, NanoCredits>()
  for (const row of known.adjustments) {
    if (row.until <= now) continue
    if (row.endedWindow !== undefined) ended.add(row.endedWindow)
    if (row.resetTotal !== undefined) resetTotals.set(row.window as WindowName, row.resetTotal)
    if (row.kind === 'grant') grants.push(row)
    else drop(grants, row)
  }
  const windows = new Map<WindowName, WindowRow>()
  for (const row of known.windows) {
    if (row.resetsAt > now && !ended.has(row.id)) windows.set(row.name as WindowName, row)
  }
  return { windows, grants, granted: sumsOf(grants), resetTotals }
}

/** What a reset or a revocation ends of the grants that were made before it. */
function drop(grants: AdjustmentRow[], { kind, window }: AdjustmentRow): void {
  for (let i = grants.length - 1; i >= 0; i--) {
    const grant = grants[i]
    if (grant?.window === window && (kind === 'revoke' || grant.withWindow)) grants.splice(i, 1)
  }
}

function sumsOf(grants: readonly AdjustmentRow[]): ReadonlyMap<WindowName, NanoCredits> {
  const sums = new Map<WindowName, NanoCredits>()
  for (const { window, credits } of grants) {
    const name = window as WindowName
    sums.set(name, credits + (sums.get(name) ?? 0n))
  }
  return sums
}

/** Opens at `now`, for a call, those of its windows that are not open; `known` learns of them. */
export function* openMissing(
  { id: call, member, windows }: Pick<OpenCall, 'id' | 'member' | 'windows'>,
  known: KnownMember,
  open: OpenWindows,
  now: EpochMs,
): Script<OpenWindows> {
  if (windows.every(({ name }) => open.windows.has(name))) return open
  const all = new Map(open.windows)
  for (const { name, lengthMs } of windows) {
    if (all.has(name)) continue
    const openedAt = yield* nextInstant(member, name, now)
    const resetsAt = openedAt + lengthMs
    const row = yield* only(sql`
      INSERT INTO windows (member, name, opened_at, resets_at, settled, opened_by)
      VALUES (${member}, ${name}, ${openedAt}, ${resetsAt}, 0, ${call}) RETURNING id`)
    const made: WindowRow = { id: int(row, 'id'), name, openedAt, resetsAt, settled: 0n, warned: 0 }
    all.set(name, made)
    known.windows.push(made)
  }
  return { ...open, windows: all }
}

/** No two windows of a name open at the same instant, not even when one was reset in the millisecond it was opened in. */
function* nextInstant(member: MemberId, name: WindowName, now: EpochMs): Script<EpochMs> {
  const last = yield* only(sql`
    SELECT MAX(opened_at) AS opened_at FROM windows WHERE member = ${member} AND name = ${name}`)
  return Math.max(now, (maybeInt(last, 'opened_at') ?? -1) + 1)
}

/** The windows that a call was admitted in, by its row in `calls`. */
export function windowsIn(call: Row): readonly number[] {
  return ['window_5h', 'window_daily', 'window_weekly', 'window_monthly'].flatMap(
    (column) => maybeInt(call, column) ?? [],
  )
}

/** Adds a settled call to the windows that it was admitted in, whether they are still open or not. */
export function* addToWindows(windows: readonly number[], credits: NanoCredits, known?: KnownMember): Script<void> {
  if (credits === 0n) return
  // Four of them by one statement, with IN, cost twice as much as two.
  for (const id of windows) yield change`UPDATE windows SET settled = settled + ${credits} WHERE id = ${id}`
  for (const row of known?.windows ?? []) if (windows.includes(row.id)) row.settled += credits
}

interface RefusedLate {
  readonly seq: number
  readonly member: MemberId
}

/**
 * A call that was refused after all opens no window: those that it opened, and that no other call is in, end in the moment in
 * which they began. Their rows stay: to delete one, SQLite would have to look at every call for whether it is in it.
 */
export function* closeOwnWindows(memory: LedgerMemory, { seq, member }: RefusedLate): Script<void> {
  memory.members.delete(member)
  yield sql`
    UPDATE windows SET resets_at = opened_at
    WHERE id IN (
      SELECT w.id FROM calls c
      JOIN windows w ON w.id IN (c.window_5h, c.window_daily, c.window_weekly, c.window_monthly)
      WHERE c.seq = ${seq} AND w.opened_by = c.id
        AND NOT EXISTS (
          SELECT 1 FROM calls o
          WHERE o.seq > c.seq AND w.id IN (o.window_5h, o.window_daily, o.window_weekly, o.window_monthly)))`
}
