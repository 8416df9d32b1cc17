import { isPriced, type CallKind } from '../core/intent.ts'
import { creditsOf, holdOf, messagePriceOf, rateOf, tierOf, type Rate, type Tier } from '../core/price.ts'
import type { EpochMs, NanoCredits } from '../core/units.ts'
import type { Usage } from '../core/usage.ts'
import type { Gateway } from './gateway.ts'

/** A price and the rate that says so. */
export interface Price {
  readonly credits: NanoCredits
  /** Identity of the rate, as stored with the call; undefined where there is none. */
  readonly rate: string | undefined
  /** What the rate card does not know, and so took for the usual; undefined when it knows all. */
  readonly unknown: string | undefined
}

interface Called {
  readonly model: string | undefined
  readonly serviceTier: string | undefined
}

type Tariff = Pick<Gateway, 'rates' | 'settings'>

/** Of what nobody published a price. */
export const NO_PRICE: Price = { credits: 0n, rate: undefined, unknown: undefined }

/** What a call is expected to cost, before it has run. */
export function expectedPrice(
  call: Called & { readonly kind: CallKind; readonly bodyBytes: number },
  at: EpochMs,
  tariff: Tariff,
): Price {
  if (!isPriced(call.kind)) return NO_PRICE
  return priced(call, at, tariff, (rate, tier) => holdOf(call.bodyBytes, rate, tier))
}

/** What a call did cost, by the usage that upstream stated. */
export function finalPrice(call: Called & { readonly usage: Usage }, at: EpochMs, tariff: Tariff): Price {
  return priced(call, at, tariff, (rate, tier) => creditsOf(call.usage, rate, tier))
}

type Cost = (rate: Rate, tier: Tier) => NanoCredits

function priced({ model, serviceTier }: Called, at: EpochMs, { rates, settings }: Tariff, cost: Cost): Price {
  if (settings.charging === 'message') return messagePrice(model, at, rates)
  const rate = rateOf(model ?? '', at, rates) ?? rates.fallback
  const tier = tierOf(serviceTier, rate, rates)
  const unknown = rate === rates.fallback ? unknownModel(model) : tier.known ? undefined : `service tier ${serviceTier}`
  return { credits: cost(rate, tier), rate: rate.identity, unknown }
}

function unknownModel(model: string | undefined): string {
  return `model ${model ?? '(none named)'}`
}

function messagePrice(model: string | undefined, at: EpochMs, rates: Gateway['rates']): Price {
  const { credits, identity } = messagePriceOf(model, at, rates)
  return { credits, rate: identity, unknown: identity === rates.fallback.identity ? unknownModel(model) : undefined }
}
