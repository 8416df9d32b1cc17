import type { Manner } from '../../core/choice.ts'
import type { Candidate } from '../../core/schedule.ts'
import type { Upstream, Wish } from '../../ports.ts'

/** A key that a call may have as far as its health goes. */
export interface Runner extends Candidate {
  readonly upstream: Upstream
  /** Else it is a last resort. */
  readonly well: boolean
}

/** How a key that is not the conversation's own came to be chosen. */
export function mannerOf({ well }: Runner, among: readonly Runner[], { candidates }: Wish): Manner {
  if (!well) return 'last-resort'
  if (candidates.length === 1) return 'only'
  return among.length === 1 ? 'only-free' : 'fair'
}

/** Whether one of its places is free; 0 = unlimited. */
export function hasRoom(runner: Runner): boolean {
  const max = runner.upstream.maxConcurrent
  return max <= 0 || runner.inFlight < max
}
