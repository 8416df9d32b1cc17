import type { WindowName } from '../../core/quota.ts'
import type { EpochMs, MemberId, NanoCredits } from '../../core/units.ts'
import type { OpenCall } from '../../ports.ts'
import { adjustmentsInForce } from './adjustments.ts'
import { big, int, maybeInt, only, sql, text, type Row, type Script } from './sql.ts'

/** A window that is open, as it stands in the ledger. */
export interface OpenWindow {
  readonly id: number
  readonly openedAt: EpochMs
  readonly resetsAt: EpochMs
  readonly settled: NanoCredits
  /** The highest threshold that was told of, in percent; 0 = none. */
  readonly warned: number
}

/** A member's windows that are open at one instant, and what was granted on top of their limits. */
export interface OpenWindows {
  readonly windows: ReadonlyMap<WindowName, OpenWindow>
  readonly granted: ReadonlyMap<WindowName, NanoCredits>
  /** The member's total at the last reset of a window that rolls. */
  readonly resetTotals: ReadonlyMap<WindowName, NanoCredits>
}

/**
 * The member's windows that are open at `now`: at most one of each name, for ledger time does not run backwards. One
 * that was reset is over.
 */
export function* openWindowsOf(member: MemberId, now: EpochMs): Script<OpenWindows> {
  const rows = yield sql`
    SELECT id, name, opened_at, resets_at, settled, warned FROM windows
    WHERE member = ${member} AND resets_at > ${now} ORDER BY opened_at`
  const { granted, ended, resetTotals } = yield* adjustmentsInForce(member, now)
  const windows = new Map<WindowName, OpenWindow>()
  for (const row of rows) {
    const id = int(row, 'id')
    if (ended.has(id)) continue
    windows.set(text(row, 'name') as WindowName, {
      id,
      openedAt: int(row, 'opened_at'),
      resetsAt: int(row, 'resets_at'),
      settled: big(row, 'settled'),
      warned: int(row, 'warned'),
    })
  }
  return { windows, granted, resetTotals }
}

/** Opens at `now`, for a call, those of its windows that are not open. */
export function* openMissing(
  { id: call, member, windows }: Pick<OpenCall, 'id' | 'member' | 'windows'>,
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
    all.set(name, { id: int(row, 'id'), openedAt, resetsAt, settled: 0n, warned: 0 })
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
export function* addToWindows(call: Row, credits: NanoCredits): Script<void> {
  if (credits === 0n) return
  for (const id of windowsIn(call)) yield sql`UPDATE windows SET settled = settled + ${credits} WHERE id = ${id}`
}

/**
 * A call that was refused after all opens no window: those that it opened, and that no other call is in, end in the moment in
 * which they began. Their rows stay: to delete one, SQLite would have to look at every call for whether it is in it.
 */
export function* closeOwnWindows(seq: number): Script<void> {
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
