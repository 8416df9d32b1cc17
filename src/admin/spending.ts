import type { EpochMs } from '../core/units.ts'
import type { CallRow, MemberUsage, Registry, Reports } from '../ports.ts'
import { WrongUse } from './wrong-use.ts'

const DAY_MS = 86_400_000

/** What members spent since midnight, UTC. */
export function usageToday(reports: Reports, now: EpochMs): Promise<readonly MemberUsage[]> {
  const midnight = now - (now % DAY_MS)
  return reports.usage(midnight, midnight + DAY_MS)
}

/**
 * A day's tokens as if all of them had been uncached input: cached input weighs a tenth, output weighs eight times,
 * which are the proportions of the fallback rates. Rounded to a whole number.
 */
export function weightedTokens(usage: MemberUsage): number {
  const uncached = usage.inputTokens - usage.cachedInputTokens
  return Math.round(uncached + usage.cachedInputTokens / 10 + usage.outputTokens * 8)
}

export interface CallFilter {
  readonly member: string | undefined
  readonly limit: number
}

/** The newest calls first; throws WrongUse for a member who does not exist. */
export async function recentCalls(
  store: { readonly registry: Registry; readonly reports: Reports },
  filter: CallFilter,
): Promise<readonly CallRow[]> {
  if (filter.member !== undefined) {
    const members = await store.registry.members()
    if (!members.some(({ name }) => name === filter.member)) {
      throw new WrongUse(`there is no member named ${JSON.stringify(filter.member)}; see admin list-members`)
    }
  }
  return store.reports.calls(filter)
}
