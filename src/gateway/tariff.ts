import { creditsOf, holdOf, messagePriceOf, rateOf, tierOf } from '../core/price.ts'
import type { EpochMs, NanoCredits } from '../core/units.ts'
import type { Usage } from '../core/usage.ts'
import type { Gateway } from './gateway.ts'

/** A price and the rate that says so. */
export interface Price {
  readonly credits: NanoCredits
  /** Identity of the rate, as stored with the call. */
  readonly rate: string
}

/** What a call is expected to cost, before it has run. */
export function expectedPrice(
  call: { readonly model: string | undefined; readonly serviceTier: string | undefined; readonly bodyBytes: number },
  at: EpochMs,
  { rates, settings }: Pick<Gateway, 'rates' | 'settings'>,
): Price {
  if (settings.charging === 'message') return messagePrice(call.model, at, rates)
  const rate = rateOf(call.model ?? '', at, rates) ?? rates.fallback
  return { credits: holdOf(call.bodyBytes, rate, tierOf(call.serviceTier, rate, rates)), rate: rate.identity }
}

/** What a call did cost, by the usage that upstream stated. */
export function finalPrice(
  call: { readonly model: string | undefined; readonly serviceTier: string | undefined; readonly usage: Usage },
  at: EpochMs,
  { rates, settings }: Pick<Gateway, 'rates' | 'settings'>,
): Price {
  if (settings.charging === 'message') return messagePrice(call.model, at, rates)
  const rate = rateOf(call.model ?? '', at, rates) ?? rates.fallback
  return { credits: creditsOf(call.usage, rate, tierOf(call.serviceTier, rate, rates)), rate: rate.identity }
}

function messagePrice(model: string | undefined, at: EpochMs, rates: Gateway['rates']): Price {
  const { credits, identity } = messagePriceOf(model, at, rates)
  return { credits, rate: identity }
}
