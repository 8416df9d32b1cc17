import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { RawData, WebSocket } from 'ws'
import type { ConnectionBook } from './connection-book.ts'
import { asText } from './json.ts'
import type { NamedKey } from './keys.ts'
import { caughtUp, resetSocket } from './socket.ts'

/** Whom a connection belongs to and how it came about. */
export interface ConnectionFacts {
  readonly request: IncomingMessage
  readonly path: string
  readonly key: NamedKey
  /** Of the handshake. */
  readonly requestId: string
}

/** What speaks over a connection. */
export interface Speaking {
  /** A message has come; undefined when it was a binary one. */
  receive(text: string | undefined): void
  /** The connection has reached its age limit. */
  expire(): void
}

/** One WebSocket connection of a client. */
export class Connection {
  readonly facts: ConnectionFacts
  /** Counted from 1. */
  readonly number: number
  readonly #webSocket: WebSocket
  readonly #socket: Socket
  readonly #gone = new AbortController()

  constructor(webSocket: WebSocket, facts: ConnectionFacts, book: ConnectionBook) {
    this.facts = facts
    this.#webSocket = webSocket
    this.#socket = facts.request.socket
    const opened = book.open(facts.path, facts.key.name)
    this.number = opened.connection
    webSocket.on('close', (code, reason) => {
      Object.assign(opened, { closedAt: Date.now(), closeCode: code, closeReason: reason.toString() })
      this.#gone.abort()
    })
  }

  /** Hands messages over as they come, and says when the connection is too old. */
  listen(speaking: Speaking, book: ConnectionBook, maxAgeMs: number): void {
    const webSocket = this.#webSocket
    webSocket.on('message', (data, binary) => {
      const bytes = bytesOf(data)
      book.receive(this.number, bytes, binary)
      speaking.receive(binary ? undefined : bytes.toString('utf8'))
    })
    // A frame that breaks the protocol: the library has closed the connection with the code that says so.
    webSocket.on('error', () => {})
    const timer = setTimeout(() => speaking.expire(), maxAgeMs).unref()
    this.gone.addEventListener('abort', () => clearTimeout(timer), { once: true })
  }

  /** Aborts when the connection is gone, whoever ended it. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** Neither end has begun to close it. */
  get open(): boolean {
    return this.#webSocket.readyState === this.#webSocket.OPEN
  }

  /** A header of the handshake, by its name in lower case. */
  header(name: string): string | undefined {
    return asText(this.facts.request.headers[name])
  }

  /** Sends one frame, of text unless it is bytes. False when the client is behind: wait for `drained`. */
  send(frame: string | Buffer, written?: (error?: Error | null) => void): boolean {
    this.#webSocket.send(frame, (error) => written?.(error))
    return !this.#socket.writableNeedDrain
  }

  /** Writes bytes as they are, past the framing. */
  sendRaw(bytes: string | Buffer): void {
    this.#socket.write(bytes)
  }

  async drained(): Promise<void> {
    if (this.gone.aborted || !this.#socket.writableNeedDrain) return
    await caughtUp(this.#socket, this.gone)
  }

  reset(): Promise<void> {
    return resetSocket(this.#socket)
  }

  /** Sends a close frame, an empty one when there is no code. */
  close(code?: number, reason?: string): void {
    this.#webSocket.close(code, reason)
  }
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data)
  return Buffer.isBuffer(data) ? data : Buffer.from(data)
}
