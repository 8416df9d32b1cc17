import type { Body } from '../ports.ts'

/** No bytes. */
export const NOTHING: Uint8Array = new Uint8Array(0)

/** A message that is held in memory until it has gone upstream. */
export class HeldMessage implements Body {
  bytes: Uint8Array
  #room: Disposable | undefined

  constructor(room: Disposable, bytes: Uint8Array) {
    this.#room = room
    this.bytes = bytes
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
