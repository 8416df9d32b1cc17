import { choiceOf } from '../core/choice.ts'
import { judgeInBand, BROKEN_STREAM, type Judgement } from '../core/fault.ts'
import { nothing, type Metered } from '../core/event.ts'
import { without } from '../core/headers.ts'
import { intentOf } from '../core/intent.ts'
import type { RealtimeEvent } from '../core/realtime.ts'
import type { EpochMs } from '../core/units.ts'
import { NoSeat, type Body, type Ending, type Holder, type Standing } from '../ports.ts'
import { admit, admitRunning, type Admission } from './admit.ts'
import type { Conversation } from './conversation.ts'
import { checkModelAllowed } from './eligible.ts'
import { firstOnLine } from './first-try.ts'
import { knownCall, NOTHING_ASKED, socketRoute, type CallRequest, type KnownCall } from './identify.ts'
import type { Line } from './line.ts'
import { noSeat } from './no-seat.ts'
import { Patience } from './patience.ts'
import { reportFailure } from './report.ts'
import { noteFailure } from './settle.ts'
import { tried } from './tried.ts'
import { madeAt } from './turn-end.ts'
import { wishOf } from './wish.ts'

/** What is going to be said, and how the gateway came to know of it. */
export interface Saying {
  readonly kind: 'realtime' | 'transcription'
  /** That of the session, or of what writes down what is said to it. */
  readonly model: string | undefined
  /** Bytes of the message that asked for it; undefined when upstream began it by itself. */
  readonly askedIn: number | undefined
  /** The client's name for that message. */
  readonly event: string | undefined
}

/** How it ended. */
export interface SayingEnd {
  readonly ending: Ending
  readonly done?: Extract<RealtimeEvent, { kind: 'done' }>
  /** Also of what was said for nothing: an error in place of an answer. */
  readonly error?: Extract<RealtimeEvent, { kind: 'error' }>['error']
  readonly transcribed?: Extract<RealtimeEvent, { kind: 'transcribed' }>
}

const NO_BODY: Body = { bytes: new Uint8Array(0), plain: new Uint8Array(0), release: () => undefined }
/** Upstream begins an answer at once; what it says nothing to for so long, it has passed over. */
const PASSED_OVER_MS = 30_000

/**
 * One response of a realtime session, or one transcription in it: a call of its own, from its admission to its
 * settlement. Upstream may begin one unasked (it hears when somebody has spoken): that runs already, and is written down
 * whatever the member's windows say.
 */
export class Utterance {
  readonly saying: Saying
  readonly call: KnownCall
  /** Resolves with true when it stands in the ledger, and its message may go; with false when it never will. */
  readonly opened: Promise<boolean>
  readonly #opened: PromiseWithResolvers<boolean> = Promise.withResolvers<boolean>()
  /** The member's windows once it is settled; rejects when it was refused. */
  readonly settled: Promise<Standing | undefined>
  readonly #over: PromiseWithResolvers<SayingEnd> = Promise.withResolvers<SayingEnd>()
  readonly #conversation: Conversation
  readonly #line: Line
  #inLedger = false
  #begun = false
  /** When its message went upstream, or upstream began it by itself. */
  #sentAt: EpochMs | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(conversation: Conversation, line: Line, holder: Holder, saying: Saying) {
    const { client, gateway } = conversation
    // What the handshake said of its turn does not hold for the answers that follow.
    const asker = { path: client.path, headers: without(client.headers, 'x-codex-turn-metadata') }
    this.call = knownCall(asker, holder, socketRoute(client.path), gateway.now())
    this.call.facts = { ...this.call.facts, kind: saying.kind, model: saying.model }
    this.saying = saying
    this.opened = this.#opened.promise
    this.#conversation = conversation
    this.#line = line
    if (saying.askedIn === undefined) this.#sentAt = gateway.now()
    this.settled = this.#run()
  }

  /** Whether it stands in the ledger. */
  get inLedger(): boolean {
    return this.#inLedger
  }

  /** Its answer has begun: what its key was probing is over (docs/decisions/0005). */
  begin(): void {
    this.#begun = true
    clearTimeout(this.#timer)
    this.#conversation.gateway.coordinator.report(this.#line.upstream, { kind: 'answering' })
  }

  /** Its message goes upstream; `passedOver` when upstream says nothing to it. */
  send(passedOver: () => void): void {
    this.#sentAt = this.#conversation.gateway.now()
    this.#timer = setTimeout(() => {
      passedOver()
      this.end({ ending: 'timed-out' })
    }, PASSED_OVER_MS)
  }

  end(end: SayingEnd): void {
    clearTimeout(this.#timer)
    this.#over.resolve(end)
  }

  async #run(): Promise<Standing | undefined> {
    const { gateway, signal } = this.#conversation
    try {
      const request = this.#request()
      using patience = new Patience(signal, gateway.settings.queueMs)
      let admission: Admission | undefined
      {
        const asked = this.saying.askedIn !== undefined
        await using admitted = await (asked
          ? admit(request, gateway, patience, () => firstOnLine(request, this.#line, this.#line.upstream, gateway))
          : admitRunning(request, gateway))
        this.#inLedger = true
        admission = admitted
        await this.#say(request, admitted, patience)
      }
      return admission.settled
    } finally {
      this.#opened.resolve(false)
    }
  }

  #request(): CallRequest {
    const { client } = this.#conversation
    const { call, saying } = this
    if (saying.kind === 'realtime' && saying.askedIn !== undefined) checkModelAllowed(call.holder.member, saying.model)
    const asked = { ...NOTHING_ASKED, model: saying.model }
    const intent = { ...intentOf(client.headers, client.path, asked), kind: saying.kind, turnId: undefined }
    return {
      holder: call.holder,
      facts: call.facts,
      dialect: 'responses',
      native: false,
      asked,
      intent: { ...intent, message: saying.kind === 'realtime' },
      body: NO_BODY,
      bodyBytes: saying.askedIn ?? 0,
      continues: true,
      ciphertext: undefined,
    }
  }

  async #say(request: CallRequest, admission: Admission, patience: Patience): Promise<void> {
    const { gateway } = this.#conversation
    const { receipt } = admission
    const { upstream, organization, chosen } = this.#line
    const why = choiceOf('line', chosen)
    try {
      if (this.saying.askedIn !== undefined) {
        if (!admission.first) {
          await this.#sit(request, admission, patience)
          await tried(() => gateway.ledger.attempt(request.facts.id, upstream.id, gateway.now(), why), patience)
        }
        patience.signal.throwIfAborted()
      }
    } catch (cause) {
      noteFailure(receipt, cause)
      throw cause
    }
    Object.assign(receipt, { upstream, organization })
    this.#opened.resolve(true)
    const end = await this.#over.promise
    this.#note(end, request, admission)
  }

  /** The session is at this key, and stays there. */
  async #sit(request: CallRequest, admission: Admission, patience: Patience): Promise<void> {
    const { gateway } = this.#conversation
    const wish = wishOf(request, [this.#line.upstream])
    const expectedMs = (): number | undefined => gateway.coordinator.soonest(wish)
    try {
      admission.sit(await patience.wait('seat', (signal) => gateway.coordinator.seat(wish, signal), { expectedMs }))
    } catch (cause) {
      throw cause instanceof NoSeat ? noSeat(wish, gateway, cause) : cause
    }
  }

  #note(end: SayingEnd, request: CallRequest, { receipt }: Admission): void {
    const { gateway } = this.#conversation
    const { upstream, chosen } = this.#line
    receipt.ending = end.ending
    receipt.metered = meteredOf(end, request.asked.model)
    if (this.#begun || end.done || end.transcribed || end.error) receipt.status = 200
    const judgement = end.ending === 'upstream-broke' ? BROKEN_STREAM : judgementOf(end, request, gateway.now())
    if (judgement) reportFailure(request.facts.id, upstream, judgement, gateway)
    else if (end.ending !== 'complete') gateway.coordinator.report(upstream, { kind: 'neutral' })
    else {
      const { organization, project } = upstream
      gateway.coordinator.report(upstream, { kind: 'ok', organization, project, model: request.asked.model })
    }
    if (this.#sentAt === undefined) return
    const made = madeAt(upstream, this.#sentAt, choiceOf('line', chosen))
    const durationMs = gateway.now() - this.#sentAt
    receipt.attempts.push({ ...made, durationMs, status: receipt.status, errorClass: judgement?.errorClass })
  }
}

function judgementOf(end: SayingEnd, request: CallRequest, now: number): Judgement | undefined {
  const error = end.error ?? end.done?.error
  return error && judgeSaid(error, request.asked.model, now)
}

/** Judges an error that a realtime session told of. */
export function judgeSaid(error: NonNullable<Metered['error']>, model: string | undefined, now: number): Judgement {
  const { code: errorCode, type: errorType, message: errorMessage } = error
  const words = { errorCode, errorType, errorMessage }
  return judgeInBand({ status: undefined, headers: [], ...words, model, serviceTier: undefined, now, begun: true })
}

function meteredOf(end: SayingEnd, model: string | undefined): Metered {
  const metered: Metered = { ...nothing(), model }
  const { done, transcribed, error } = end
  if (done) {
    const { response: responseId, usage, failed } = done
    return { ...metered, responseId, usage, error: done.error, terminal: failed ? 'failed' : 'completed' }
  }
  if (transcribed) return { ...metered, responseId: transcribed.item, usage: transcribed.usage, terminal: 'completed' }
  return error ? { ...metered, error, terminal: 'error' } : metered
}
