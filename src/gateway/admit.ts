import { windowsFor } from '../core/member-windows.ts'
import type { QuotaWindow, Standing } from '../core/quota.ts'
import { Refusal, REFUSAL_STATUS } from '../core/refusal.ts'
import type { EpochMs } from '../core/units.ts'
import {
  NeverOpened,
  QueueFull,
  type Claim,
  type Member,
  type OpenCall,
  type Place,
  type Seat,
  type Verdict,
} from '../ports.ts'
import type { FirstTry } from './first-try.ts'
import type { Gateway } from './gateway.ts'
import type { CallRequest } from './identify.ts'
import { Patience, retryAfterMs } from './patience.ts'
import { insisted, receiptFor, settle, type Receipt } from './settle.ts'
import { REFUSED_MS, soon } from './soon.ts'
import { spent } from './spent.ts'
import { chargeAhead, expectedPrice } from './tariff.ts'
import { tried } from './tried.ts'

/** How long the end of an answer waits for its settlement: nobody hangs because a ledger does. */
const SETTLE_MS = 2000

/**
 * Proof that a call was admitted: it has its place and stands open in the ledger. Disposing of it settles the call,
 * then gives back the upstream's place and the member's: in this order, and on every way out.
 */
export class Admission {
  readonly receipt: Receipt
  readonly standing: Standing
  /** The member's windows once the call is settled. */
  settled: Standing | undefined
  /** The try that the ledger has named already, with its seat. */
  readonly first: FirstTry | undefined
  /** Undefined for a call that runs beside those of the member's places. */
  readonly #place: Place | undefined
  readonly #gateway: Gateway
  #seat: Seat | undefined
  #settlement: Promise<Standing> | undefined

  constructor(
    { receipt, standing, first }: { receipt: Receipt; standing: Standing; first?: FirstTry | undefined },
    place: Place | undefined,
    gateway: Gateway,
  ) {
    this.receipt = receipt
    this.standing = standing
    this.first = first
    this.#seat = first?.seat
    this.#place = place
    this.#gateway = gateway
  }

  /** Whether it has been settled before its scope ends. */
  get isSettled(): boolean {
    return this.#settlement !== undefined
  }

  /** Settles the call, by what its receipt says now; resolves when that is done, or takes too long. Never rejects. */
  async settleSoon(): Promise<void> {
    await soon(this.#settle(), SETTLE_MS)
  }

  #settle(): Promise<Standing> {
    return (this.#settlement ??= settle(this.receipt, this.#gateway))
  }

  sit(seat: Seat): void {
    this.#seat = seat
  }

  /** Gives the upstream's place back before the call has ended: it moves on to another. */
  async rise(): Promise<void> {
    const seat = this.#seat
    this.#seat = undefined
    await seat?.[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const over = this.#end()
    if (this.receipt.refusal === undefined) return await over
    // Whoever is refused hears of it soon, however long the ledger takes.
    const { id } = this.receipt.request.facts
    const ended = over.catch((cause: unknown) =>
      this.#gateway.log.error('refused call not settled', { call: id, cause: String(cause) }),
    )
    await soon(ended, REFUSED_MS)
  }

  async #end(): Promise<void> {
    try {
      this.settled = await this.#settle()
    } finally {
      await this.rise()
      await this.#place?.[Symbol.asyncDispose]()
    }
  }
}

/** Takes what a call needs for its first try, if it can be had at once. */
type TakeFirst = () => Promise<FirstTry | undefined>

/**
 * Takes a place of the member, then opens the call in the ledger, with its first try if that can be made at once: claim first,
 * judge by what was there before. Waits within `patience` for the place, for room that calls in flight hold, and for a
 * ledger that is away.
 */
export async function admit(
  request: CallRequest,
  gateway: Gateway,
  patience: Patience,
  takeFirst: TakeFirst,
): Promise<Admission> {
  const { member } = request.holder
  const { kind } = request.intent
  const expected = expectedPrice(request, gateway.now(), gateway)
  const limited = windowsNow(member, gateway).some((window) => window.limit > 0n)
  const call = {
    ...request.facts,
    ...chargeAhead(request, expected, gateway),
    opensWindows: kind !== 'prewarm',
    shadow: gateway.settings.enforcement === 'shadow',
  }
  const place = await placed({ call: call.id, member, hold: limited ? call.hold : 0n }, gateway, patience)
  try {
    const receipt = receiptFor(request, expected)
    const { standing, first } = await opened({ call, receipt, place, takeFirst }, gateway, patience)
    return new Admission({ receipt, standing, first }, place, gateway)
  } catch (cause) {
    await place[Symbol.asyncDispose]()
    throw cause
  }
}

/**
 * Writes down a call that upstream has begun by itself: in a place of the member's if one is free, and whatever its
 * windows say. Waits for a ledger that is away as long as that takes.
 */
export async function admitRunning(request: CallRequest, gateway: Gateway): Promise<Admission> {
  const { member } = request.holder
  const windows = windowsNow(member, gateway)
  const expected = expectedPrice(request, gateway.now(), gateway)
  const limited = windows.some((window) => window.limit > 0n)
  const claim = { call: request.facts.id, member, hold: limited ? expected.credits : 0n }
  const charge = chargeAhead(request, expected, gateway)
  const call: OpenCall = { ...request.facts, ...charge, windows, opensWindows: true, unasked: true }
  using patience = new Patience(gateway.stop, 0)
  const place = await placed(claim, gateway, patience).catch(() => undefined)
  try {
    const open = (): Promise<Verdict> => gateway.ledger.open(call, place?.heldBefore() ?? [], gateway.now())
    const verdict = await insisted(open, call.id, gateway)
    if (verdict.state === 'admitted') place?.admitted(lastOpening(verdict))
    return new Admission({ receipt: receiptFor(request, expected), standing: verdict.standing }, place, gateway)
  } catch (cause) {
    await place?.[Symbol.asyncDispose]()
    throw cause
  }
}

/** An administrator may change the member's quotas while its call waits. */
function windowsNow(member: Member, { directory, settings }: Gateway): readonly QuotaWindow[] {
  return windowsFor(directory.memberOf(member.id) ?? member, settings.quota)
}

async function placed(claim: Claim, gateway: Gateway, patience: Patience): Promise<Place> {
  try {
    return await patience.wait('place', (signal) => gateway.coordinator.admit(claim, signal))
  } catch (cause) {
    if (!(cause instanceof QueueFull)) throw cause
    throw new Refusal(
      'concurrency_limit_exceeded',
      'All of your places at the gateway are taken, and as many of your calls as may wait for one do so already.',
      { retryAfterMs: retryAfterMs(), cause },
    )
  }
}

interface Opening {
  /** Less what is known only when it is opened. */
  readonly call: Omit<OpenCall, 'windows' | 'first'>
  readonly receipt: Receipt
  readonly place: Place
  readonly takeFirst: TakeFirst
}

async function opened(
  opening: Opening,
  gateway: Gateway,
  patience: Patience,
): Promise<{ readonly standing: Standing; readonly first: FirstTry | undefined }> {
  const { place } = opening
  for (;;) {
    patience.signal.throwIfAborted()
    const { revision } = gateway.directory
    // Nobody who waits for room of its own holds an upstream's place.
    await using held = new AsyncDisposableStack()
    const first = await opening.takeFirst()
    if (first) held.use(first.seat)
    const verdict = await judged(opening, first, gateway, patience)
    if (verdict.state === 'admitted') {
      place.admitted(lastOpening(verdict))
      held.move()
      return { standing: verdict.standing, first }
    }
    if (verdict.state === 'spent') throw spent(verdict.window, verdict.standing)
    await held.disposeAsync()
    await patience.wait('room', (signal) => roomChanged(place, gateway, revision, signal))
  }
}

async function judged(
  { call, receipt, place }: Opening,
  first: FirstTry | undefined,
  gateway: Gateway,
  patience: Patience,
): Promise<Verdict> {
  const named = first && { upstream: first.seat.upstream.id, chosen: first.chosen }
  const asked = { ...call, first: named, windows: windowsNow(receipt.request.holder.member, gateway) }
  const open = (): Promise<Verdict> => gateway.ledger.open(asked, place.heldBefore(), gateway.now())
  let isUnwanted = false
  return await tried(open, patience, (verdict) => {
    if (isUnwanted || (verdict !== undefined && verdict.state !== 'admitted')) return
    isUnwanted = true
    void settleUnwanted(receipt, gateway, patience)
  })
}

/** One of the calls before it has gone, or an administrator has changed what the member may spend since that revision. */
async function roomChanged(
  place: Place,
  { directory }: Gateway,
  revision: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  try {
    await Promise.race([place.changed(either), directory.changedSince(revision, either)])
  } finally {
    // Nobody watches any more for the one that did not come.
    over.abort()
  }
}

/**
 * Any instant of a call's windows tells them from earlier and later ones; this one is the same for all their calls. Where
 * windows roll there is nothing to tell apart.
 */
function lastOpening({ standing }: Extract<Verdict, { state: 'admitted' }>): EpochMs {
  const openings = standing.windows.map((window) => window.openedAt).filter((openedAt) => openedAt !== undefined)
  return Math.max(0, ...openings)
}

/** The ledger opened a call, or may have, for which nobody waits any more: it ends as what its caller was told. */
async function settleUnwanted(receipt: Receipt, gateway: Gateway, { signal }: Patience): Promise<void> {
  const reason: unknown = signal.reason
  if (reason instanceof Refusal) {
    receipt.ending = 'refused'
    receipt.refusal = reason.code
    receipt.status = REFUSAL_STATUS[reason.code]
  } else receipt.ending = 'client-left'
  try {
    await settle(receipt, gateway)
  } catch (cause) {
    if (cause instanceof NeverOpened) return
    // Whoever starts next on this ledger settles it.
    gateway.log.error('late call not settled', { call: receipt.request.facts.id, cause: String(cause) })
  }
}
