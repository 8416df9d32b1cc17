import type { Metered } from '../core/meter.ts'
import { Refusal, REFUSAL_STATUS, type RefusalCode } from '../core/refusal.ts'
import type { CallId } from '../core/units.ts'
import { NO_USAGE } from '../core/usage.ts'
import {
  LedgerUnavailable,
  type AttemptOutcome,
  type Ending,
  type Entry,
  type Standing,
  type Upstream,
} from '../ports.ts'
import { bill, learnFrom, saysItFailed, tierOf } from './bill.ts'
import type { Gateway } from './gateway.ts'
import type { CallRequest } from './identify.ts'
import { ClientLeft } from './patience.ts'
import type { Price } from './tariff.ts'
import { tellNewWarnings } from './warn.ts'

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

/** Only who answered may have made ciphertext; an error made none, nor did a try whose client left for want of another. */
export function rememberOwner({ upstream, status, organization, request }: Receipt, gateway: Gateway): void {
  if (!upstream || status === undefined || status >= 300) return
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
  const { holder, intent } = receipt.request
  const { member } = holder
  if (entry.message) gateway.chargedTurns.add(member.id, intent.turnId)
  const { ending, precision } = entry
  const { windows, charged = entry.credits, warnings = [] } = standing
  gateway.metrics.settled({ member: member.name, kind: intent.kind, ending, precision, credits: charged, windows })
  tellNewWarnings(warnings, gateway)
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
  const { unknown, ...billed } = bill(receipt, gateway)
  learnFrom(receipt, gateway)
  if (unknown !== undefined) gateway.notices.warn(unknown.event, unknown.what)
  return {
    call: request.facts.id,
    ending: receipt.ending === 'client-left' && gateway.stop.aborted ? 'cut' : receipt.ending,
    status: receipt.status,
    refusal: receipt.refusal,
    requestId: receipt.requestId,
    upstream: receipt.upstream?.id,
    organization: receipt.organization,
    responseId: metered?.responseId,
    stored: isStored(request),
    serviceTier: tierOf(receipt),
    usage: metered?.usage ?? NO_USAGE,
    // Of a call that sent only what is new its bytes do not tell its tokens.
    requestBytes: request.continues ? 0 : request.bodyBytes,
    outputBytes: metered?.outputBytes ?? 0,
    ...billed,
    charging: gateway.settings.charging,
    message: request.intent.message && isServed(receipt),
    attempts: receipt.attempts,
    endedAt: gateway.now(),
  }
}

/** A call over WebRTC is found again by its id, for its WebSocket. */
function isStored({ asked, dialect, intent }: CallRequest): boolean {
  return intent.kind === 'realtime_call' || (dialect === 'responses' && asked.stored)
}

/** A failure inside a good status is none: its client asks again, and that answer is the message of the turn. */
function isServed({ status = 0, refusal, metered }: Receipt): boolean {
  if (status === 0 || status >= 300 || refusal !== undefined) return false
  return metered === undefined || !saysItFailed(metered)
}
