import type { Asked, BadBody } from '../core/body.ts'
import { FrameMeter, isLimits } from '../core/frame.ts'
import { limitEvent } from '../core/limits.ts'
import { MOVE_ON } from '../core/move-on.ts'
import type { MemberId } from '../core/units.ts'
import type { ClosedConnection, Socket, SocketClient, Wish } from '../ports.ts'
import type { Gateway } from './gateway.ts'
import type { HeldMessage } from './held-message.ts'
import { Inbox } from './inbox.ts'
import type { Line } from './line.ts'
import { fitness } from './line-fitness.ts'
import { ClientLeft } from './patience.ts'
import { soon } from './soon.ts'
import { Turn } from './turn.ts'
import type { TurnEnd } from './turn-end.ts'

/** Service restart: Codex comes back with its whole history, and its user sees nothing. */
const COME_BACK = 1012
/** How long the last message of a turn waits for the turn's settlement. */
const SETTLE_MS = 500
const WATCH_MS = 1000
/**
 * One WebSocket of a member's and the socket upstream that belongs to it: messages pass, and every `response.create` is
 * a call of its own (`Turn`). One turn runs at a time; a second one waits for the first.
 */
export class Conversation {
  readonly client: SocketClient
  readonly gateway: Gateway
  /** Resolves when both sockets are closed and every turn is settled. */
  readonly over: Promise<void>
  readonly #over: PromiseWithResolvers<void> = Promise.withResolvers<void>()
  readonly #ended = new AbortController()
  /** The same as its signal says, for what is asked of every message. */
  #isOver = false
  readonly #socket: Socket
  readonly #startedAt = performance.now()
  readonly #watch: NodeJS.Timeout
  readonly #inbox: Inbox
  #line: Line | undefined
  /** Whether upstream has closed it. */
  #lineGone = false
  /** Whether a turn has gone up this line: then its continuation is there and nowhere else. */
  #used = false
  /** What the turn before wished: for that the key must go on being good. */
  #wish: Wish | undefined
  /** Responses of this line: what goes on from them goes on here. */
  readonly #made = new Set<string>()
  /** From its message on. */
  #current: Turn | undefined
  /** Once it has a line, until its last message. */
  #turn: Turn | undefined
  /** The turn before is settled, and its end told. */
  #told: Promise<void> = Promise.resolve()
  #idleSince = performance.now()
  #clientMessages = 0
  #upstreamMessages = 0
  /** Why and with which code it was closed. */
  #end = { reason: 'client left', code: 1006 }
  /** Why the conversation ends as soon as no turn runs. */
  #leaving: string | undefined
  readonly #drain = (): void => this.#leave('the gateway is about to stop')
  readonly #stop = (): void => this.#close(COME_BACK, 'the gateway stops')

  constructor(
    client: SocketClient,
    socket: Socket,
    line: Line | undefined,
    on: { gateway: Gateway; member: MemberId },
  ) {
    this.client = client
    this.gateway = on.gateway
    this.over = this.#over.promise
    this.#socket = socket
    this.#inbox = new Inbox(client, on.member, (message) => this.#handle(message))
    const { socket: settings } = this.gateway.settings
    this.#watch = setInterval(() => this.#look(), WATCH_MS)
    this.gateway.draining.addEventListener('abort', this.#drain)
    this.gateway.stop.addEventListener('abort', this.#stop)
    socket.keepAlive(settings.pingIntervalMs)
    if (line) this.#connect(line)
    socket.listen({
      message: (data, binary) => {
        this.#clientMessages++
        if (!this.#inbox.put(data, binary)) this.#close(1008, 'too many messages at once')
      },
      closed: (code, reason) => this.#clientClosed(code, reason),
    })
    if (this.gateway.draining.aborted) this.#drain()
    if (this.gateway.stop.aborted) this.#stop()
  }

  /** Aborts, with ClientLeft, when the conversation has come to its end: nothing is begun any more. */
  get signal(): AbortSignal {
    return this.#ended.signal
  }

  get line(): Line | undefined {
    return this.#line
  }

  get used(): boolean {
    return this.#used
  }

  /** What the ledger keeps of the connection. */
  get summary(): Omit<ClosedConnection, 'id' | 'endedAt'> {
    const [clientMessages, upstreamMessages] = [this.#clientMessages, this.#upstreamMessages]
    return { ...this.#end, upstream: this.#line?.upstream.id, clientMessages, upstreamMessages }
  }

  /** A turn has found its line: its messages go there. */
  attach(turn: Turn, line: Line, wish: Wish): void {
    if (this.#line !== line) this.#connect(line)
    this.#turn = turn
    this.#used = true
    this.#wish = wish
  }

  /** Whether a response was made on this conversation's line. */
  made(response: string): boolean {
    return this.#made.has(response)
  }

  /** Whether a turn with this wish may go up the line that there is: false when it or its key has gone bad since. */
  fits(wish: Wish): boolean {
    return this.#line !== undefined && !this.#lineGone && fitness(this.#line.upstream, wish, this.gateway) === 'good'
  }

  /** Tells the client to come back with its whole history, and ends. */
  moveOn(reason: string): void {
    if (this.signal.aborted) return
    this.#socket.send(MOVE_ON, false)
    this.#close(COME_BACK, reason)
  }

  async #handle(message: HeldMessage): Promise<void> {
    if (this.signal.aborted) return
    try {
      // What comes behind a turn's beginning waits until that has gone upstream.
      const asked = await this.gateway.reader.read(message.bytes)
      if (Turn.begins(asked, message)) await this.#begin(message, asked)
      else await this.#pass(message)
    } catch (cause) {
      this.#failed('conversation failed', cause)
    }
  }

  #failed(event: string, cause: unknown): void {
    this.gateway.log.error(event, { cause: String(cause) })
    this.#close(1011, 'internal error')
  }

  /** What an error of upstream's to something else says must not be taken for the end of a turn that has not begun. */
  async #pass({ bytes, binary }: HeldMessage): Promise<void> {
    await this.#turn?.begunOrOver
    if (this.#line?.socket.send(bytes, binary) === false) await this.#line.socket.drained()
  }

  /** Resolves once the turn's message has gone upstream, or the turn was refused. */
  async #begin(message: HeldMessage, asked: Asked | BadBody): Promise<void> {
    await this.#told
    if (this.signal.aborted) return
    const turn = new Turn(this, message, asked)
    this.#current = turn
    const settled = turn.run().catch((cause: unknown) => this.#failed('turn failed', cause))
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
    this.#idleSince = performance.now()
    if (!this.signal.aborted && end) this.#conclude(turn, end)
    if (this.#leaving !== undefined) this.#close(COME_BACK, this.#leaving)
    await settled
  }

  #conclude(turn: Turn, end: TurnEnd): void {
    if (end.moveOn === true)
      return turn.begun ? this.#close(COME_BACK, 'please come back') : this.moveOn('please come back')
    const limits = turn.settled && limitEvent(turn.settled)
    if (limits !== undefined) this.#socket.send(limits, false)
    if (end.last) this.#socket.send(end.last, false)
    if (end.closed) return this.#close(end.closed.code, end.closed.reason)
    if (this.#lineGone) return this.#close(COME_BACK, 'upstream closed the connection')
    this.#line?.socket.resume()
  }

  /** So many are enough: what is older is not gone on from. */
  #remember(response: string): void {
    this.#made.add(response)
    if (this.#made.size > 100) this.#made.delete(this.#made.keys().next().value ?? '')
  }

  #connect(line: Line): void {
    this.#line?.socket.close(1000, '')
    this.#line = line
    this.#lineGone = false
    this.#used = false
    line.socket.keepAlive(this.gateway.settings.socket.pingIntervalMs)
    line.socket.listen({
      message: (data, binary) => this.#fromUpstream(line, data, binary),
      closed: (code, reason) => this.#upstreamClosed(line, code, reason),
    })
  }

  #fromUpstream(line: Line, data: Uint8Array, binary: boolean): void {
    if (line !== this.#line || this.#isOver) return
    this.#upstreamMessages++
    const turn = this.#turn
    if (turn?.ended === true) return
    const kind = turn ? turn.meter.feed(data) : this.#unasked(data)
    if (kind === 'limits') return
    if (kind === 'terminal') {
      // What comes behind the last message waits for it.
      line.socket.pause()
      turn?.end({ last: data })
      return
    }
    turn?.begin()
    if (this.#socket.send(data, binary)) return
    line.socket.pause()
    void this.#socket.drained().then(() => {
      if (turn?.ended !== true) line.socket.resume()
    })
  }

  /** Between turns: an answer that nobody was charged for is not passed on. */
  #unasked(data: Uint8Array): 'limits' | 'event' {
    if (isLimits(data)) return 'limits'
    const meter = new FrameMeter()
    meter.feed(data)
    if (meter.metered.responseId === undefined) return 'event'
    this.#close(COME_BACK, 'an answer that was not asked for')
    return 'limits'
  }

  #upstreamClosed(line: Line, code: number, reason: string): void {
    if (line !== this.#line || this.signal.aborted) return
    this.#lineGone = true
    // Of a turn that has ended already it is told when that has been told; one that has no line yet finds another.
    if (this.#turn) this.#turn.end({ closed: { code, reason } })
    else if (!this.#current) this.#close(COME_BACK, 'upstream closed the connection')
  }

  #clientClosed(code: number, reason: string): void {
    if (!this.signal.aborted) this.#end = { reason: 'client left', code }
    this.#finish({ clientLeft: true }, code === 1006 ? 1001 : code, reason)
  }

  /** Ends now if no turn runs, else when it has ended; a turn that has not begun to answer begins anew elsewhere. */
  #leave(reason: string): void {
    this.#leaving ??= reason
    if (this.#turn?.begun === false) this.#turn.end({ moveOn: true })
    else if (this.#turn === undefined && this.#current) this.moveOn(reason)
    else if (!this.#turn) this.#close(COME_BACK, reason)
  }

  /** Looks whether the conversation has come to its end, between turns. */
  #look(): void {
    if (this.#current || this.signal.aborted) return
    const now = performance.now()
    if (now - this.#idleSince > this.gateway.settings.socket.idleMs) this.#close(1000, 'idle')
    else if (this.#isOld(now)) this.#close(COME_BACK, 'old')
    else if (this.#wish && !this.fits(this.#wish)) this.#close(COME_BACK, 'please come back')
  }

  #isOld(now: number): boolean {
    const { maxAgeMs, maxMessages } = this.gateway.settings.socket
    return now - this.#startedAt > maxAgeMs || this.#clientMessages + this.#upstreamMessages > maxMessages
  }

  #close(code: number, reason: string): void {
    if (this.signal.aborted) return
    this.#end = { reason, code }
    this.#socket.close(code, reason)
    this.#finish({ cut: true }, 1000, '')
  }

  #finish(end: TurnEnd, code: number, reason: string): void {
    if (this.signal.aborted) return
    this.#isOver = true
    this.#ended.abort(new ClientLeft(reason))
    clearInterval(this.#watch)
    this.gateway.draining.removeEventListener('abort', this.#drain)
    this.gateway.stop.removeEventListener('abort', this.#stop)
    this.#inbox.close()
    this.#turn?.end(end)
    this.#line?.socket.close(code, reason)
    void this.#told.finally(() => this.#over.resolve())
  }
}
