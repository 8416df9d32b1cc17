import { choiceOf, type Choice } from '../core/choice.ts'
import { Refusal } from '../core/refusal.ts'
import { LedgerUnavailable, type Seat, type Upstream } from '../ports.ts'
import { eligible, overOf, type Eligible } from './eligible.ts'
import type { Gateway } from './gateway.ts'
import type { CallRequest } from './identify.ts'
import type { Line } from './line.ts'
import { wishOf } from './wish.ts'

/** An upstream's place that is free before the call is opened: the ledger then opens the call and names its try in one commit. */
export interface FirstTry {
  readonly seat: Seat
  readonly chosen: Choice
  /** What it was chosen from; undefined where the conversation has a line already. */
  readonly from: Eligible | undefined
}

/** The best key that is free now, for a call over HTTP. */
export async function firstKey(request: CallRequest, gateway: Gateway): Promise<FirstTry | undefined> {
  const from = await unlessRefused(() => eligible(request, gateway, overOf(request)))
  const seat = from && (await gateway.coordinator.seatNow(wishOf(request, from.keys)))
  return seat && { seat, from, chosen: choiceOf(from.narrowing, seat.chosen) }
}

/** The place of a line's own key, where it has one free. */
export async function firstOnLine(
  request: CallRequest,
  { chosen }: Line,
  key: Upstream,
  gateway: Gateway,
): Promise<FirstTry | undefined> {
  const seat = await gateway.coordinator.seatNow(wishOf(request, [key]))
  return seat && { seat, chosen: choiceOf('line', chosen), from: undefined }
}

/**
 * What stands in the way of a try is told once the call is admitted: whoever may not call at all hears of that, and the ledger
 * keeps the rest.
 */
export async function unlessRefused<T>(choose: () => Promise<T>): Promise<T | undefined> {
  try {
    return await choose()
  } catch (cause) {
    if (cause instanceof Refusal || cause instanceof LedgerUnavailable) return undefined
    throw cause
  }
}
