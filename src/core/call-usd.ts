import type { EpochMs } from './units.ts'
import { type NanoUsd, usdOf } from './usd.ts'
import type { Precision, Usage } from './usage.ts'

/** A call as far as its price in dollars depends on it. */
interface UsdCall extends Usage {
  /** As asked for. */
  readonly model: string | undefined
  /** The tier that was really used, else the one that was asked for. */
  readonly serviceTier: string | undefined
  /** Undefined while it is open: then it states no tokens yet. */
  readonly endedAt: EpochMs | undefined
}

/**
 * What the API charges for a call that states its tokens, by the prices in force when it ended: of the same day that its
 * credits are of. Undefined where it states none, or their price is not known.
 */
export function callUsd(call: UsdCall): NanoUsd | undefined {
  if (call.endedAt === undefined || !statesTokens(call)) return undefined
  return usdOf(call, call.model ?? '', call.serviceTier, call.endedAt)
}

/** What a settled call adds to sums of dollars. */
export interface UsdAddend {
  readonly usd: NanoUsd
  /** Whether it may have cost an amount that nobody knows: the sum is then the least that was spent. */
  readonly unpriced: boolean
}

/** A call that states no tokens adds nothing; that it cost nothing is known only where it is exact. */
export function usdAddend(call: UsdCall, precision: Precision): UsdAddend {
  const usd = callUsd(call)
  if (usd !== undefined) return { usd, unpriced: false }
  return { usd: 0n, unpriced: precision !== 'exact' || statesTokens(call) }
}

/** Counts that are all 0 state nothing: the ledger does not tell them from none. */
function statesTokens({ inputTokens, outputTokens, spoken }: Usage): boolean {
  if (inputTokens > 0 || outputTokens > 0) return true
  return spoken !== undefined && Object.values(spoken).some((part) => part !== 0)
}
