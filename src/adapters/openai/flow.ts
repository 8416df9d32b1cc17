import type { Socket } from 'node:net'

/** What of a connection's bytes moved since the last look. */
export interface Moved {
  /** The other side has sent something, or has taken some of what was waiting for it. */
  readonly lives: boolean
  /** Whether something waits to be taken by it. */
  readonly owes: boolean
}

/**
 * Looks, now and then, whether the other side of a connection is alive, by the bytes alone: one message may take longer
 * than any time limit, and while it is on its way there is nothing else to be heard.
 */
export class Flow {
  readonly #connection: Socket
  #received: number
  #taken: number
  #queued: number

  constructor(connection: Socket) {
    this.#connection = connection
    this.#received = connection.bytesRead
    this.#taken = taken(connection)
    this.#queued = queued(connection)
  }

  look(): Moved {
    const connection = this.#connection
    const received = connection.bytesRead
    const [takenNow, queuedNow] = [taken(connection), queued(connection)]
    // What the network takes for a peer that is dead is no sign of life: only of what had to wait is it one.
    const moves = this.#queued > 0 && (takenNow > this.#taken || queuedNow < this.#queued)
    const lives = received > this.#received || moves
    this.#received = received
    this.#taken = takenNow
    this.#queued = queuedNow
    return { lives, owes: queuedNow > 0 }
  }
}

/** Bytes of the writes that are done. */
function taken({ bytesWritten, writableLength }: Socket): number {
  return bytesWritten - writableLength
}

/**
 * Bytes that wait for the other side. Node counts a write as one, however much of it has gone; only the connection's
 * handle, which is no public part of it, sees how a large one shrinks.
 */
function queued(connection: Socket): number {
  if (connection.writableLength === 0) return 0
  const handle: unknown = Reflect.get(connection, '_handle')
  const size: unknown = typeof handle === 'object' && handle !== null && Reflect.get(handle, 'writeQueueSize')
  return typeof size === 'number' && size > 0 ? size : connection.writableLength
}
