import type { CallFilter, CallRow, CallStory, ConnectionRow, MemberUsage, Registry, Reports } from '../ports.ts'
import { WrongUse } from './wrong-use.ts'

/**
 * A day's tokens as if all of them had been uncached input: cached input weighs a tenth, output weighs eight times,
 * which are the proportions of the fallback rates. Rounded to a whole number.
 */
export function weightedTokens(usage: MemberUsage): number {
  const uncached = usage.inputTokens - usage.cachedInputTokens
  return Math.round(uncached + usage.cachedInputTokens / 10 + usage.outputTokens * 8)
}

export interface ConnectionFilter {
  readonly member: string | undefined
  readonly limit: number
}

/** The newest WebSockets first; throws WrongUse for a member who does not exist. */
export async function recentConnections(store: Books, filter: ConnectionFilter): Promise<readonly ConnectionRow[]> {
  await checkNames(store.registry, filter)
  return store.reports.connections(filter)
}

interface Books {
  readonly registry: Registry
  readonly reports: Reports
}

/** Throws WrongUse when a filter names a member or an upstream key that does not exist. */
export async function checkNames(
  registry: Registry,
  { member, upstream }: { readonly member?: string | undefined; readonly upstream?: string | undefined },
): Promise<void> {
  if (member !== undefined && !(await registry.members()).some(({ name }) => name === member)) {
    throw new WrongUse(`there is no member named ${JSON.stringify(member)}; see admin list-members`)
  }
  if (upstream !== undefined && !(await registry.upstreams()).some(({ name }) => name === upstream)) {
    throw new WrongUse(`there is no upstream key named ${JSON.stringify(upstream)}; see admin list-upstream-keys`)
  }
}

/** Whether a settled call is one of those that the filter wants, but for its time. */
export function passes(call: CallRow, { member, model, upstream, kind, status, ending }: CallFilter): boolean {
  const asked = [
    [member, call.member],
    [model, call.model],
    [upstream, call.upstream],
    [kind, call.kind],
    [ending, call.ending],
  ]
  const answered = call.status ?? 0
  return (
    asked.every(([wanted, found]) => wanted === undefined || wanted === found) &&
    (status === undefined || (answered >= status.from && answered <= status.to))
  )
}

/** Least of an id that says which call is meant: its millisecond. The first 8 characters are those of a whole minute. */
const LEAST_OF_ID = 13

/** Throws WrongUse when there is no such call, or more than one whose id begins so. */
export async function callOf(reports: Reports, id: string): Promise<CallStory> {
  if (!/^[\da-f-]{1,36}$/i.test(id) || id.length < LEAST_OF_ID) {
    throw new WrongUse(
      `${JSON.stringify(id)}: must be the id of a call, or at least its first ${LEAST_OF_ID} characters`,
    )
  }
  const story = await reports.call(id.toLowerCase())
  if (story) return story
  throw new WrongUse(`there is no call ${JSON.stringify(id)}, or several begin so; see admin calls --json`)
}
