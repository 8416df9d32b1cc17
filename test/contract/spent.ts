import {
  DAY_MS,
  FIVE_HOURS_MS,
  MONTH_MS,
  WEEK_MS,
  type Standing,
  type WindowName,
  type WindowStanding,
} from '../../src/core/quota.ts'

export const MINUTE = 60_000
export const LENGTHS: readonly number[] = [FIVE_HOURS_MS, DAY_MS, WEEK_MS, MONTH_MS]
export const NAMES: readonly WindowName[] = ['5h', 'daily', 'weekly', 'monthly']
export const LIMITS = { fiveHourQuota: 100n, dailyQuota: 150n, weeklyQuota: 250n, monthlyQuota: 400n } as const

type Shown = Pick<WindowStanding, 'name' | 'settled' | 'resetsAt'>

/** What was spent when, and the answers that follow from nothing but that. */
export class Spent {
  readonly #all: { readonly at: number; readonly credits: bigint }[] = []

  add(at: number, credits: bigint): void {
    this.#all.push({ at: at - (at % MINUTE), credits })
  }

  /** What is in a window of this length: spend leaves it with its minute. */
  within(lengthMs: number, now: number): bigint {
    return this.#all.reduce((sum, { at, credits }) => (at + MINUTE + lengthMs > now ? sum + credits : sum), 0n)
  }

  /** The first instant at which there is less than the limit in it. */
  resetsAt(lengthMs: number, limit: bigint, now: number): number | undefined {
    if (limit === 0n || this.within(lengthMs, now) < limit) return undefined
    return this.#all
      .map(({ at }) => at + MINUTE + lengthMs)
      .filter((at) => at > now && this.within(lengthMs, at) < limit)
      .toSorted((one, other) => one - other)[0]
  }

  /** All four windows, with the limits of `LIMITS`. */
  standing(now: number): readonly Shown[] {
    return Object.values(LIMITS).map((limit, i) => ({
      name: NAMES[i] ?? '5h',
      settled: this.within(LENGTHS[i] ?? 0, now),
      resetsAt: this.resetsAt(LENGTHS[i] ?? 0, limit, now),
    }))
  }
}

export function shown({ windows }: Standing): readonly Shown[] {
  return windows.map(({ name, settled, resetsAt }) => ({ name, settled, resetsAt }))
}
