import type { DueWarning, WindowName } from '../../core/quota.ts'
import type { MemberId } from '../../core/units.ts'
import { big, int, maybeInt, only, sql, text, type Script } from './sql.ts'

/** Part of the transaction that remembers, with the window, that it was told. */
export function* putIntoOutbox(member: MemberId, warning: Omit<DueWarning, 'member'>): Script<DueWarning> {
  const { id, at, window, percent, settled, limit, resetsAt } = warning
  yield sql`
    INSERT INTO outbox (id, made_at, member, window, percent, settled, quota, resets_at)
    VALUES (${id}, ${at}, ${member}, ${window}, ${percent}, ${settled}, ${limit}, ${resetsAt})`
  const row = yield* only(sql`SELECT name FROM members WHERE id = ${member}`)
  return { ...warning, member: text(row, 'name') }
}

/** The oldest first; of one member, or of all. */
export function* dueWarnings(member?: MemberId): Script<readonly DueWarning[]> {
  const rows = yield sql`
    SELECT o.*, m.name AS member_name FROM outbox o JOIN members m ON m.id = o.member
    WHERE COALESCE(o.member = ${member}, 1) ORDER BY o.seq`
  return rows.map((row) => ({
    id: text(row, 'id'),
    at: int(row, 'made_at'),
    member: text(row, 'member_name'),
    window: text(row, 'window') as WindowName,
    percent: int(row, 'percent'),
    settled: big(row, 'settled'),
    limit: big(row, 'quota'),
    resetsAt: maybeInt(row, 'resets_at'),
  }))
}

export function* crossOff(id: string): Script<void> {
  yield sql`DELETE FROM outbox WHERE id = ${id}`
}
