/** What is in flight. */
import type { Manner } from './core/choice.ts'
import type { Outcome, Pulse } from './core/health.ts'
import type { Hold } from './core/quota.ts'
import type { CallId, EpochMs, NanoCredits, UpstreamId } from './core/units.ts'
import type { Directory, Member, Upstream } from './ports-directory.ts'

/** A wish for a place. */
export interface Claim {
  readonly call: CallId
  readonly member: Member
  /** What the call holds; 0 where the member has no limited window. */
  readonly hold: NanoCredits
}

/** A place of the member, held while its scope lives. */
export interface Place extends AsyncDisposable {
  /** What calls placed before this one hold on the same member, now: one sum for each instant of admission. */
  heldBefore(): readonly Hold[]
  /** Resolves when one of them has gone; rejects with the signal's reason. */
  changed(signal: AbortSignal): Promise<void>
  /**
   * Tells that the ledger admitted the call, and when the last of the windows open to it was opened: its hold counts
   * only in windows that were open then. Calls of the same windows share this instant.
   */
  admitted(at: EpochMs): void
}

/** Which upstream key is wanted. */
export interface Wish {
  readonly call: CallId
  /** Whose call it is, and that member's share of a key's places while others wait for them too. */
  readonly member: Pick<Member, 'id' | 'weight'>
  /** Hard constraints are already applied: any of these will do. */
  readonly candidates: readonly Upstream[]
  readonly model: string | undefined
  readonly serviceTier: string | undefined
  /** Soft: the conversation goes back to the key it had, if that is free and healthy. */
  readonly sticky: string | undefined
}

export interface Seat extends AsyncDisposable {
  readonly upstream: Upstream
  readonly chosen: Manner
}

/** No candidate can ever be had without an administrator: each is disabled by its own trouble. */
export class NoSeat extends Error {
  override readonly name = 'NoSeat'
}

/** So many calls of the member wait for a place already that this one may not. */
export class QueueFull extends Error {
  override readonly name = 'QueueFull'
}

/** What is in flight. Safe to lose. */
export interface Coordinator {
  /**
   * Takes a place of the member and places its hold, or waits in the member's queue; rejects with the signal's reason,
   * or at once with `QueueFull`.
   */
  admit(claim: Claim, signal: AbortSignal): Promise<Place>
  /**
   * Then takes the best free candidate, or waits until one is free and healthy; rejects with the signal's reason,
   * or at once with `NoSeat`. Nobody who waits for room of its own holds an upstream place.
   *
   * Of the calls that wait for a key and could have it, the next is one of the member whose turn it is there: each member
   * gets as many of the key's places as its weight says, by what its latest wish says the weight is, and of one
   * member's calls the first come is the first served. What was free when it was wished for counts for nothing.
   */
  seat(wish: Wish, signal: AbortSignal): Promise<Seat>
  /** The same for who does not wait: undefined where no candidate is free and healthy now. */
  seatNow(wish: Wish): Promise<Seat | undefined>
  /**
   * Tells what administrators have changed: those who wait are judged by it at once, also where nobody new comes. Of keys the
   * limit counts and whether they are enabled, of members the limit.
   */
  follow(directory: Pick<Directory, 'upstreams' | 'memberOf'>): void
  /** Tells what came of a try: cools, disables or heals the key and whatever shares its limits. */
  report(upstream: Upstream, outcome: Outcome): void
  /** How long until one of the candidates may be free of its cooldown, in ms; undefined when nothing cools. */
  soonest(wish: Wish): number | undefined
  /** Undefined for a key that it has not met. */
  pulse(id: UpstreamId): Pulse | undefined
  /** The pulses of all keys that it has met. */
  survey(): ReadonlyMap<UpstreamId, Pulse>
}
