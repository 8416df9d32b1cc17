import { setImmediate } from 'node:timers/promises'
import type { Asked, BadBody } from '../core/body.ts'
import { choiceOf, type Choice, type Manner } from '../core/choice.ts'
import { judgeInBand, judgeNoReply, BROKEN_STREAM, type Judgement } from '../core/fault.ts'
import { FrameMeter } from '../core/frame.ts'
import { without } from '../core/headers.ts'
import { Refusal } from '../core/refusal.ts'
import { NoSeat, type Seat, type Standing, type Upstream } from '../ports.ts'
import { admit, type Admission } from './admit.ts'
import { authenticate, guardOf } from './authenticate.ts'
import type { Dialogue } from './dialogue.ts'
import { eligible, type Eligible } from './eligible.ts'
import type { HeldMessage } from './held-message.ts'
import { firstOnLine, unlessRefused, type FirstTry } from './first-try.ts'
import { hasBetter } from './line-fitness.ts'
import { identify, knownCall, socketRoute, type Asker, type CallRequest, type KnownCall } from './identify.ts'
import { openLine, type Line, type Note } from './line.ts'
import { noSeat, tooLarge } from './no-seat.ts'
import { Patience } from './patience.ts'
import { explained } from './refused.ts'
import { isOfPool, reportFailure } from './report.ts'
import { noteFailure, rememberOwner } from './settle.ts'
import { tried } from './tried.ts'
import { endingOf, madeAt, unopened, type TurnEnd } from './turn-end.ts'
import { narrowed, wishOf } from './wish.ts'

/** However short upstream's waits are, one turn does not try for ever. */
const MAX_TRIES = 20

/** What was sent is of no kind that is taken, is not valid, or too large (RFC 6455, 7.4.1): no other key would take it. */
const NOT_TAKEN: ReadonlySet<number> = new Set([1003, 1007, 1009])

/** The line cannot serve the turn, and another cannot go on from what stands on this one. */
class MoveOn extends Error {
  override readonly name = 'MoveOn'
}

/** One `response.create` and its events: a call of its own, from its admission to its settlement. */
export class Turn {
  readonly meter: FrameMeter
  /** Resolves with how it ended; with undefined when it never began. */
  readonly over: Promise<TurnEnd | undefined>
  /** Resolves when its message has gone upstream, or never will. */
  readonly sent: Promise<void>
  /** The member's windows once it is settled. */
  settled: Standing | undefined
  /** Resolves when an event of its answer has gone to the client, or none ever will. */
  readonly begunOrOver: Promise<unknown>
  #begun = false
  #ended = false
  #waits = false
  readonly #began: PromiseWithResolvers<void> = Promise.withResolvers<void>()
  readonly #over: PromiseWithResolvers<TurnEnd | undefined> = Promise.withResolvers<TurnEnd | undefined>()
  readonly #sent: PromiseWithResolvers<void> = Promise.withResolvers<void>()
  readonly #dialogue: Dialogue
  readonly #message: HeldMessage
  readonly #asked: Asked | BadBody

  /** `asked` is what was read of the message. */
  constructor(dialogue: Dialogue, message: HeldMessage, asked: Asked | BadBody) {
    this.#dialogue = dialogue
    this.#message = message
    this.#asked = asked
    this.over = this.#over.promise
    this.sent = this.#sent.promise
    this.begunOrOver = Promise.race([this.#began.promise, this.over])
    this.meter = new FrameMeter(
      (response) => dialogue.made(response),
      () => dialogue.expectsComplaint(),
    )
  }

  /** Whether a message of the client's begins one, as a text or not. A text that cannot be read is refused as one. */
  static begins(asked: Asked | BadBody, { binary }: HeldMessage): boolean {
    return 'problem' in asked ? !binary : asked.type === 'response.create'
  }

  /** Whether an event of its answer has gone to the client. */
  get begun(): boolean {
    return this.#begun
  }

  /** Whether upstream has its message, and owes the answer or the rest of it. */
  get waits(): boolean {
    return this.#waits && !this.#ended
  }

  /** Whether its end is known; what comes now is no part of it. */
  get ended(): boolean {
    return this.#ended
  }

  /** An event of its answer goes to the client: what its key was probing is over (docs/decisions/0005). */
  begin(): void {
    if (this.#begun) return
    this.#begun = true
    this.#began.resolve()
    const { gateway, line } = this.#dialogue
    if (line) gateway.coordinator.report(line.upstream, { kind: 'answering' })
  }

  end(end: TurnEnd): void {
    this.#ended = true
    this.#over.resolve({ ...end, begun: this.#begun })
  }

  /** Resolves when it is settled. */
  async run(): Promise<void> {
    const { client, gateway } = this.#dialogue
    let holder
    try {
      holder = authenticate(client.headers, gateway.directory, gateway.now)
    } catch (cause) {
      await client.refuse(cause as Error)
      return this.#never()
    }
    // What the handshake said of its turn does not hold for the turns that follow.
    const asker = { path: client.path, headers: without(client.headers, 'x-codex-turn-metadata') }
    const call = knownCall(asker, holder, socketRoute(client.path), gateway.now())
    let opened = false
    try {
      const request = this.#identified(asker, call)
      const wish = wishOf(request, [])
      if (this.#dialogue.used && !this.#dialogue.serves(wish)) return this.#dialogue.moveOn('please come back')
      using patience = new Patience(
        this.#dialogue.signal,
        gateway.settings.codexQueueMs,
        guardOf(client.headers, gateway),
      )
      let admission: Admission | undefined
      try {
        await using admitted = await admit(request, gateway, patience, () => this.#firstTry(request))
        opened = true
        admission = admitted
        await this.#go(request, admitted, patience)
      } finally {
        this.settled = admission?.settled
      }
    } catch (cause) {
      await this.#refuse(cause, call, opened)
    } finally {
      this.#never()
    }
  }

  /** Whoever waits for what did not happen need not. */
  #never(): void {
    this.#sent.resolve()
    this.#over.resolve(undefined)
  }

  /** What goes on from a response of this very line goes on here, whatever else is known of it. */
  #identified(asker: Asker, call: KnownCall): CallRequest {
    const request = identify(asker, call, this.#message, this.#asked)
    const { previousResponseId } = request.asked
    if (previousResponseId === undefined || !this.#dialogue.made(previousResponseId)) return request
    return { ...request, asked: { ...request.asked, previousResponseId: undefined } }
  }

  async #refuse(cause: unknown, call: KnownCall, opened: boolean): Promise<void> {
    const { client, gateway } = this.#dialogue
    if (cause instanceof MoveOn) return this.#dialogue.moveOn('please come back')
    if (!(cause instanceof Refusal)) {
      if (this.#dialogue.signal.aborted) return
      throw cause
    }
    await client.refuse((await explained(cause, call, opened, gateway)) as Error)
  }

  async #go(request: CallRequest, admission: Admission, patience: Patience): Promise<void> {
    const { receipt } = admission
    try {
      const line = await this.#lineFor(request, admission, patience)
      receipt.upstream = line.upstream
      receipt.organization = line.organization
      receipt.metered = this.meter.metered
      const upToDate = this.#send(line, request, admission)
      request.body.release()
      if (!upToDate) await line.socket.drained()
      this.#waits = true
      this.#dialogue.conversation.stir()
      this.#sent.resolve()
      const end = await this.over
      if (end && this.#note(end, request, admission)?.errorClass === 'too_large') {
        // It is told in the gateway's words.
        Object.assign(end, { last: undefined })
        throw tooLarge()
      }
    } catch (cause) {
      noteFailure(receipt, cause)
      if (cause instanceof MoveOn) receipt.ending = 'refused'
      throw cause
    } finally {
      rememberOwner(receipt, this.#dialogue.gateway)
    }
  }

  async #firstTry(request: CallRequest): Promise<FirstTry | undefined> {
    const { gateway, line } = this.#dialogue
    if (!line) return undefined
    const found = await unlessRefused(() => eligible(request, gateway, 'ws'))
    const own = found?.keys.find(({ id }) => id === line.upstream.id)
    return own && this.#dialogue.serves(wishOf(request, [own])) ? firstOnLine(request, line, own, gateway) : undefined
  }

  /** The line that the conversation has, where it serves this turn; else, before anything went up it, a better one. */
  async #lineFor(request: CallRequest, admission: Admission, patience: Patience): Promise<Line> {
    const { gateway, line } = this.#dialogue
    if (admission.first) {
      // Much may have happened while the call was opened.
      if (line && this.#dialogue.serves(wishOf(request, [admission.first.seat.upstream]))) return line
      await admission.rise()
    }
    const found = await tried(() => eligible(request, gateway, 'ws'), patience)
    const own = line && found.keys.find(({ id }) => id === line.upstream.id)
    const wish = wishOf(request, own ? [own] : [])
    if (line && own && this.#dialogue.serves(wish)) {
      const expectedMs = (): number | undefined => gateway.coordinator.soonest(wish)
      const seat = await patience.wait('seat', (signal) => gateway.coordinator.seat(wish, signal), { expectedMs })
      admission.sit(seat)
      await this.#announce(request, patience)(own, choiceOf('line', line.chosen))
      // Much may have happened while it waited: what has arrived of it is heard first.
      await setImmediate()
      if (this.#dialogue.serves(wish)) return line
      await admission.rise()
    }
    // What it goes on from is there and nowhere else; with its whole history it can go anywhere.
    if (line && this.#dialogue.used) throw new MoveOn()
    return await this.#open(request, found, admission, patience)
  }

  async #open(request: CallRequest, from: Eligible, admission: Admission, patience: Patience): Promise<Line> {
    const { client, gateway } = this.#dialogue
    const { attempts } = admission.receipt
    const opener = { headers: client.headers, path: client.path, signal: this.#dialogue.signal }
    const why = (manner: Manner): Choice => choiceOf(attempts.length === 0 ? from.narrowing : 'retry', manner)
    const announce = this.#announce(request, patience)
    const before = async ({ upstream, chosen }: Seat): Promise<void> => await announce(upstream, why(chosen))
    const note: Note = ({ upstream, startedAt, chosen, ...made }) => {
      const durationMs = gateway.now() - startedAt
      // Without a line nothing of the turn has gone up.
      const sent = made.status === 101
      attempts.push({ ...made, sent, upstream: upstream.id, chosen: why(chosen), startedAt, durationMs })
    }
    let candidates = from.keys
    for (let counted = 0; ;) {
      const wish = wishOf(request, candidates)
      const opened = await openLine(opener, wish, patience, { gateway, note, before }).catch((cause: unknown) => {
        throw cause instanceof NoSeat ? noSeat(wish, gateway, cause) : cause
      })
      if ('line' in opened) {
        admission.sit(opened.seat)
        return opened.line
      }
      // It calls the handshake off, which is nobody's failure.
      this.#dialogue.signal.throwIfAborted()
      const { judgement, upstream } = opened.failure
      if (judgement.counts) counted++
      candidates = narrowed(candidates, upstream, judgement)
      const enough = judgement.counts && counted >= gateway.settings.retryAttempts
      const over = judgement.next === 'pass' || judgement.next === 'never' || candidates.length === 0
      if (over || enough || attempts.length >= MAX_TRIES) throw unopened(judgement)
    }
  }

  /** Sends the turn's message up its line: false when upstream is behind. */
  #send(line: Line, request: CallRequest, { receipt }: Admission): boolean {
    this.#dialogue.signal.throwIfAborted()
    const { attempts } = receipt
    // A line that was opened for this turn stands there already.
    if (attempts.at(-1)?.status !== 101) {
      attempts.push(madeAt(line.upstream, this.#dialogue.gateway.now(), choiceOf('line', line.chosen)))
    }
    this.#dialogue.attach(this, line, wishOf(request, []))
    return line.socket.send(request.body.bytes, this.#message.binary)
  }

  #announce(request: CallRequest, patience: Patience): (upstream: Upstream, chosen: Choice) => Promise<void> {
    const { gateway } = this.#dialogue
    return async (upstream, chosen) =>
      await tried(() => gateway.ledger.attempt(request.facts.id, upstream.id, gateway.now(), chosen), patience)
  }

  /** Puts into the receipt how it ended, and tells the coordinator what that says about the key. */
  #note(end: TurnEnd, request: CallRequest, { receipt }: Admission): Judgement | undefined {
    const { gateway } = this.#dialogue
    const { upstream } = receipt
    if (!upstream) return undefined
    if (this.#begun || end.last) receipt.status = 200
    receipt.ending = endingOf(end)
    const judgement = this.#judge(request, end)
    if (judgement) reportFailure(request.facts.id, upstream, judgement, gateway)
    else if (receipt.ending !== 'complete') gateway.coordinator.report(upstream, { kind: 'neutral' })
    else {
      const { organization, project } = upstream
      gateway.coordinator.report(upstream, { kind: 'ok', organization, project, model: request.asked.model })
    }
    const last = receipt.attempts.pop()
    if (!last) return judgement
    const durationMs = gateway.now() - last.startedAt
    receipt.attempts.push({ ...last, durationMs, status: receipt.status, errorClass: judgement?.errorClass })
    // A pooled key's own trouble is no answer for a member: its client begins the turn anew, at another key.
    if (judgement && this.#belongsElsewhere(judgement, upstream, request)) Object.assign(end, { moveOn: true })
    return judgement
  }

  #belongsElsewhere(judgement: Judgement, upstream: Upstream, request: CallRequest): boolean {
    if (isOfPool(judgement)) return true
    const { errorClass } = judgement
    // Another project may have what this one lacks.
    const lacks = errorClass === 'model_not_found' || errorClass === 'service_tier'
    return lacks && !this.#begun && hasBetter(upstream, wishOf(request, []), this.#dialogue.gateway)
  }

  #judge(request: CallRequest, end: TurnEnd): Judgement | undefined {
    const { metered, status, headers } = this.meter
    if (end.closed && !this.#begun && NOT_TAKEN.has(end.closed.code)) return judgeNoReply('unsendable', true)
    if (end.closed || end.timedOut === true) return BROKEN_STREAM
    if (!metered.error) return undefined
    const { model, serviceTier } = request.asked
    const { code: errorCode, type: errorType, message: errorMessage } = metered.error
    const now = this.#dialogue.gateway.now()
    const error = { status, headers, errorCode, errorType, errorMessage, model, serviceTier, now }
    return judgeInBand({ ...error, begun: this.#begun })
  }
}
