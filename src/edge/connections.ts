import type { Socket } from 'node:net'
import type { ServerResponse } from 'node:http'

/**
 * The connections that are open, and how many exchanges each is in the middle of.
 *
 * Node's own server takes a connection for idle once its answer was handed over, though the client may still have to
 * read the end of it; to close it then would cut the answer short.
 */
export class Connections {
  readonly #exchanges = new Map<Socket, number>()

  add(socket: Socket): void {
    this.#exchanges.set(socket, 0)
    socket.once('close', () => this.#exchanges.delete(socket))
  }

  /** Counts an exchange until `over` resolves and the network has taken its whole answer. */
  async occupy(socket: Socket, response: ServerResponse, over: Promise<void>): Promise<void> {
    this.#count(socket, 1)
    try {
      await over
      await taken(response)
    } finally {
      this.#count(socket, -1)
    }
  }

  closeIdle(): void {
    for (const [socket, exchanges] of this.#exchanges) if (exchanges === 0) socket.destroy()
  }

  #count(socket: Socket, by: number): void {
    const exchanges = this.#exchanges.get(socket)
    if (exchanges !== undefined) this.#exchanges.set(socket, exchanges + by)
  }
}

/** A client that takes nothing any more is cut off by its own time limit. */
async function taken(response: ServerResponse): Promise<void> {
  if (response.writableFinished || response.destroyed) return
  await new Promise<void>((resolve) => {
    response.once('finish', resolve).once('close', resolve)
  })
}
