/** What was used, summed. */
import type { EpochMs, NanoCredits } from './core/units.ts'
import type { NanoUsd } from './core/usd.ts'
import type { Usage } from './core/usage.ts'

/** What sums may be told apart by. */
export type UsageDimension = 'member' | 'key' | 'model' | 'upstream' | 'kind' | 'day' | 'hour'

/** Settled calls that started in [from, to), both at the full hour, UTC. */
export interface UsageQuery {
  readonly from: EpochMs
  readonly to: EpochMs
  readonly by: readonly UsageDimension[]
}

/** The sums of one group; a dimension that was not asked for, or that the calls had none of, is undefined. */
export interface UsageSum extends Usage {
  readonly member: string | undefined
  /** The gateway key's prefix. */
  readonly key: string | undefined
  readonly model: string | undefined
  readonly upstream: string | undefined
  readonly kind: string | undefined
  /** When the day or the hour began. */
  readonly at: EpochMs | undefined
  readonly requests: number
  readonly messages: number
  /** How many of the requests are estimated, or of unknown usage. */
  readonly inexact: number
  readonly credits: NanoCredits
  /** What the API charges for those that are priced; the least that all of them cost where some are not. */
  readonly usd: NanoUsd
  /** How many of the requests may have cost dollars that are not in the sum: nobody knows how many. */
  readonly unpriced: number
}
