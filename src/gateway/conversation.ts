import type { CallId, MemberId } from '../core/units.ts'
import type { ClosedConnection, Socket, SocketClient } from '../ports.ts'
import type { Gateway } from './gateway.ts'
import type { HeldMessage } from './held-message.ts'
import { Inbox } from './inbox.ts'
import type { Line } from './line.ts'
import { ClientLeft } from './patience.ts'
import { soon } from './soon.ts'

/** Service restart: Codex comes back with its whole history, and its user sees nothing. */
export const COME_BACK = 1012
/** Against the policy (RFC 6455, 7.4.1). */
export const NOT_ALLOWED = 1008
const WATCH_MS = 1000

/** What is said over a conversation, in the words of one API. */
export interface Talk {
  /** Whether nothing runs: the conversation may end without loss. */
  readonly idle: boolean
  /** Resolves when the answer that runs has ended and is settled; undefined when none does that could be read on. */
  readonly answered: Promise<void> | undefined
  /** Whether key and member are good for it still. */
  readonly fits: boolean
  /** Deals with a message of the client's; the next one waits for it. */
  said(message: HeldMessage): Promise<void>
  /** Deals with a message of upstream's. */
  heard(data: Uint8Array, binary: boolean): void
  /** Upstream has said nothing for as long as it may while something runs; called again while it goes on. */
  silent(): void
  /** Upstream has closed its socket. */
  hungUp(code: number, reason: string): void
  /** Ends the conversation as soon as that is no loss. */
  leave(reason: string): void
  /** The conversation has ended; resolves when everything that ran is settled. */
  over(because: 'client-left' | 'cut'): Promise<void>
}

export interface ConversationOptions {
  /** That of its handshake. */
  readonly id: CallId
  readonly gateway: Gateway
  readonly member: MemberId
  /** Undefined: the first turn finds one. */
  readonly line: Line | undefined
  /** Both ways together; what comes after the last of them is served on another connection. */
  readonly maxMessages: number
  /** A client that says more than goes upstream is not waited for, or not read from until there is room. */
  readonly flood: 'ends' | 'waits'
  readonly talk: (conversation: Conversation) => Talk
}

/** One WebSocket of a member's and the socket upstream that belongs to it, from the handshake to the end of both. */
export class Conversation {
  readonly id: CallId
  readonly client: SocketClient
  readonly gateway: Gateway
  /** Resolves when both sockets are closed and everything is settled. */
  readonly over: Promise<void>
  readonly #over: PromiseWithResolvers<void> = Promise.withResolvers<void>()
  readonly #ended = new AbortController()
  /** The same as its signal says, for what is asked of every message. */
  #isOver = false
  readonly #socket: Socket
  readonly #maxMessages: number
  readonly #startedAt = performance.now()
  readonly #watch: NodeJS.Timeout
  readonly #inbox: Inbox
  readonly #talk: Talk
  #line: Line | undefined
  /** Whether upstream has closed it. */
  #lineGone = false
  /** For so many reasons upstream is not read from. */
  #hushes = 0
  /** How much of an answer is still read on, whose client has left. */
  #mostBytes: number | undefined
  readonly #tooMuch: PromiseWithResolvers<void> = Promise.withResolvers<void>()
  #idleSince = performance.now()
  /** Upstream has said something since it was looked at last, or could not. */
  #stirred = true
  #silentSince = performance.now()
  #clientMessages = 0
  #upstreamMessages = 0
  /** Why and with which code it was closed. */
  #end = { reason: 'client left', code: 1006 }
  readonly #drain = (): void => this.#talk.leave('the gateway is about to stop')
  readonly #stop = (): void => this.close(COME_BACK, 'the gateway stops')

  constructor(client: SocketClient, socket: Socket, on: ConversationOptions) {
    this.id = on.id
    this.client = client
    this.gateway = on.gateway
    this.over = this.#over.promise
    this.#socket = socket
    this.#maxMessages = on.maxMessages
    this.#talk = on.talk(this)
    this.#inbox = new Inbox(client, socket, on, (message) => this.#said(message))
    this.#watch = setInterval(() => this.#look(), WATCH_MS)
    const { draining, stop } = this.gateway
    draining.addEventListener('abort', this.#drain)
    stop.addEventListener('abort', this.#stop)
    socket.keepAlive(this.gateway.settings.socket.pingIntervalMs)
    if (on.line) this.connect(on.line)
    socket.listen({
      message: (data, binary) => {
        this.#clientMessages++
        if (!this.#inbox.put(data, binary)) this.close(1008, 'too many messages at once')
      },
      closed: (code, reason) => this.#clientClosed(code, reason),
    })
    if (draining.aborted) this.#drain()
    if (stop.aborted) this.#stop()
  }

  /** Aborts, with ClientLeft, when the conversation has come to its end: nothing is begun any more. */
  get signal(): AbortSignal {
    return this.#ended.signal
  }

  get line(): Line | undefined {
    return this.#line
  }

  /** Whether there is a line, and upstream has not closed it. */
  get lineIsOpen(): boolean {
    return this.#line !== undefined && !this.#lineGone
  }

  /** What the ledger keeps of the connection. */
  get summary(): Omit<ClosedConnection, 'id' | 'endedAt'> {
    const [clientMessages, upstreamMessages] = [this.#clientMessages, this.#upstreamMessages]
    return { ...this.#end, upstream: this.#line?.upstream.id, clientMessages, upstreamMessages }
  }

  /** Takes a line, in place of the one that there may be. */
  connect(line: Line): void {
    this.#line?.socket.close(1000, '')
    this.#line = line
    this.#lineGone = false
    this.#hushes = 0
    line.socket.keepAlive(this.gateway.settings.socket.pingIntervalMs)
    line.socket.listen({
      message: (data, binary) => {
        if (line !== this.#line || this.#isOver) return
        this.#upstreamMessages++
        this.#stirred = true
        this.#count(data)
        this.#talk.heard(data, binary)
      },
      closed: (code, reason) => {
        if (line !== this.#line || this.#isOver) return
        this.#lineGone = true
        this.#talk.hungUp(code, reason)
      },
    })
  }

  /** Says something of the gateway's own to the client. */
  tell(message: string | Uint8Array): void {
    this.#socket.send(message, false)
  }

  /** Passes a message of upstream's on; upstream is read from no faster than the client reads. */
  pass(data: Uint8Array, binary: boolean): void {
    if (this.#socket.send(data, binary)) return
    const resume = this.hush()
    void this.#socket.drained().then(resume)
  }

  /** Passes a message of the client's on; resolves when upstream has caught up. */
  async passUp(data: Uint8Array, binary: boolean): Promise<void> {
    if (this.#line?.socket.send(data, binary) === false) await this.#line.socket.drained()
  }

  /** Stops reading upstream until what it gives is called, once. */
  hush(): () => void {
    const line = this.#line
    if (this.#hushes++ === 0) line?.socket.pause()
    return () => {
      if (line !== this.#line || --this.#hushes > 0) return
      this.#stirred = true
      line?.socket.resume()
    }
  }

  /** Upstream has been asked something: it has its time from now on. */
  stir(): void {
    this.#stirred = true
  }

  /** The time without a turn begins now. */
  rest(): void {
    this.#idleSince = performance.now()
  }

  /** Closes both sides: the client's with this code and reason. */
  close(code: number, reason: string): void {
    if (this.signal.aborted) return
    this.#end = { reason, code }
    this.#socket.close(code, reason)
    this.#finish('cut', 1000, '')
  }

  /** Something that must not go wrong did: it is logged, and the conversation ends. */
  failed(event: string, cause: unknown): void {
    this.gateway.log.error(event, { cause: String(cause) })
    this.close(1011, 'internal error')
  }

  async #said(message: HeldMessage): Promise<void> {
    if (this.signal.aborted) return
    try {
      await this.#talk.said(message)
    } catch (cause) {
      this.failed('conversation failed', cause)
    }
  }

  #clientClosed(code: number, reason: string): void {
    if (!this.signal.aborted) this.#end = { reason: 'client left', code }
    const { readOn } = this.gateway.settings
    const end = (): void => this.#finish('client-left', code === 1006 ? 1001 : code, reason)
    const answered = readOn && !this.signal.aborted ? this.#talk.answered : undefined
    if (!readOn || !answered) return end()
    // What is said to it from now on goes nowhere.
    this.#mostBytes = readOn.bytes
    void soon(Promise.race([answered, this.#tooMuch.promise]), readOn.ms).then(end)
  }

  /** Of an answer that is read on for a client who has left. */
  #count({ length }: Uint8Array): void {
    if (this.#mostBytes === undefined) return
    this.#mostBytes -= length
    if (this.#mostBytes < 0) this.#tooMuch.resolve()
  }

  /** Looks whether upstream has fallen silent in a turn, and between turns whether the conversation has come to its end. */
  #look(): void {
    if (this.signal.aborted) return
    const now = performance.now()
    // While the client is behind, upstream is not read from; and one message may take longer than any time limit.
    if (this.#stirred || this.#hushes > 0 || this.#line?.socket.receives === true) this.#silentSince = now
    this.#stirred = false
    if (!this.#talk.idle) {
      if (now - this.#silentSince > this.gateway.settings.idleTimeoutMs) this.#talk.silent()
    } else if (now - this.#idleSince > this.gateway.settings.socket.idleMs) this.close(1000, 'idle')
    else if (this.#isOld(now)) this.close(COME_BACK, 'old')
    else if (!this.#talk.fits) this.close(COME_BACK, 'please come back')
  }

  #isOld(now: number): boolean {
    const { maxAgeMs } = this.gateway.settings.socket
    return now - this.#startedAt > maxAgeMs || this.#clientMessages + this.#upstreamMessages > this.#maxMessages
  }

  #finish(because: 'client-left' | 'cut', code: number, reason: string): void {
    if (this.signal.aborted) return
    this.#isOver = true
    this.#ended.abort(new ClientLeft(reason))
    clearInterval(this.#watch)
    this.gateway.draining.removeEventListener('abort', this.#drain)
    this.gateway.stop.removeEventListener('abort', this.#stop)
    this.#inbox.close()
    const settled = this.#talk.over(because)
    this.#line?.socket.close(code, reason)
    void settled.finally(() => this.#over.resolve())
  }
}
