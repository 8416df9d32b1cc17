import { windowsFor } from '../../core/member-windows.ts'
import type { QuotaRules, QuotaWindow, WindowMode } from '../../core/quota.ts'
import type { MemberId } from '../../core/units.ts'
import { big, maybeBig, maybeText, only, sql, type Script } from './sql.ts'

/** The member's windows by its quotas of today. */
export function* windowsOf(member: MemberId, rules: QuotaRules): Script<readonly QuotaWindow[]> {
  const row = yield* only(sql`
    SELECT five_hour_quota, weekly_quota, daily_quota, monthly_quota, quota_window FROM members WHERE id = ${member}`)
  return windowsFor(
    {
      fiveHourQuota: big(row, 'five_hour_quota'),
      weeklyQuota: big(row, 'weekly_quota'),
      dailyQuota: maybeBig(row, 'daily_quota'),
      monthlyQuota: maybeBig(row, 'monthly_quota'),
      quotaWindow: maybeText(row, 'quota_window') as WindowMode | undefined,
    },
    rules,
  )
}
