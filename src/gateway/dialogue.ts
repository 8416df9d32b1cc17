import type { Asked, BadBody } from '../core/body.ts'
import { FrameMeter, isLimits } from '../core/frame.ts'
import { limitEvent } from '../core/limits.ts'
import { MOVE_ON, takesMoveOn } from '../core/move-on.ts'
import type { SocketClient, Wish } from '../ports.ts'
import { COME_BACK, type Conversation, type Talk } from './conversation.ts'
import type { Gateway } from './gateway.ts'
import type { HeldMessage } from './held-message.ts'
import type { Line } from './line.ts'
import { fitness } from './line-fitness.ts'
import { SETTLE_MS, soon } from './soon.ts'
import { Turn } from './turn.ts'
import type { TurnEnd } from './turn-end.ts'

/**
 * The Responses API over a conversation: messages pass, and every `response.create` is a call of its own (`Turn`). One
 * turn runs at a time; a second one waits for the first.
 */
export class Dialogue implements Talk {
  readonly conversation: Conversation
  /** Whether a turn has gone up this line: then its continuation is there and nowhere else. */
  #used = false
  /** What the turn before wished: for that the key must go on being good. */
  #wish: Wish | undefined
  /** Responses of this line: what goes on from them goes on here. */
  readonly #made = new Set<string>()
  /** So many messages of the client's have gone up beside its turns that upstream may still complain about. */
  #others = 0
  /** From its message on. */
  #current: Turn | undefined
  /** Once it has a line, until its last message. */
  #turn: Turn | undefined
  /** The turn before is settled, and its end told. */
  #told: Promise<void> = Promise.resolve()
  /** Goes on reading upstream behind the last message of a turn. */
  #resume: (() => void) | undefined
  /** Why the conversation ends as soon as no turn runs. */
  #leaving: string | undefined

  constructor(conversation: Conversation) {
    this.conversation = conversation
  }

  get client(): SocketClient {
    return this.conversation.client
  }

  get gateway(): Gateway {
    return this.conversation.gateway
  }

  get signal(): AbortSignal {
    return this.conversation.signal
  }

  get line(): Line | undefined {
    return this.conversation.line
  }

  get used(): boolean {
    return this.#used
  }

  get idle(): boolean {
    return this.#current === undefined
  }

  get answered(): Promise<void> | undefined {
    return this.#turn ? this.#told : undefined
  }

  get fits(): boolean {
    return this.#wish === undefined || this.serves(this.#wish)
  }

  /** A turn has found its line: its messages go there. */
  attach(turn: Turn, line: Line, wish: Wish): void {
    if (this.line !== line) this.conversation.connect(line)
    this.#turn = turn
    this.#used = true
    this.#wish = wish
  }

  /** Whether a response was made on this conversation's line. */
  made(response: string): boolean {
    return this.#made.has(response)
  }

  /** Whether a complaint of upstream's may be about something else than the turn: about each message once. */
  expectsComplaint(): boolean {
    if (this.#others === 0) return false
    this.#others--
    return true
  }

  /** Whether a turn with this wish may go up the line that there is: false when it or its key has gone bad since. */
  serves(wish: Wish): boolean {
    const { line, lineIsOpen } = this.conversation
    return line !== undefined && lineIsOpen && fitness(line.upstream, wish, this.gateway) === 'good'
  }

  /** Tells the client to come back with its whole history, and ends. */
  moveOn(reason: string): void {
    if (this.signal.aborted) return
    if (takesMoveOn(this.client.headers)) this.conversation.tell(MOVE_ON)
    this.conversation.close(COME_BACK, reason)
  }

  async said(message: HeldMessage): Promise<void> {
    // What comes behind a turn's beginning waits until that has gone upstream.
    const asked = await this.gateway.reader.read(message.bytes)
    if (Turn.begins(asked, message)) return await this.#begin(message, asked)
    // What an error of upstream's to something else says must not be taken for the end of a turn that has not begun.
    await this.#turn?.begunOrOver
    this.#others++
    await this.conversation.passUp(message.bytes, message.binary)
  }

  heard(data: Uint8Array, binary: boolean): void {
    const turn = this.#turn
    if (turn?.ended === true) return
    const kind = turn ? turn.meter.feed(data) : this.#unasked(data)
    if (kind === 'limits') return
    if (kind === 'terminal') {
      // What comes behind the last message waits for it.
      this.#resume = this.conversation.hush()
      turn?.end({ last: data })
      return
    }
    turn?.begin()
    this.conversation.pass(data, binary)
  }

  silent(): void {
    if (this.#turn?.waits === true) this.#turn.end({ timedOut: true })
  }

  hungUp(code: number, reason: string): void {
    // Of a turn that has ended already it is told when that has been told; one that has no line yet finds another.
    if (this.#turn) this.#turn.end({ closed: { code, reason } })
    else if (!this.#current) this.conversation.close(COME_BACK, 'upstream closed the connection')
  }

  /** Ends now if no turn runs, else when it has ended; a turn that has not begun to answer begins anew elsewhere. */
  leave(reason: string): void {
    this.#leaving ??= reason
    if (this.#turn?.begun === false) this.#turn.end({ moveOn: true })
    else if (this.#turn === undefined && this.#current) this.moveOn(reason)
    else if (!this.#turn) this.conversation.close(COME_BACK, reason)
  }

  async over(because: 'client-left' | 'cut'): Promise<void> {
    this.#turn?.end(because === 'cut' ? { cut: true } : { clientLeft: true })
    await this.#told
  }

  /** Resolves once the turn's message has gone upstream, or the turn was refused. */
  async #begin(message: HeldMessage, asked: Asked | BadBody): Promise<void> {
    await this.#told
    if (this.signal.aborted) return
    const turn = new Turn(this, message, asked)
    this.#current = turn
    const settled = turn.run().catch((cause: unknown) => this.conversation.failed('turn failed', cause))
    this.#told = this.#deliver(turn, settled)
    await turn.sent
  }

  /** The last message of a turn goes out when the turn is settled, behind the member's windows as they then stand. */
  async #deliver(turn: Turn, settled: Promise<void>): Promise<void> {
    const end = await turn.over
    await soon(settled, SETTLE_MS)
    const { responseId } = turn.meter.metered
    if (responseId !== undefined) this.#remember(responseId)
    this.#turn = undefined
    this.#current = undefined
    this.conversation.rest()
    if (!this.signal.aborted && end) this.#conclude(turn, end)
    if (this.#leaving !== undefined) this.conversation.close(COME_BACK, this.#leaving)
    await settled
  }

  #conclude(turn: Turn, end: TurnEnd): void {
    const { conversation } = this
    if (end.moveOn === true || end.timedOut === true) {
      const reason = end.timedOut === true ? 'upstream said nothing' : 'please come back'
      return turn.begun ? conversation.close(COME_BACK, reason) : this.moveOn(reason)
    }
    const limits = turn.settled && limitEvent(turn.settled)
    if (limits !== undefined) conversation.tell(limits)
    if (end.last) conversation.tell(end.last)
    if (end.closed) return conversation.close(end.closed.code, end.closed.reason)
    if (!conversation.lineIsOpen) return conversation.close(COME_BACK, 'upstream closed the connection')
    this.#resume?.()
    this.#resume = undefined
  }

  /** So many are enough: what is older is not gone on from. */
  #remember(response: string): void {
    this.#made.add(response)
    if (this.#made.size > 100) this.#made.delete(this.#made.keys().next().value ?? '')
  }

  /** Between turns: an answer that nobody was charged for is not passed on. */
  #unasked(data: Uint8Array): 'limits' | 'event' {
    if (isLimits(data)) return 'limits'
    const meter = new FrameMeter()
    meter.feed(data)
    if (meter.metered.responseId === undefined) return 'event'
    this.conversation.close(COME_BACK, 'an answer that was not asked for')
    return 'limits'
  }
}
