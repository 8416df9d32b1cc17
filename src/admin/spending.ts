import type { CallRow, ConnectionRow, MemberUsage, Registry, Reports } from '../ports.ts'
import { WrongUse } from './wrong-use.ts'

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
export async function recentCalls(store: Books, filter: CallFilter): Promise<readonly CallRow[]> {
  await checkMember(store, filter)
  return store.reports.calls(filter)
}

/** The newest WebSockets first; throws WrongUse for a member who does not exist. */
export async function recentConnections(store: Books, filter: CallFilter): Promise<readonly ConnectionRow[]> {
  await checkMember(store, filter)
  return store.reports.connections(filter)
}

interface Books {
  readonly registry: Registry
  readonly reports: Reports
}

async function checkMember({ registry }: Books, { member }: CallFilter): Promise<void> {
  if (member === undefined || (await registry.members()).some(({ name }) => name === member)) return
  throw new WrongUse(`there is no member named ${JSON.stringify(member)}; see admin list-members`)
}
