import type { QuotaWindow } from '../../core/quota.ts'
import type { EpochMs, MemberId, NanoCredits } from '../../core/units.ts'
import { RegistryError, type Adjustment, type GrantWish, type QuotaView, type ResetWish } from '../../ports.ts'
import { adjustmentsOf, writeAdjustment } from './adjustments.ts'
import { memberNamed } from './members.ts'
import { big, maybeInt, sql, type Script } from './sql.ts'
import { openWindowsOf, standingOf, windowsOf, type OpenWindow, type OpenWindows } from './windows.ts'

const SHOWN = 100

export function* viewQuota(name: string, at: EpochMs): Script<QuotaView> {
  const { id: member, name: known } = yield* memberNamed(name)
  const windows = yield* windowsOf(member)
  const open = yield* openWindowsOf(member, at)
  const held = yield* heldIn(member)
  return {
    member: known,
    at,
    windows: standingOf(windows, open).windows.map((standing) => ({
      ...standing,
      granted: standing.limit === 0n ? 0n : (open.granted.get(standing.name) ?? 0n),
      held: held.get(open.windows.get(standing.name)?.id ?? 0) ?? 0n,
    })),
    adjustments: yield* adjustmentsOf(member, SHOWN),
  }
}

/** What open calls hold, by the window that they were admitted in. */
function* heldIn(member: MemberId): Script<ReadonlyMap<number, NanoCredits>> {
  const calls = yield sql`
    SELECT hold, window_5h, window_weekly FROM calls WHERE ended_at IS NULL AND member = ${member}`
  const held = new Map<number, NanoCredits>()
  for (const call of calls) {
    for (const column of ['window_5h', 'window_weekly']) {
      const window = maybeInt(call, column)
      if (window !== undefined) held.set(window, big(call, 'hold') + (held.get(window) ?? 0n))
    }
  }
  return held
}

/** Ends the windows that are open: the next call opens new ones. Those that are not open need no reset. */
export function* resetQuota(wish: ResetWish, at: EpochMs): Script<readonly Adjustment[]> {
  const { id: member } = yield* memberNamed(wish.member)
  const { windows: open } = yield* openWindowsOf(member, at)
  const made: Adjustment[] = []
  for (const { name } of yield* chosen(member, wish)) {
    const window = open.get(name)
    if (!window) continue
    const { resetsAt: until, settled: credits } = window
    const { who, why } = wish
    made.push(yield* writeAdjustment(member, { at, kind: 'reset', window: name, credits, until, who, why }, window.id))
  }
  return made
}

export function* grantQuota(wish: GrantWish, at: EpochMs): Script<readonly Adjustment[]> {
  const { id: member } = yield* memberNamed(wish.member)
  const open = yield* openWindowsOf(member, at)
  const limited = (yield* chosen(member, wish)).filter(({ limit }) => limit > 0n)
  if (limited.length === 0) {
    const where = wish.window === undefined ? 'no limited window' : `no limit in the window ${wish.window}`
    throw new RegistryError('invalid', `the member ${JSON.stringify(wish.member)} has ${where}: nothing to add to`)
  }
  const made: Adjustment[] = []
  for (const window of limited) {
    const until = wish.until ?? endOf(window, open, at)
    const { credits, who, why } = wish
    made.push(
      yield* writeAdjustment(member, { at, kind: 'grant', window: window.name, credits, until, who, why }, undefined),
    )
  }
  return made
}

function endOf({ name, lengthMs }: QuotaWindow, { windows }: OpenWindows, at: EpochMs): EpochMs {
  const open: OpenWindow | undefined = windows.get(name)
  return open?.resetsAt ?? at + lengthMs
}

function* chosen(member: MemberId, { window }: ResetWish): Script<readonly QuotaWindow[]> {
  const windows = yield* windowsOf(member)
  return windows.filter(({ name }) => window === undefined || name === window)
}
