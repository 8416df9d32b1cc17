import type { EpochMs, NanoCredits } from './units.ts'

/** The shorter first. */
export const WINDOW_NAMES = ['5h', 'daily', 'weekly', 'monthly'] as const
export type WindowName = (typeof WINDOW_NAMES)[number]

/** `anchored`: a window opens with the first call after the last one ended. `rolling`: it is always the time before now. */
export type WindowMode = 'anchored' | 'rolling'

/** A limit on what a member may spend in a stretch of time. */
export interface QuotaWindow {
  readonly name: WindowName
  readonly lengthMs: number
  /** 0 = unlimited: spend is still counted, nothing is refused. */
  readonly limit: NanoCredits
  readonly rolling?: boolean
}

const HOUR_MS = 3_600_000
export const FIVE_HOURS_MS: number = 5 * HOUR_MS
export const DAY_MS: number = 24 * HOUR_MS
export const WEEK_MS: number = 7 * DAY_MS
export const MONTH_MS: number = 30 * DAY_MS

/** Credits that a call in flight holds; `admittedAt` is undefined while the call itself still waits. */
export interface Hold {
  readonly credits: NanoCredits
  readonly admittedAt: EpochMs | undefined
}

/** One window of a member as it stands. A window that is not open has spent nothing and no reset instant. */
export interface WindowStanding {
  readonly name: WindowName
  readonly lengthMs: number
  /** What was granted on top is in it. */
  readonly limit: NanoCredits
  /** Settled spend; what calls in flight hold is not in it. */
  readonly settled: NanoCredits
  /** One that rolls is never opened, and resets only where it is spent. */
  readonly rolling?: boolean
  readonly openedAt: EpochMs | undefined
  readonly resetsAt: EpochMs | undefined
}

/** A threshold, in percent of the limit, that a window has reached. */
export interface QuotaWarning {
  readonly window: WindowStanding
  readonly percent: number
}

/** A warning as it stood when the threshold was reached. */
export interface DueWarning extends Pick<WindowStanding, 'settled' | 'limit' | 'resetsAt'> {
  /** The same whenever it is told again. */
  readonly id: string
  readonly at: EpochMs
  readonly member: string
  readonly window: WindowName
  readonly percent: number
}

/** What the administrator says of quotas for all members. */
export interface QuotaRules {
  /** Percent of a limit that are told of, ascending. */
  readonly warnAt: readonly number[]
  readonly window: WindowMode
  /** Credits in 24 hours, and in 30 days; 0 = no such window. */
  readonly daily: NanoCredits
  readonly monthly: NanoCredits
}

/** Where nothing is said of quotas. */
export const NO_RULES: QuotaRules = { warnAt: [], window: 'anchored', daily: 0n, monthly: 0n }

export interface Standing {
  readonly windows: readonly WindowStanding[]
  /** Thresholds that were reached by what was just settled, each told of once in a window. */
  readonly warnings?: readonly DueWarning[]
  /** What the call that was just settled costs: a message that is none of its own is free. */
  readonly charged?: NanoCredits
}

/** May the call go ahead? */
export type Verdict =
  /** Yes; it was admitted at this instant of ledger time. */
  | { readonly state: 'admitted'; readonly at: EpochMs; readonly standing: Standing }
  /** Not yet: calls in flight hold what is left. Wait for one of them to go. */
  | { readonly state: 'held'; readonly standing: Standing }
  /** No: this window's limit is reached. With several, the one that resets last. */
  | { readonly state: 'spent'; readonly window: WindowStanding; readonly standing: Standing }

/**
 * Judges a call by what was there before it: it may go while, in every limited window, settled + held < limit.
 *
 * The call's own hold need not fit, so one call may overdraw a window. A hold counts in a window only if its call
 * was admitted since the window opened, if it does not roll (or is still waiting: it would be admitted now). `at` is the instant of
 * admission in ledger time.
 */
export function judge(standing: Standing, heldBefore: readonly Hold[], at: EpochMs): Verdict {
  let spent: WindowStanding | undefined
  let held = false
  for (const window of standing.windows) {
    if (window.limit === 0n) continue
    if (window.settled >= window.limit) {
      if (!spent || (window.resetsAt ?? 0) > (spent.resetsAt ?? 0)) spent = window
    } else if (window.settled + heldIn(window, heldBefore) >= window.limit) {
      held = true
    }
  }
  if (spent) return { state: 'spent', window: spent, standing }
  return held ? { state: 'held', standing } : { state: 'admitted', at, standing }
}

function heldIn(window: WindowStanding, holds: readonly Hold[]): NanoCredits {
  let sum = 0n
  for (const hold of holds) {
    // Holds of an earlier window settle into that window, not into this one; where windows roll there are no others.
    const counts =
      window.rolling === true ||
      hold.admittedAt === undefined ||
      (window.openedAt !== undefined && hold.admittedAt >= window.openedAt)
    if (counts) sum += hold.credits
  }
  return sum
}
