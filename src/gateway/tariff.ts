import type { Seen } from '../core/estimate.ts'
import { isPriced } from '../core/intent.ts'
import { creditsOf, messagePriceOf, rateOf, tierOf, type Rate, type Tier } from '../core/price.ts'
import type { EpochMs, NanoCredits } from '../core/units.ts'
import type { Usage } from '../core/usage.ts'
import type { Gateway } from './gateway.ts'
import type { CallRequest } from './identify.ts'

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

/** A price and the usage that it is for. */
export interface Estimate extends Price {
  readonly usage: Usage
}

/** Of what nobody published a price. */
export const NO_PRICE: Price = { credits: 0n, rate: undefined, unknown: undefined }

/** What a call is expected to cost, before it has run. */
export function expectedPrice(request: CallRequest, at: EpochMs, gateway: Tariff & Pick<Gateway, 'estimator'>): Price {
  if (!isPriced(request.intent.kind)) return NO_PRICE
  return finalPrice({ ...request.asked, usage: gateway.estimator.ahead(seenOf(request, 0)) }, at, gateway)
}

/** What a call that was cut short has cost, by so many bytes of output that were seen of it. */
export function priceSoFar(request: CallRequest, outputBytes: number, gateway: Gateway): Estimate {
  const seen = seenOf(request, outputBytes)
  // Of an answer that comes as a whole nothing is seen while it is made.
  const usage = request.asked.stream ? gateway.estimator.soFar(seen) : gateway.estimator.ahead(seen)
  return { ...finalPrice({ ...request.asked, usage }, gateway.now(), gateway), usage }
}

/** What the estimator knows a call by. */
export function seenOf({ asked, intent, holder, bodyBytes, continues }: CallRequest, outputBytes: number): Seen {
  const conversation = intent.threadId ?? intent.sessionId
  const thread = conversation === undefined ? undefined : `${holder.member.id}:${conversation}`
  return { model: asked.model, requestBytes: bodyBytes, outputBytes, thread, continues }
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
