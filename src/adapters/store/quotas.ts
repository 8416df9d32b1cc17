import { MINUTE_MS } from '../../core/calendar.ts'
import type { QuotaRules, QuotaWindow } from '../../core/quota.ts'
import { creditsText, type EpochMs, type MemberId, type NanoCredits } from '../../core/units.ts'
import {
  RegistryError,
  type QuotaAdjustment,
  type GrantWish,
  type QuotaView,
  type ResetWish,
  type RevokeWish,
  type WindowView,
} from '../../ports.ts'
import { adjustmentsOf, writeGrant, writeReset, writeRevoke } from './adjustments.ts'
import { memberNamed } from './members.ts'
import { rollingSince, totalNow } from './rolling.ts'
import { bumpRevision } from './revision.ts'
import { big, sql, type Row, type Script } from './sql.ts'
import { windowsOf } from './quota-windows.ts'
import { besideOf, standingAt } from './standing.ts'
import { openAt, readMember, windowsIn } from './windows.ts'

const SHOWN = 100
/** What counts at a time of all grants in a window: what a revocation of them takes back must fit into a row. */
const MOST_GRANTED = 10n ** 18n

export function* viewQuota(rules: QuotaRules, name: string, at: EpochMs): Script<QuotaView> {
  const { id: member, name: known } = yield* memberNamed(name)
  const windows = yield* windowsOf(member, rules)
  const open = openAt(yield* readMember(member, rules, at), at)
  const calls = yield* openCallsOf(member)
  const views: WindowView[] = []
  for (const window of windows) {
    const [standing] = yield* standingAt(member, [window], open, at)
    if (!standing) continue
    const beside = besideOf(window, open)
    const row = open.windows.get(window.name)
    views.push({
      ...standing,
      granted: standing.limit === 0n ? 0n : beside.granted,
      held: heldBy(window.rolling === true ? calls : calls.filter((call) => row && windowsIn(call).includes(row.id))),
      since: window.rolling === true ? yield* rollingSince(member, window, beside, at) : standing.openedAt,
    })
  }
  return { member: known, at, windows: views, adjustments: yield* adjustmentsOf(member, SHOWN) }
}

function* openCallsOf(member: MemberId): Script<readonly Row[]> {
  return yield sql`
    SELECT hold, window_5h, window_daily, window_weekly, window_monthly FROM calls
    WHERE ended_at IS NULL AND member = ${member}`
}

function heldBy(calls: readonly Row[]): NanoCredits {
  return calls.reduce((sum, call) => sum + big(call, 'hold'), 0n)
}

/** Puts what is in the windows behind the member. Those in which there is nothing need no reset. */
export function* resetQuota(rules: QuotaRules, wish: ResetWish, at: EpochMs): Script<readonly QuotaAdjustment[]> {
  const { id: member } = yield* memberNamed(wish.member)
  const open = openAt(yield* readMember(member, rules, at), at)
  const total = yield* totalNow(member)
  const made: QuotaAdjustment[] = []
  for (const window of yield* chosen(member, rules, wish)) {
    const [standing] = yield* standingAt(member, [window], open, at)
    const row = open.windows.get(window.name)
    if (!row && standing?.settled === 0n) continue
    const { who, why } = wish
    const credits = standing?.settled ?? 0n
    const reset: QuotaAdjustment = { at, kind: 'reset', window: window.name, credits, until: undefined, who, why }
    const until = Math.max(row?.resetsAt ?? 0, at + window.lengthMs + 2 * MINUTE_MS)
    yield* writeReset(member, reset, { window: row?.id, total, until })
    made.push(reset)
  }
  yield* bumpRevision() // Calls that wait for room are judged again.
  return made
}

export function* grantQuota(rules: QuotaRules, wish: GrantWish, at: EpochMs): Script<readonly QuotaAdjustment[]> {
  const { id: member } = yield* memberNamed(wish.member)
  const open = openAt(yield* readMember(member, rules, at), at)
  const limited = (yield* chosen(member, rules, wish)).filter(({ limit }) => limit > 0n)
  if (limited.length === 0) {
    const where = wish.window === undefined ? 'no limited window' : `no limit in the window ${wish.window}`
    throw new RegistryError('invalid', `the member ${JSON.stringify(wish.member)} has ${where}: nothing to add to`)
  }
  const made: QuotaAdjustment[] = []
  for (const { name, lengthMs, rolling } of limited) {
    const end = rolling === true ? undefined : open.windows.get(name)?.resetsAt
    const { credits, who, why, until = end ?? at + lengthMs } = wish
    const grant = { at, kind: 'grant', window: name, credits, until, who, why } as const
    const counting = open.granted.get(name) ?? 0n
    if (counting + credits > MOST_GRANTED) {
      throw new RegistryError(
        'invalid',
        `${creditsText(counting)} credits are granted in the window ${name} already, and with these they would be more than ` +
          `${creditsText(MOST_GRANTED)}: grant less, or revoke first`,
      )
    }
    yield* writeGrant(member, grant, wish.until === undefined)
    made.push(grant)
  }
  yield* bumpRevision()
  return made
}

/** Ends all grants that count, in the windows that have any. */
export function* revokeGrants(rules: QuotaRules, wish: RevokeWish, at: EpochMs): Script<readonly QuotaAdjustment[]> {
  const { id: member } = yield* memberNamed(wish.member)
  const open = openAt(yield* readMember(member, rules, at), at)
  const made: QuotaAdjustment[] = []
  for (const [window, credits] of open.granted) {
    if (wish.window !== undefined && wish.window !== window) continue
    const ends = open.grants.filter((grant) => grant.window === window).map(({ until }) => until)
    const revoke = { at, kind: 'revoke', window, credits, until: undefined, who: wish.who, why: wish.why } as const
    yield* writeRevoke(member, revoke, Math.max(...ends))
    made.push(revoke)
  }
  yield* bumpRevision()
  return made
}

function* chosen(member: MemberId, rules: QuotaRules, { window }: ResetWish): Script<readonly QuotaWindow[]> {
  const windows = yield* windowsOf(member, rules)
  return windows.filter(({ name }) => window === undefined || name === window)
}
