import type { IncomingMessage } from 'node:http'
import type { Socket as Connection } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import { Refusal } from '../core/refusal.ts'
import type { MemberId } from '../core/units.ts'
import { ClientLeft } from '../gateway/patience.ts'
import type { HeaderList, Room, Socket, SocketClient } from '../ports.ts'
import type { BodyBudget } from './body-budget.ts'
import { withKeyOfProtocol } from './subprotocol.ts'

/** What is read of a message at all; beyond it the connection is closed (1009). */
const MOST_MESSAGE_BYTES = 160 * 1_048_576

interface SocketBounds {
  readonly room: Room
  readonly idleMs: number
  readonly full: { readonly refusal: (cause: Error) => string }
}

export interface SocketOptions {
  /** Largest message that is served; what is larger is refused in a frame. */
  readonly maxMessageBytes: number
  readonly budget: BodyBudget
  /** How long a message may make no progress before it is whole. */
  readonly idleMs: number
  readonly socketOn: (ws: WebSocket, connection: Connection, bounds: SocketBounds) => Socket
  /** The message that refuses something; `event` is the client's name for it, if it has one. */
  readonly refusalOf: (cause: Error, event: string | undefined) => string
}

const server = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  maxPayload: MOST_MESSAGE_BYTES,
  // Bytes pass as they came, whatever they spell.
  skipUTF8Validation: true,
  // It is upstream's, and stands among its headers.
  handleProtocols: () => false,
})

/** A client that asked for a WebSocket. */
export class WsClient implements SocketClient {
  readonly #request: IncomingMessage
  readonly #headers: HeaderList
  readonly #connection: Duplex
  readonly #head: Buffer
  readonly #options: SocketOptions
  readonly #gone = new AbortController()
  #socket: Socket | undefined
  readonly #look = (): void => {
    if (this.#connection.readableLength === 0) this.#connection.read(0)
  }
  readonly #leave = (): void => {
    this.#connection.destroy()
  }

  constructor(request: IncomingMessage, connection: Duplex, head: Buffer, options: SocketOptions) {
    this.#request = request
    this.#headers = withKeyOfProtocol(request.rawHeaders)
    this.#connection = connection
    this.#head = head
    this.#options = options
    connection.once('close', () => this.#gone.abort(new Error('the client left')))
    // Only reading shows that it has left: nothing of what it says is taken before it has its answer.
    connection.on('readable', this.#look).on('end', this.#leave)
  }

  /** Goes on reading nothing but what others take: it gets its answer. */
  release(): void {
    this.#connection.off('readable', this.#look).off('end', this.#leave)
  }

  get signal(): AbortSignal {
    return this.#gone.signal
  }

  get path(): string {
    return this.#request.url ?? ''
  }

  get headers(): HeaderList {
    return this.#headers
  }

  get accepted(): boolean {
    return this.#socket !== undefined
  }

  hold(member: MemberId, bytes: number): Disposable {
    const { budget, maxMessageBytes } = this.#options
    if (bytes > maxMessageBytes) {
      throw new Refusal(
        'invalid_request',
        `The message is larger than the gateway takes: at most ${maxMessageBytes} bytes. Start a new conversation, or compact this one.`,
      )
    }
    budget.take(member, bytes)
    return { [Symbol.dispose]: () => budget.give(member, bytes) }
  }

  accept(headers: HeaderList, member: MemberId): Socket {
    const { budget, idleMs, refusalOf, socketOn } = this.#options
    const add = (lines: string[]): void => {
      for (let i = 0; i + 1 < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`)
    }
    this.release()
    server.once('headers', add)
    // Headers are bytes, and `ws` writes them as a text.
    this.#connection.setDefaultEncoding('latin1')
    let accepted: Socket | undefined
    server.handleUpgrade(this.#request, this.#connection, this.#head, (ws) => {
      const bounds = {
        room: budget.roomOf(member),
        idleMs,
        full: { refusal: (cause: Error) => refusalOf(cause, undefined) },
      }
      accepted = socketOn(ws, this.#request.socket, bounds)
    })
    server.off('headers', add)
    this.#connection.setDefaultEncoding('utf8')
    // The handshake itself was looked at before.
    if (!accepted) throw new ClientLeft('the client left')
    this.#socket = accepted
    return accepted
  }

  async refuse(cause: Error, event?: string): Promise<void> {
    if (this.#socket?.send(this.#options.refusalOf(cause, event), false) === false) await this.#socket.drained()
  }
}
