import type { Socket } from 'node:net'
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/**
 * The connections that are open, and the exchanges that each is in the middle of.
 *
 * Node's own server takes a connection for idle once its answer was handed over, though the client may still have to
 * read the end of it; to close it then would cut the answer short.
 */
export class Connections {
  readonly #exchanges = new Map<Duplex, Set<ServerResponse>>()
  readonly #released = new Set<Duplex>()

  add(socket: Socket): void {
    this.#exchanges.set(socket, new Set())
    socket.once('close', () => this.#exchanges.delete(socket))
  }

  /** It is no connection for exchanges any more, but a WebSocket. */
  release(socket: Duplex): void {
    this.#exchanges.delete(socket)
    this.#released.add(socket)
    socket.once('close', () => this.#released.delete(socket))
  }

  /** Ends the WebSockets, which Node's own server does not know any more. */
  cutReleased(): void {
    for (const socket of this.#released) socket.destroy()
  }

  /** Counts an exchange until `over` resolves and the network has taken its whole answer. */
  async occupy(socket: Socket, response: ServerResponse, over: Promise<void>): Promise<void> {
    this.#exchanges.get(socket)?.add(response)
    try {
      await over
      await taken(response)
    } finally {
      this.#exchanges.get(socket)?.delete(response)
    }
  }

  /** Whether part of an answer has gone out on it, and the rest has not. */
  answering(socket: Duplex): boolean {
    const responses = this.#exchanges.get(socket)
    return responses !== undefined && Array.from(responses).some((response) => response.headersSent)
  }

  closeIdle(): void {
    for (const [socket, exchanges] of this.#exchanges) if (exchanges.size === 0) socket.destroy()
  }
}

/** A client that takes nothing any more is cut off by its own time limit. */
async function taken(response: ServerResponse): Promise<void> {
  if (response.writableFinished || response.destroyed) return
  await new Promise<void>((resolve) => {
    response.once('finish', resolve).once('close', resolve)
  })
}
