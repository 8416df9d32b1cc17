import { type NanoUsd, usdOf } from '../core/usd.ts'
import type { CallRow } from '../ports.ts'

/** What the API charges for a call that states its tokens, where its price is known. */
export function callUsd(call: CallRow): NanoUsd | undefined {
  const stated = call.inputTokens > 0 || call.outputTokens > 0 || call.spoken !== undefined
  return stated ? usdOf(call, call.model ?? '', call.serviceTier, call.startedAt) : undefined
}
