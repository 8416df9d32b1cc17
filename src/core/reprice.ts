import {
  bounded,
  covers,
  creditsOf,
  messagePriceOf,
  rateFor,
  rateOf,
  tierOf,
  type Rate,
  type RateCard,
} from './price.ts'
import type { EpochMs, NanoCredits } from './units.ts'
import type { Precision, Usage } from './usage.ts'

export type Charging = 'tokens' | 'message'

/** A settled call with all that its price depends on. */
export interface SettledCall {
  /** As asked for. */
  readonly model: string | undefined
  /** The tier that was really used. */
  readonly serviceTier: string | undefined
  readonly usage: Usage
  readonly precision: Precision | undefined
  /** Undefined for a call that was left open by a gateway that died. */
  readonly charging: Charging | undefined
  /** Whether it was the first of its turn to be charged. */
  readonly message: boolean
  readonly endedAt: EpochMs
  readonly credits: NanoCredits
  /** Identity of the rate that it was priced by. */
  readonly rate: string | undefined
}

export interface Repriced {
  readonly credits: NanoCredits
  readonly rate: string
}

/**
 * The price of a settled call by the rates in force when it ended. Undefined for a call that says nothing to price it
 * by: one that was estimated without tokens, or charged for an answer without usage, keeps what it has; so does one of
 * which nothing has a price.
 */
export function repriced(call: SettledCall, card: RateCard): Repriced | undefined {
  if (call.rate === undefined || call.charging === undefined) return undefined
  const model = call.model ?? modelIn(call.rate)
  if (call.charging === 'message') return call.message ? ofMessage(model, call, card) : undefined
  if (!statesUsage(call.usage)) return undefined
  const rate = rateOfSettled(call, model ?? '', card)
  if (rate === undefined) return undefined
  const credits = bounded(creditsOf(call.usage, rate, tierOf(call.serviceTier, model, rate, card)))
  return { credits, rate: rate.identity }
}

/**
 * What was estimated is tokens, whatever the model counts: of such a guess nothing is asked but its model's rate. What the fallback
 * has priced in spite of a rate was no guess: it was stated, if not consistently.
 */
function rateOfSettled(call: SettledCall, model: string, card: RateCard): Rate | undefined {
  const { usage, precision, endedAt } = call
  const isGuess = precision === 'estimated' && call.rate !== card.fallback.identity
  if (isGuess) return rateOf(model, endedAt, card) ?? card.fallback
  const rate = rateFor(usage, model, endedAt, card)
  return covers(rate, usage) ? rate : undefined
}

/** Whether it makes a difference: another price, or a row at last for what the fallback had priced. */
export function isChange({ credits, rate }: SettledCall, to: Repriced, card: RateCard): boolean {
  return credits !== to.credits || (rate === card.fallback.identity && rate !== to.rate)
}

function ofMessage(model: string | undefined, call: SettledCall, card: RateCard): Repriced {
  const { credits, identity } = messagePriceOf(model, call.endedAt, card)
  return { credits: bounded(credits), rate: identity }
}

/** A call that named no model was priced by the one that upstream named: its rate says which. */
function modelIn(rate: string): string | undefined {
  return /^(.+)@/.exec(rate)?.[1]
}

function statesUsage({ inputTokens, outputTokens, spoken }: Usage): boolean {
  return inputTokens > 0 || outputTokens > 0 || (spoken?.audioMs ?? 0) > 0
}
