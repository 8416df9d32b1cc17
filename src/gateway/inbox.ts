import { Refusal } from '../core/refusal.ts'
import type { MemberId } from '../core/units.ts'
import type { Socket, SocketClient } from '../ports.ts'
import { held, HeldMessage } from './held-message.ts'

/** In a dialogue nobody has so many to say while a turn waits. */
const MOST_WAITING = 64
/** Of audio there are fifty a second: so many come while a response waits for its place. */
const ROOM = { messages: 2000, bytes: 8 * 1_048_576 }

export interface InboxOptions {
  readonly member: MemberId
  /** What comes of a client that has more to say than can be dealt with. */
  readonly flood: 'ends' | 'waits'
}

/**
 * The messages of a client that are still to be dealt with, one after the other, each held in the member's share of
 * memory; one that cannot be held is refused when its turn comes. The client goes on being read meanwhile, for whoever
 * is not read from cannot be heard to leave: if it may wait, until there is no room.
 */
export class Inbox {
  readonly #client: SocketClient
  readonly #socket: Socket
  readonly #options: InboxOptions
  readonly #handle: (message: HeldMessage) => Promise<void>
  readonly #waiting: (HeldMessage | Refusal)[] = []
  #bytes = 0
  #working = false
  #paused = false
  #closed = false

  /** `handle` never rejects. */
  constructor(
    client: SocketClient,
    socket: Socket,
    options: InboxOptions,
    handle: (message: HeldMessage) => Promise<void>,
  ) {
    this.#client = client
    this.#socket = socket
    this.#options = options
    this.#handle = handle
  }

  /** False when there are too many. */
  put(data: Uint8Array, binary: boolean): boolean {
    if (this.#closed) return true
    const { member, flood } = this.#options
    if (flood === 'ends' && this.#waiting.length >= MOST_WAITING) return false
    try {
      this.#waiting.push(held(this.#client, member, data, binary))
      this.#bytes += data.length
    } catch (cause) {
      if (!(cause instanceof Refusal)) throw cause
      // A client that reads nothing is not refused without end: what waits to be refused is counted too.
      this.#waiting.push(cause)
    }
    if (flood === 'waits' && !this.#paused && this.#isFull(1)) {
      this.#paused = true
      this.#socket.pause()
    }
    if (!this.#working) void this.#work()
    return true
  }

  close(): void {
    this.#closed = true
    for (const message of this.#waiting.splice(0)) if (!(message instanceof Refusal)) message.release()
  }

  async #work(): Promise<void> {
    this.#working = true
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      if (next instanceof HeldMessage) this.#bytes -= next.bytes.length
      if (this.#paused && !this.#isFull(0.5)) {
        this.#paused = false
        this.#socket.resume()
      }
      if (next instanceof Refusal) await this.#client.refuse(next)
      else await this.#handleHeld(next)
    }
    this.#working = false
  }

  async #handleHeld(held: HeldMessage): Promise<void> {
    using message = held
    await this.#handle(message)
  }

  #isFull(share: number): boolean {
    return this.#waiting.length >= share * ROOM.messages || this.#bytes >= share * ROOM.bytes
  }
}
