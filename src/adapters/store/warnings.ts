import { randomUUID } from 'node:crypto'
import type { DueWarning, WindowStanding } from '../../core/quota.ts'
import type { EpochMs, MemberId } from '../../core/units.ts'
import { reachedIn } from '../../core/warnings.ts'
import { putIntoOutbox } from './outbox.ts'
import { sql, type Script } from './sql.ts'
import type { OpenWindows } from './windows.ts'

/**
 * What is to be told of a member's windows as they now stand; remembered with the window, so that it is told once, and put
 * by until it was heard, so that it is told at all.
 */
export function* warnOnce(
  member: MemberId,
  windows: readonly WindowStanding[],
  open: OpenWindows,
  { warnAt, at }: { readonly warnAt: readonly number[]; readonly at: EpochMs },
): Script<readonly DueWarning[]> {
  const all: DueWarning[] = []
  for (const window of windows) {
    const row = open.windows.get(window.name)
    if (!row) continue
    const reached = reachedIn(window, row.warned, warnAt)
    const highest = reached.at(-1)
    if (!highest) continue
    yield sql`UPDATE windows SET warned = ${highest.percent} WHERE id = ${row.id}`
    row.warned = highest.percent
    const { name, settled, limit, resetsAt } = window
    for (const { percent } of reached) {
      const warning = { id: randomUUID(), at, window: name, percent, settled, limit, resetsAt }
      all.push(yield* putIntoOutbox(member, warning))
    }
  }
  return all
}
