import { Refusal } from '../core/refusal.ts'
import type { MemberId } from '../core/units.ts'
import type { SocketClient } from '../ports.ts'
import { held, type HeldMessage } from './held-message.ts'

/** Nobody has so many to say while a turn waits. */
const MOST_WAITING = 64

/**
 * The messages of a client that are still to be dealt with, one after the other, each held in the member's share of
 * memory; one that cannot be held is refused when its turn comes. The client goes on being read meanwhile: whoever is
 * not read from cannot be heard to leave.
 */
export class Inbox {
  readonly #client: SocketClient
  readonly #member: MemberId
  readonly #handle: (message: HeldMessage) => Promise<void>
  readonly #waiting: (HeldMessage | Refusal)[] = []
  #working = false
  #closed = false

  /** `handle` never rejects. */
  constructor(client: SocketClient, member: MemberId, handle: (message: HeldMessage) => Promise<void>) {
    this.#client = client
    this.#member = member
    this.#handle = handle
  }

  /** False when there are too many. */
  put(data: Uint8Array, binary: boolean): boolean {
    if (this.#closed) return true
    if (this.#waiting.length >= MOST_WAITING) return false
    try {
      this.#waiting.push(held(this.#client, this.#member, data, binary))
    } catch (cause) {
      if (!(cause instanceof Refusal)) throw cause
      // A client that reads nothing is not refused without end: what waits to be refused is counted too.
      this.#waiting.push(cause)
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
      if (next instanceof Refusal) await this.#client.refuse(next)
      else await this.#handleHeld(next)
    }
    this.#working = false
  }

  async #handleHeld(held: HeldMessage): Promise<void> {
    using message = held
    await this.#handle(message)
  }
}
