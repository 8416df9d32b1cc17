import { isPriced } from '../core/intent.ts'
import type { Metered } from '../core/meter.ts'
import { Refusal, REFUSAL_STATUS, type RefusalCode } from '../core/refusal.ts'
import type { CallId, EpochMs, NanoCredits } from '../core/units.ts'
import { NO_USAGE, type Precision } from '../core/usage.ts'
import {
  LedgerUnavailable,
  type AttemptOutcome,
  type Ending,
  type Entry,
  type Standing,
  type Upstream,
} from '../ports.ts'
import type { Gateway } from './gateway.ts'
import type { CallRequest } from './identify.ts'
import { ClientLeft } from './patience.ts'
import { tellWarnings } from './warn.ts'
import { finalPrice, NO_PRICE, type Price } from './tariff.ts'

/** What is known of an admitted call so far; whatever way it ends, this is what is settled. */
export interface Receipt {
  readonly request: CallRequest
  /** What it was expected to cost. */
  readonly expected: Price
  ending: Ending
  status: number | undefined
  refusal: RefusalCode | undefined
  requestId: string
  /** The upstream whose answer is passed on. */
  upstream: Upstream | undefined
  organization: string | undefined
  metered: Metered | undefined
  readonly attempts: AttemptOutcome[]
}

export function receiptFor(request: CallRequest, expected: Price): Receipt {
  return {
    request,
    expected,
    // Until something better is known: no answer was had.
    ending: 'upstream-failed',
    status: undefined,
    refusal: undefined,
    requestId: request.facts.id,
    upstream: undefined,
    organization: undefined,
    metered: undefined,
    attempts: [],
  }
}

/** The call was not answered: what its caller is told stands in the ledger too. */
export function noteFailure(receipt: Receipt, cause: unknown): void {
  if (cause instanceof ClientLeft) receipt.ending = 'client-left'
  if (!(cause instanceof Refusal)) return
  receipt.refusal = cause.code
  receipt.status = REFUSAL_STATUS[cause.code]
  receipt.upstream = undefined
  receipt.organization = undefined
  // Nothing went upstream: it is the gateway's no, and no request that usage counts.
  if (receipt.attempts.length === 0) receipt.ending = 'refused'
}

/** Only who answered may have made ciphertext; an error made none. */
export function rememberOwner({ upstream, status = 0, organization, request }: Receipt, gateway: Gateway): void {
  if (!upstream || status >= 300) return
  gateway.owners.answered(request.holder.member.id, request, { upstream: upstream.id, organization })
}

const AGAIN_MS = 250
const AGAIN_AT_MOST_MS = 5000

/**
 * Settles a call, however long the ledger takes to come back: what was spent is not forgotten while the gateway
 * runs. Never listens to the client's signal.
 */
export async function settle(receipt: Receipt, gateway: Gateway): Promise<Standing> {
  const entry = entryOf(receipt, gateway)
  const standing = await insisted(() => gateway.ledger.settle(entry), entry.call, gateway)
  tellWarnings(receipt.request.holder.member, standing, gateway)
  return standing
}

/** Writes something into the ledger, however long that takes to come back. */
export async function insisted<T>(write: () => Promise<T>, call: CallId, gateway: Gateway): Promise<T> {
  for (let waitMs = AGAIN_MS; ; waitMs = Math.min(waitMs * 2, AGAIN_AT_MOST_MS)) {
    try {
      return await write()
    } catch (cause) {
      if (!(cause instanceof LedgerUnavailable)) throw cause
      // Whoever starts next on this ledger finds the call open and settles it.
      if (gateway.stop.aborted) throw cause
      gateway.log.error('call cannot be settled yet', { call, cause: cause.message })
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }
}

function entryOf(receipt: Receipt, gateway: Gateway): Entry {
  const { request, metered } = receipt
  const { credits, rate, precision, unknown } = bill(receipt, gateway)
  if (unknown !== undefined) gateway.notices.warn('priced by the fallback', unknown)
  const served = receipt.status !== undefined && receipt.status < 300 && receipt.refusal === undefined
  return {
    call: request.facts.id,
    ending: receipt.ending === 'client-left' && gateway.stop.aborted ? 'cut' : receipt.ending,
    status: receipt.status,
    refusal: receipt.refusal,
    requestId: receipt.requestId,
    upstream: receipt.upstream?.id,
    organization: receipt.organization,
    responseId: metered?.responseId,
    serviceTier: tierOf(receipt),
    usage: metered?.usage ?? NO_USAGE,
    precision,
    credits,
    charging: gateway.settings.charging,
    message: request.intent.message && served,
    rate,
    attempts: receipt.attempts,
    endedAt: gateway.now(),
  }
}

interface Bill {
  readonly credits: NanoCredits
  readonly rate: string | undefined
  readonly precision: Precision
  readonly unknown: string | undefined
}

const NOTHING: Bill = { credits: 0n, rate: undefined, precision: 'exact', unknown: undefined }

/** What the call costs and how surely that is known. */
function bill(receipt: Receipt, gateway: Gateway): Bill {
  if (receipt.metered?.usage) return billUsage(receipt, gateway, gateway.now())
  const guess = billWithoutUsage(receipt, gateway)
  // A guess by the size of its body would be a price that was made up.
  const known = guess.precision === 'exact' || isPriced(receipt.request.intent.kind)
  return known ? guess : { ...NO_PRICE, precision: 'unknown' }
}

function billWithoutUsage(receipt: Receipt, gateway: Gateway): Bill {
  const { metered, expected } = receipt
  if (metered === undefined || receipt.status === undefined) return billNoAnswer(receipt)
  // Upstream's errors (and redirections) cost nothing unless they state usage, nor do answers that failed in the middle.
  if (receipt.status >= 300 || metered.terminal === 'failed' || metered.terminal === 'error') return NOTHING
  if (receipt.ending !== 'complete') return { ...expected, precision: 'estimated' }
  const { unknownUsageCredits, charging } = gateway.settings
  return { ...expected, credits: charging === 'message' ? expected.credits : unknownUsageCredits, precision: 'unknown' }
}

function billUsage(receipt: Receipt, gateway: Gateway, at: EpochMs): Bill {
  const { request, metered } = receipt
  const price = finalPrice(
    { model: request.asked.model ?? metered?.model, serviceTier: tierOf(receipt), usage: metered?.usage ?? NO_USAGE },
    at,
    gateway,
  )
  return { ...price, precision: 'exact' }
}

/** No head came. A client that left while upstream was at work may have caused cost that nobody states. */
function billNoAnswer(receipt: Receipt): Bill {
  const sent = receipt.attempts.some((attempt) => attempt.sent && attempt.status === undefined)
  if (!sent) return NOTHING
  if (receipt.ending === 'client-left') return { ...receipt.expected, precision: 'estimated' }
  return { ...NOTHING, precision: 'unknown' }
}

/** `auto` in an answer only repeats the question. */
function tierOf({ metered, request }: Receipt): string | undefined {
  const stated = metered?.serviceTier
  return stated === undefined || stated === 'auto' ? request.asked.serviceTier : stated
}
