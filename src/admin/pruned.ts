import type { Pruned } from '../ports.ts'
import { wholeNumber } from './table.ts'

/** What somebody who asked for calls should know of those that are gone: `so` is what that means for the answer. */
export function prunedWarning({ calls, before }: Pruned, so: string): readonly string[] {
  if (calls === 0) return []
  const which = `${wholeNumber(calls)} calls that started before ${new Date(before).toISOString()}`
  return [`${which} were deleted ([retention]): ${so}`]
}
