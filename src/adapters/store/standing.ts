import type { QuotaWindow, WindowStanding } from '../../core/quota.ts'
import type { EpochMs, MemberId } from '../../core/units.ts'
import { rollingStanding, type Beside } from './rolling.ts'
import type { Script } from './sql.ts'
import type { OpenWindows } from './windows.ts'

/** A member's windows as they stand at `now`, for judging and for showing. */
export function* standingAt(
  member: MemberId,
  windows: readonly QuotaWindow[],
  open: OpenWindows,
  now: EpochMs,
): Script<readonly WindowStanding[]> {
  const standings: WindowStanding[] = []
  for (const window of windows) {
    standings.push(
      window.rolling === true
        ? yield* rollingStanding(member, window, besideOf(window, open), now)
        : anchoredStanding(window, open),
    )
  }
  return standings
}

export function besideOf({ name }: QuotaWindow, { granted, resetTotals }: OpenWindows): Beside {
  return { granted: granted.get(name) ?? 0n, resetTotal: resetTotals.get(name) ?? 0n }
}

export function anchoredStanding({ name, lengthMs, limit }: QuotaWindow, open: OpenWindows): WindowStanding {
  const window = open.windows.get(name)
  return {
    name,
    lengthMs,
    limit: limit === 0n ? 0n : limit + (open.granted.get(name) ?? 0n),
    settled: window?.settled ?? 0n,
    openedAt: window?.openedAt,
    resetsAt: window?.resetsAt,
  }
}
