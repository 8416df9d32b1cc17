import type { QuotaWarning, WindowStanding } from '../../core/quota.ts'
import { reachedIn } from '../../core/warnings.ts'
import { sql, type Script } from './sql.ts'
import type { OpenWindows } from './windows.ts'

/** What is to be told of windows as they now stand; remembered with the window, so that it is told once. */
export function* warnOnce(
  windows: readonly WindowStanding[],
  open: OpenWindows,
  warnAt: readonly number[],
): Script<readonly QuotaWarning[]> {
  const all: QuotaWarning[] = []
  for (const window of windows) {
    const row = open.windows.get(window.name)
    if (!row) continue
    const reached = reachedIn(window, row.warned, warnAt)
    const highest = reached.at(-1)
    if (!highest) continue
    yield sql`UPDATE windows SET warned = ${highest.percent} WHERE id = ${row.id}`
    row.warned = highest.percent
    all.push(...reached)
  }
  return all
}
