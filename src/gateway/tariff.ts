import type { Seen } from '../core/estimate.ts'
import { isPriced } from '../core/intent.ts'
import { bounded, covers, creditsOf, messagePriceOf, rateFor, rateOf, tierOf, type Rate } from '../core/price.ts'
import type { EpochMs, NanoCredits } from '../core/units.ts'
import type { Usage } from '../core/usage.ts'
import type { OpenCall } from '../ports.ts'
import type { Gateway } from './gateway.ts'
import type { CallRequest } from './identify.ts'

/** What the administrator is told once an hour of what the rate card does not know, by what was done then. */
export const PRICED_BY_FALLBACK = 'priced by the fallback'
export const CHARGED_AS_STANDARD = 'charged as the standard tier'
export const CHARGED_NOTHING = 'charged nothing, for its price is not known'

/** What the rate card does not know, and what was done then. */
export interface Unpriced {
  readonly event: typeof PRICED_BY_FALLBACK | typeof CHARGED_AS_STANDARD | typeof CHARGED_NOTHING
  readonly what: string
}

/** A price and the rate that says so. */
export interface Price {
  readonly credits: NanoCredits
  /** Identity of the rate, as stored with the call; undefined where there is none. */
  readonly rate: string | undefined
  /** What the rate card does not know, and so took for the usual; undefined when it knows all. */
  readonly unknown: Unpriced | undefined
}

/** What was called, as far as the price depends on it: as asked for, or as upstream says. */
export interface Called {
  readonly model: string | undefined
  readonly serviceTier: string | undefined
}

type Used = Called & { readonly usage: Usage }
type Tariff = Pick<Gateway, 'rates' | 'settings'>

/** A price and the usage that it is for. */
export interface Estimate extends Price {
  readonly usage: Usage
}

/** Of what nobody published a price. */
export const NO_PRICE: Price = { credits: 0n, rate: undefined, unknown: undefined }

/** What a call is expected to cost, before it has run: nothing, where messages are charged and it can be none. */
export function expectedPrice(request: CallRequest, at: EpochMs, gateway: Gateway): Price {
  if (!isPriced(request.intent.kind)) return NO_PRICE
  if (gateway.settings.charging === 'message' && !mayBeMessage(request, gateway)) return NO_PRICE
  return guessedPrice({ ...request.asked, usage: usageAhead(request, gateway) }, at, gateway)
}

/** What the ledger is to know of it when the call is opened: should this gateway die, the next one settles the call by it. */
export function chargeAhead(
  request: CallRequest,
  { credits: hold, rate }: Price,
  gateway: Gateway,
): Pick<OpenCall, 'hold' | 'rate' | 'charging' | 'message'> {
  return { hold, rate, charging: gateway.settings.charging, message: mayBeMessage(request, gateway) }
}

/** Of a turn that has its message already no other call is one. */
function mayBeMessage({ intent, holder }: CallRequest, { chargedTurns }: Gateway): boolean {
  return intent.message && !chargedTurns.has(holder.member.id, intent.turnId)
}

/** A warm-up has its input read, and says nothing. */
function usageAhead(request: CallRequest, { estimator }: Pick<Gateway, 'estimator'>): Usage {
  const usage = estimator.ahead(seenOf(request, 0))
  return request.intent.kind === 'prewarm' ? { ...usage, outputTokens: 0, reasoningTokens: 0 } : usage
}

/** What a call that was cut short has cost, by what its answer had said of itself and so many bytes of output until then. */
export function priceSoFar(
  request: CallRequest,
  { outputBytes, ...called }: Called & { readonly outputBytes: number },
  gateway: Gateway,
): Estimate {
  // Of an answer that comes as a whole nothing is seen while it is made.
  const usage = request.asked.stream
    ? gateway.estimator.soFar(seenOf(request, outputBytes))
    : usageAhead(request, gateway)
  return { ...guessedPrice({ ...called, usage }, gateway.now(), gateway), usage }
}

/** What the estimator knows a call by. */
export function seenOf({ asked, intent, holder, bodyBytes, continues }: CallRequest, outputBytes: number): Seen {
  const conversation = intent.threadId ?? intent.sessionId
  const thread = conversation === undefined ? undefined : `${holder.member.id}:${conversation}`
  return { model: asked.model, requestBytes: bodyBytes, outputBytes, thread, continues }
}

/** What a call did cost, by the usage that upstream stated. */
export function finalPrice(call: Used, at: EpochMs, tariff: Tariff): Price {
  return priced(call, at, tariff, rateFor(call.usage, call.model ?? '', at, tariff.rates))
}

/** By a guess, which is always of tokens: whether its model has a price of these is asked once they are stated. */
function guessedPrice(call: Used, at: EpochMs, tariff: Tariff): Price {
  return priced(call, at, tariff, rateOf(call.model ?? '', at, tariff.rates) ?? tariff.rates.fallback)
}

function priced({ model, serviceTier, usage }: Used, at: EpochMs, { rates, settings }: Tariff, rate: Rate): Price {
  if (settings.charging === 'message') return messagePrice(model, at, rates)
  const tier = tierOf(serviceTier, model, rate, rates)
  const unknown =
    rate === rates.fallback ? unknownRate(model, usage, rate) : tier.known ? undefined : unknownTier(serviceTier)
  return { credits: bounded(creditsOf(usage, rate, tier)), rate: rate.identity, unknown }
}

function unknownRate(model: string | undefined, usage: Usage, fallback: Rate): Unpriced {
  const { event, what } = unknownModel(model)
  return {
    event: covers(fallback, usage) ? event : CHARGED_NOTHING,
    what: (usage.spoken?.audioMs ?? 0) > 0 ? `minutes of audio, ${what}` : what,
  }
}

function unknownModel(model: string | undefined): Unpriced {
  return { event: PRICED_BY_FALLBACK, what: `model ${model ?? '(none named)'}` }
}

/** Its tokens are charged by the rate of their model; only the factor is that of the standard tier. */
function unknownTier(tier: string | undefined): Unpriced {
  return { event: CHARGED_AS_STANDARD, what: `service tier ${tier}` }
}

function messagePrice(model: string | undefined, at: EpochMs, rates: Gateway['rates']): Price {
  const { credits, identity } = messagePriceOf(model, at, rates)
  return {
    credits: bounded(credits),
    rate: identity,
    unknown: identity === rates.fallback.identity ? unknownModel(model) : undefined,
  }
}
