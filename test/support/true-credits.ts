import { cardWith, creditsOf, rateOf, tierOf } from '../../src/core/price.ts'
import type { NanoCredits } from '../../src/core/units.ts'
import type { TrueCall } from '../../src/simulator/simulator.ts'

/** What these calls cost by the published rates and the simulator's own count of tokens. */
export function trueCredits(calls: readonly TrueCall[]): NanoCredits {
  const card = cardWith()
  let sum = 0n
  for (const call of calls) {
    if (!call.terminal || call.status >= 400) continue
    const rate = rateOf(call.model ?? '', call.startedAt, card)
    if (!rate) throw new Error(`the rate card has no row for ${call.model}`)
    sum += creditsOf(call, rate, tierOf(call.serviceTier, call.model, rate, card))
  }
  return sum
}
