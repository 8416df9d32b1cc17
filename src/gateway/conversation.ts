import { isLimits } from '../core/frame.ts'
import { limitEvent } from '../core/limits.ts'
import type { ClosedConnection, Socket, SocketClient, Wish } from '../ports.ts'
import type { Gateway } from './gateway.ts'
import type { Line } from './line.ts'
import { soon } from './soon.ts'
import { Turn, type TurnEnd } from './turn.ts'

/** Service restart: Codex comes back with its whole history, and its user sees nothing. */
const COME_BACK = 1012
/** How long the last message of a turn waits for the turn's settlement. */
const SETTLE_MS = 500
const WATCH_MS = 1000

/** With this error Codex opens another socket and sends its whole history, without a word to its user. */
const MOVE_ON = JSON.stringify({
  type: 'error',
  status: 400,
  error: {
    type: 'invalid_request_error',
    code: 'websocket_connection_limit_reached',
    message: 'This connection has come to its end. Please open another one.',
    param: null,
  },
})

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
  readonly #socket: Socket
  readonly #startedAt = performance.now()
  #line: Line | undefined
  /** Whether a turn has gone up this line: then its continuation is there and nowhere else. */
  #used = false
  /** Whether upstream has closed it. */
  #lineGone = false
  /** What the turn before wished: for that the key must go on being good. */
  #wish: Wish | undefined
  /** Responses of this line: what goes on from them goes on here. */
  readonly #made = new Set<string>()
  /** From its message on. */
  #current: Turn | undefined
  /** Once it has a line, until its last message. */
  #turn: Turn | undefined
  #running: Promise<void> = Promise.resolve()
  #idleSince = performance.now()
  #clientMessages = 0
  #upstreamMessages = 0
  /** Why and with which code it was closed. */
  #end = { reason: 'client left', code: 1006 }
  /** Why the conversation ends as soon as no turn runs. */
  #leaving: string | undefined
  #closed = false
  readonly #watch: NodeJS.Timeout
  readonly #drain = (): void => this.#leave('the gateway is about to stop')
  readonly #stop = (): void => this.#close(COME_BACK, 'the gateway stops')

  constructor(client: SocketClient, socket: Socket, line: Line | undefined, gateway: Gateway) {
    this.client = client
    this.gateway = gateway
    this.over = this.#over.promise
    this.#socket = socket
    const { pingIntervalMs } = gateway.settings.socket
    this.#watch = setInterval(() => this.#look(), WATCH_MS)
    gateway.draining.addEventListener('abort', this.#drain)
    gateway.stop.addEventListener('abort', this.#stop)
    socket.keepAlive(pingIntervalMs)
    if (line) this.#connect(line)
    socket.listen({
      message: (data, binary) => void this.#fromClient(data, binary),
      closed: (code, reason) => this.#clientClosed(code, reason),
    })
    if (gateway.draining.aborted) this.#drain()
    if (gateway.stop.aborted) this.#stop()
  }

  /** What the ledger keeps of the connection. */
  get summary(): Omit<ClosedConnection, 'id' | 'endedAt'> {
    return {
      ...this.#end,
      upstream: this.#line?.upstream.id,
      clientMessages: this.#clientMessages,
      upstreamMessages: this.#upstreamMessages,
    }
  }

  get line(): Line | undefined {
    return this.#line
  }

  get used(): boolean {
    return this.#used
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
    const line = this.#line
    if (!line || this.#lineGone) return false
    const { coordinator, directory } = this.gateway
    const upstream = directory.upstreams().find(({ id }) => id === line.upstream.id)
    if (!upstream?.enabled || !upstream.ws) return false
    if (coordinator.survey().get(upstream.id)?.state === 'disabled') return false
    return coordinator.soonest({ ...wish, candidates: [upstream] }) === undefined
  }

  /** Tells the client to come back with its whole history, and ends. */
  moveOn(reason: string): void {
    this.#socket.send(MOVE_ON, false)
    this.#close(COME_BACK, reason)
  }

  async #fromClient(data: Uint8Array, binary: boolean): Promise<void> {
    // One message after the other: what comes behind a turn's beginning waits until that has gone upstream.
    this.#socket.pause()
    this.#clientMessages++
    try {
      if (binary || !(await Turn.begins(data, this.gateway))) await this.#pass(data, binary)
      else await this.#begin(data)
    } catch (cause) {
      this.gateway.log.error('conversation failed', { cause: String(cause) })
      this.#close(1011, 'internal error')
    } finally {
      this.#socket.resume()
    }
  }

  async #pass(data: Uint8Array, binary: boolean): Promise<void> {
    if (this.#line?.socket.send(data, binary) === false) await this.#line.socket.drained()
  }

  /** Resolves once the turn's message has gone upstream, or the turn was refused. */
  async #begin(data: Uint8Array): Promise<void> {
    await this.#running
    if (this.#closed) return
    const turn = new Turn(this, data)
    this.#current = turn
    this.#running = turn.run().then(
      () => this.#turnOver(),
      (cause: unknown) => {
        this.gateway.log.error('turn failed', { cause: String(cause) })
        this.#close(1011, 'internal error')
      },
    )
    void this.#deliver(turn)
    await turn.sent
  }

  /** The last message of a turn goes out when the turn is settled, behind the member's windows as they then stand. */
  async #deliver(turn: Turn): Promise<void> {
    const end = await turn.over
    await soon(this.#running, SETTLE_MS)
    const { responseId } = turn.meter.metered
    if (responseId !== undefined) this.#remember(responseId)
    this.#turn = undefined
    this.#current = undefined
    this.#idleSince = performance.now()
    if (this.#closed) return
    if (end) this.#conclude(turn, end)
    if (this.#leaving !== undefined) this.#close(COME_BACK, this.#leaving)
  }

  #conclude(turn: Turn, end: TurnEnd): void {
    if (end.moveOn === true) return this.#moveOnAfter(end)
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

  #moveOnAfter({ begun }: TurnEnd): void {
    if (begun === true) this.#close(COME_BACK, 'please come back')
    else this.moveOn('please come back')
  }

  #turnOver(): void {
    if (this.#closed) this.#finish()
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
    this.#upstreamMessages++
    const kind = binary ? 'event' : (this.#turn?.meter.feed(data) ?? (isLimits(data) ? 'limits' : 'event'))
    if (kind === 'limits') return
    if (kind === 'terminal') {
      // What comes behind the last message waits for it.
      line.socket.pause()
      this.#turn?.end({ last: data })
      return
    }
    this.#turn?.begin()
    if (this.#socket.send(data, binary)) return
    line.socket.pause()
    void this.#socket.drained().then(() => line.socket.resume())
  }

  #upstreamClosed(line: Line, code: number, reason: string): void {
    if (line !== this.#line || this.#closed) return
    this.#lineGone = true
    // Of a turn that has ended already it is told when that has been told.
    if (this.#turn) this.#turn.end({ closed: { code, reason } })
    else if (!this.#current) this.#close(COME_BACK, 'upstream closed the connection')
  }

  #clientClosed(code: number, reason: string): void {
    if (!this.#closed) this.#end = { reason: 'client left', code }
    this.#closed = true
    this.#turn?.end({ clientLeft: true })
    this.#line?.socket.close(code === 1006 ? 1001 : code, reason)
    void this.#running.finally(() => this.#finish())
  }

  /** Ends now if no turn runs, else when it has ended; a turn that has not begun to answer begins anew elsewhere. */
  #leave(reason: string): void {
    this.#leaving ??= reason
    if (!this.#turn) this.#close(COME_BACK, this.#leaving)
    else if (!this.#turn.begun) this.#turn.end({ moveOn: true })
  }

  /** Looks whether the conversation has come to its end, between turns. */
  #look(): void {
    if (this.#current || this.#closed) return
    const { idleMs } = this.gateway.settings.socket
    const now = performance.now()
    if (now - this.#idleSince > idleMs) this.#close(1000, 'idle')
    else if (this.#isOld(now)) this.#close(COME_BACK, 'old')
    else if (this.#wish && !this.fits(this.#wish)) this.#close(COME_BACK, 'please come back')
  }

  #isOld(now: number): boolean {
    const { maxAgeMs, maxMessages } = this.gateway.settings.socket
    return now - this.#startedAt > maxAgeMs || this.#clientMessages + this.#upstreamMessages > maxMessages
  }

  #close(code: number, reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#end = { reason, code }
    this.#socket.close(code, reason)
    this.#line?.socket.close(1000, '')
    this.#turn?.end({ cut: true })
    void this.#running.finally(() => this.#finish())
  }

  #finish(): void {
    clearInterval(this.#watch)
    this.gateway.draining.removeEventListener('abort', this.#drain)
    this.gateway.stop.removeEventListener('abort', this.#stop)
    this.#over.resolve()
  }
}
