import {
  DAY_MS,
  FIVE_HOURS_MS,
  MONTH_MS,
  WEEK_MS,
  type QuotaRules,
  type QuotaWindow,
  type WindowMode,
  type WindowName,
} from './quota.ts'
import type { NanoCredits } from './units.ts'

/** What is said of one member's quotas; what is left undefined is as the rules have it. */
export interface MemberQuotas {
  readonly fiveHourQuota: NanoCredits
  readonly weeklyQuota: NanoCredits
  readonly dailyQuota?: NanoCredits | undefined
  readonly monthlyQuota?: NanoCredits | undefined
  readonly quotaWindow?: WindowMode | undefined
}

/**
 * The windows that a member's calls count in, the shorter first: 5 hours and a week always, a day and a month where they
 * have a limit.
 */
export function windowsFor(member: MemberQuotas, rules: QuotaRules): readonly QuotaWindow[] {
  const rolling = (member.quotaWindow ?? rules.window) === 'rolling'
  const window = (name: WindowName, lengthMs: number, limit: NanoCredits): QuotaWindow => ({
    name,
    lengthMs,
    limit,
    ...(rolling && { rolling }),
  })
  const daily = member.dailyQuota ?? rules.daily
  const monthly = member.monthlyQuota ?? rules.monthly
  return [
    window('5h', FIVE_HOURS_MS, member.fiveHourQuota),
    ...(daily > 0n ? [window('daily', DAY_MS, daily)] : []),
    window('weekly', WEEK_MS, member.weeklyQuota),
    ...(monthly > 0n ? [window('monthly', MONTH_MS, monthly)] : []),
  ]
}
