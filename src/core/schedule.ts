import type { UpstreamId } from './units.ts'

/** A key that is free and healthy, as the choice sees it. */
export interface Candidate {
  readonly id: UpstreamId
  readonly weight: number
  readonly inFlight: number
  /** How much of its share it has had: rises by 1 / weight with every call that it was chosen for (`turnAfter`). */
  readonly turn: number
  /** When it was last chosen, as a running number; 0 = never. */
  readonly chosen: number
}

/** A key that was away does not make up for more than this many of its calls in a row. */
const ARREARS = 2
const LEAST_WEIGHT = 1e-6

/**
 * Chooses among free, healthy keys: the one that the conversation had; else the least loaded for its weight; among
 * equally loaded ones the one that has had the least of its share, then the one not chosen for the longest time.
 */
export function choose<T extends Candidate>(candidates: readonly T[], sticky: UpstreamId | undefined): T | undefined {
  let best: T | undefined
  const least = leastTurn(candidates)
  for (const candidate of candidates) {
    if (candidate.id === sticky) return candidate
    if (!best || isBefore(candidate, best, least)) best = candidate
  }
  return best
}

/** The turn of a key once it has been chosen among these, other than for its conversation. */
export function turnAfter(chosen: Candidate, among: readonly Candidate[]): number {
  return Math.max(chosen.turn, leastTurn(among)) + 1 / weightOf(chosen)
}

function isBefore(a: Candidate, b: Candidate, least: number): boolean {
  const load = a.inFlight / weightOf(a) - b.inFlight / weightOf(b)
  if (load !== 0) return load < 0
  const turn = Math.max(a.turn, least) - Math.max(b.turn, least)
  return turn === 0 ? a.chosen < b.chosen : turn < 0
}

/** Whoever has had less is taken to have had this much. */
function leastTurn(candidates: readonly Candidate[]): number {
  let most = 0
  let lightest = Infinity
  for (const candidate of candidates) {
    most = Math.max(most, candidate.turn)
    lightest = Math.min(lightest, weightOf(candidate))
  }
  return most - ARREARS / lightest
}

function weightOf(candidate: Candidate): number {
  return Math.max(candidate.weight, LEAST_WEIGHT)
}
