/** What administrators change of prices, for calls to come and for calls that are settled. */
import type { Charging, SettledCall } from './core/reprice.ts'
import type { SetMessageRate, SetRate, SetTokenRate } from './core/set-rate.ts'
import type { CallId, EpochMs, NanoCredits } from './core/units.ts'

export type { Charging, SetRate, SettledCall }

export type NewTokenRate = Omit<SetTokenRate, 'id' | 'at' | 'on'>
export type NewRate = NewTokenRate | Omit<SetMessageRate, 'id' | 'at' | 'on'>

/** One that was set: that of a model's tokens, or of its messages. */
export interface RateName {
  readonly model: string
  readonly from: string | undefined
  readonly of: 'tokens' | 'messages'
}

/** Which settled calls: those that started in [from, to), of one member where one is named. */
export interface CallSpan {
  readonly from: EpochMs
  readonly to: EpochMs
  readonly member: string | undefined
}

/** Where a page of calls ended. */
export interface CallMark {
  readonly startedAt: EpochMs
  readonly seq: number
}

/** One call as it can be priced again. */
export interface BookedCall extends SettledCall, CallMark {
  readonly id: CallId
  readonly member: string
}

/** Another price of a settled call. `before` is what it was found at: one that has changed since stays as it is. */
export interface Adjustment {
  readonly call: CallId
  readonly before: NanoCredits
  readonly after: NanoCredits
  readonly rate: string
}

/** Calls of one model that the fallback priced: for want of a rate, or of an average where messages were charged. */
export interface FallbackUse {
  /** As asked for; undefined = none was named. */
  readonly model: string | undefined
  readonly charging: Charging
  /** Whether they state the length of audio, and not tokens. */
  readonly byLength: boolean
  readonly calls: number
  readonly credits: NanoCredits
  readonly lastAt: EpochMs
}

/** Calls of one model and service tier that were charged by tokens. */
export interface TierUse {
  /** As asked for; undefined = none was named. */
  readonly model: string | undefined
  /** The tier that was really used. */
  readonly tier: string
  readonly calls: number
}

export interface RateBook {
  /** In the place of one of the same model, kind and day. A running server prices by it within a second. */
  set(rate: NewRate): Promise<SetRate>
  /** Takes one back; rejects with a RegistryError when there is none of this name. */
  unset(rate: RateName, who: string): Promise<SetRate>
  /** Those in use, by model and day. */
  rates(): Promise<readonly SetRate[]>
  /** Settled calls that have a price, the oldest first, `limit` at most, those behind `after`. */
  booked(span: CallSpan, after: CallMark | undefined, limit: number): Promise<readonly BookedCall[]>
  /**
   * Puts other prices on settled calls and on the windows that they are in, in one transaction, and keeps the old ones
   * beside who did it, when and why. Resolves with how many it changed.
   */
  adjust(adjustments: readonly Adjustment[], reason: { readonly who: string; readonly why: string }): Promise<number>
  /** Calls since then that were priced by the fallback, by model, charging and what they state, the most often used first. */
  byFallback(since: EpochMs): Promise<readonly FallbackUse[]>
  /** Service tiers of the calls since then, by tier and model. */
  byTier(since: EpochMs): Promise<readonly TierUse[]>
}
