import type { MemberId } from '../core/units.ts'
import type { Body, SocketClient } from '../ports.ts'

const NOTHING: Uint8Array = new Uint8Array(0)

/** Holds a message of the client's in the member's share of memory; throws a Refusal when there is no room for it. */
export function held(client: SocketClient, member: MemberId, bytes: Uint8Array, binary: boolean): HeldMessage {
  return new HeldMessage(client.hold(member, bytes.length), bytes, binary)
}

/** A message that is held in memory until it has gone upstream. */
export class HeldMessage implements Body {
  bytes: Uint8Array
  readonly binary: boolean
  #room: Disposable | undefined

  constructor(room: Disposable, bytes: Uint8Array, binary: boolean) {
    this.#room = room
    this.bytes = bytes
    this.binary = binary
  }

  get plain(): Uint8Array {
    return this.bytes
  }

  release(): void {
    this.bytes = NOTHING
    this.#room?.[Symbol.dispose]()
    this.#room = undefined
  }

  [Symbol.dispose](): void {
    this.release()
  }
}
