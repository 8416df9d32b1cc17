import { judge, type Standing, type WindowName, type WindowStanding } from '../core/quota.ts'
import { QUOTA_REFUSAL, Refusal } from '../core/refusal.ts'
import { creditsText } from '../core/units.ts'
import type { Gateway } from './gateway.ts'

/** Refuses a member whose window is spent, of several the one that resets last; nobody where quotas are not enforced. */
export function refuseSpent(standing: Standing, { settings }: Pick<Gateway, 'settings'>): void {
  if (settings.enforcement === 'shadow') return
  const verdict = judge(standing, [], 0)
  if (verdict.state === 'spent') throw spent(verdict.window, standing)
}

const NAMES: Readonly<Record<WindowName, string>> = {
  '5h': '5-hour',
  daily: 'daily',
  weekly: 'weekly',
  monthly: 'monthly',
}

/** The refusal of who has used a window up. */
export function spent(window: WindowStanding, standing: Standing): Refusal {
  const at = window.resetsAt === undefined ? undefined : new Date(window.resetsAt).toISOString()
  const then = window.rolling === true ? 'There is room again at' : 'It resets at'
  const used = `${creditsText(window.settled)} of ${creditsText(window.limit)} credits.`
  return new Refusal(
    QUOTA_REFUSAL[window.name],
    `Your ${NAMES[window.name]} quota is used up: ${used}${at === undefined ? '' : ` ${then} ${at}.`}`,
    { window, standing },
  )
}
