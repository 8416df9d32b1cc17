import type { QuotaWarning, WindowStanding } from './quota.ts'

/**
 * The thresholds, in percent and ascending, that a window has reached and that are above `told`, the highest that was
 * told of in it before. A window without a limit reaches none.
 */
export function reachedIn(window: WindowStanding, told: number, warnAt: readonly number[]): readonly QuotaWarning[] {
  if (window.limit === 0n) return []
  return warnAt
    .filter((percent) => percent > told && window.settled * 100n >= window.limit * BigInt(percent))
    .map((percent) => ({ window, percent }))
}
