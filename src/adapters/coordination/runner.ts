import type { Manner } from '../../core/choice.ts'
import type { Candidate } from '../../core/schedule.ts'
import { NoSeat, type Upstream, type Wish } from '../../ports.ts'

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

/** No key of the wish can run, for these reasons. */
export function noSeat(wish: Wish, reasons: ReadonlySet<string>): NoSeat {
  const why = reasons.size === 0 ? 'none is enabled' : Array.from(reasons).join(', ')
  return new NoSeat(`none of ${wish.candidates.length} upstream keys can be used for this call: ${why}`)
}
