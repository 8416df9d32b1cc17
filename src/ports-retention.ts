/** What is deleted when it is old. */
import type { EpochMs } from './core/units.ts'

/** What began before these goes; undefined = nothing of it. */
export interface Cutoffs {
  readonly calls: EpochMs | undefined
  readonly connections: EpochMs | undefined
}

export interface Retention {
  /**
   * Deletes up to so many calls, with their attempts, and as many connections, the oldest first, in one transaction;
   * returns how many went. What is open stays, and so does the newest call. Sums stay as they are.
   */
  prune(before: Cutoffs, most: number): Promise<{ readonly calls: number; readonly connections: number }>
}
