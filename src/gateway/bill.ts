import { isPriced } from '../core/intent.ts'
import type { Metered } from '../core/meter.ts'
import { MOST_PER_CALL } from '../core/price.ts'
import type { EpochMs, NanoCredits } from '../core/units.ts'
import { NO_USAGE, type Precision, type Usage } from '../core/usage.ts'
import type { Gateway } from './gateway.ts'
import type { Receipt } from './settle.ts'
import { CHARGED_NOTHING, finalPrice, NO_PRICE, priceSoFar, seenOf, type Called, type Unpriced } from './tariff.ts'

/** What a call cost, and how surely that is known. */
export interface Bill {
  readonly credits: NanoCredits
  readonly rate: string | undefined
  readonly precision: Precision
  readonly unknown: Unpriced | undefined
  /** Of an estimate. */
  readonly usage?: Usage
}

const NOTHING: Bill = { credits: 0n, rate: undefined, precision: 'exact', unknown: undefined }

/** What the call costs and how surely that is known. Too high a price is cut rather than the call lost. */
export function bill(receipt: Receipt, gateway: Gateway): Bill {
  const whole = billWhole(receipt, gateway)
  if (whole.credits < MOST_PER_CALL) return whole
  const { request } = receipt
  const call = { call: request.facts.id, model: request.asked.model, rate: whole.rate }
  gateway.log.error('price of a call cut to the most that is charged: see its rate', call)
  return { ...whole, credits: MOST_PER_CALL, precision: whole.precision === 'exact' ? 'estimated' : whole.precision }
}

function billWhole(receipt: Receipt, gateway: Gateway): Bill {
  if (receipt.metered?.usage) return billUsage(receipt, gateway, gateway.now())
  const guess = billWithoutUsage(receipt, gateway)
  // A guess by the size of its body would be a price that was made up.
  const known = guess.precision === 'exact' || isPriced(receipt.request.intent.kind)
  return known ? guess : { ...NO_PRICE, precision: 'unknown' }
}

function billWithoutUsage(receipt: Receipt, gateway: Gateway): Bill {
  const { metered, expected } = receipt
  if (metered === undefined || receipt.status === undefined) return billNoAnswer(receipt, gateway)
  // Upstream's errors (and redirections) cost nothing unless they state usage, nor do answers that failed in the middle.
  if (receipt.status >= 300 || saysItFailed(metered)) return NOTHING
  if (receipt.ending !== 'complete') return estimate(receipt, gateway)
  // It says nothing, and may state just that.
  if (receipt.request.intent.kind === 'prewarm') return { ...NOTHING, precision: 'unknown' }
  const { unknownUsageCredits, charging } = gateway.settings
  return { ...expected, credits: charging === 'message' ? expected.credits : unknownUsageCredits, precision: 'unknown' }
}

/** Whether an answer whose status is good says that it failed, or was cancelled upstream. */
export function saysItFailed({ terminal }: Metered): boolean {
  return terminal === 'failed' || terminal === 'cancelled' || terminal === 'error'
}

function billUsage(receipt: Receipt, gateway: Gateway, at: EpochMs): Bill {
  const { metered } = receipt
  const price = finalPrice({ ...calledIn(receipt), usage: metered?.usage ?? NO_USAGE }, at, gateway)
  if (price.unknown?.event === CHARGED_NOTHING) return { ...price, precision: 'unknown' }
  // Priced by what it can mean at most, but nothing to prove a bill by.
  return { ...price, precision: metered?.usage?.inconsistent ? 'estimated' : 'exact' }
}

/**
 * No head came. A client that left while upstream was at work may have caused cost that nobody states; what had failed before
 * costs it no more than if it had stayed.
 */
function billNoAnswer(receipt: Receipt, gateway: Gateway): Bill {
  const headless = receipt.attempts.filter((attempt) => attempt.sent && attempt.status === undefined)
  if (headless.length === 0) return NOTHING
  const wasAtWork = headless.some(({ errorClass }) => errorClass === undefined || errorClass === 'client_left')
  if (receipt.ending === 'client-left' && wasAtWork) return estimate(receipt, gateway)
  return { ...NOTHING, precision: 'unknown' }
}

/** By the request, and by what was seen of the output. */
function estimate(receipt: Receipt, gateway: Gateway): Bill {
  const { request, metered } = receipt
  const soFar = { ...calledIn(receipt), outputBytes: metered?.outputBytes ?? 0 }
  return { ...priceSoFar(request, soFar, gateway), precision: 'estimated' }
}

/** An answer names its tier, and its model, as it begins: one that was cut is priced by them as a whole one is. */
function calledIn(receipt: Receipt): Called {
  const { request, metered } = receipt
  return { model: request.asked.model ?? metered?.model, serviceTier: tierOf(receipt) }
}

/** The tier that was used: `auto` in an answer only repeats the question. */
export function tierOf({ metered, request }: Receipt): string | undefined {
  const stated = metered?.serviceTier
  return stated === undefined || stated === 'auto' ? request.asked.serviceTier : stated
}

/** A call that ran to its end tells what others like it use; one that was cut short, what is cached for those after it. */
export function learnFrom({ request, metered, ending, status = 0 }: Receipt, gateway: Gateway): void {
  if (!metered || !isPriced(request.intent.kind)) return
  const seen = seenOf(request, metered.outputBytes)
  if (metered.usage) {
    if (!metered.usage.inconsistent && !saysItFailed(metered)) gateway.estimator.learn(seen, metered.usage)
  } else if (status < 300 && ending !== 'complete' && metered.terminal === undefined && metered.bytes > 0) {
    gateway.estimator.cut(seen)
  }
}
