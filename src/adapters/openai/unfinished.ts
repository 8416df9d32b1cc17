import type { Room } from '../../ports.ts'

/** As much as one read of the network's gives: less than that is not counted. */
const UNCOUNTED_BYTES = 65_536
const STEP_BYTES = 262_144
/** What a read takes besides its bytes: a message in reads of one byte must not be had for its length alone. */
const READ_BYTES = 256

/**
 * The room that a message takes before it is whole. `ws` keeps what has come of it and shows nothing of that, so it is
 * counted by what comes over the connection: since the last message that was whole, in steps.
 */
export class Unfinished {
  readonly #room: Room
  readonly #frameBytes: number
  #bytes = 0
  #taken = 0
  /** Of the read that is being dealt with: what of it are control frames, and whether a message has become whole. */
  #control = 0
  #whole = false

  /** `frameBytes` is what a small frame has besides its payload. */
  constructor(room: Room, frameBytes: number) {
    this.#room = room
    this.#frameBytes = frameBytes
  }

  /** Whether so much of a message is there that it is counted. */
  get counts(): boolean {
    return this.#taken > 0
  }

  /** A message has become whole: whoever gets it holds it. */
  whole(): void {
    this.#whole = true
    this.#bytes = 0
    this.release()
  }

  /** A control frame with so much payload was dealt with. */
  control(payloadBytes: number): void {
    this.#control += payloadBytes + this.#frameBytes
  }

  /** A read was dealt with: whether it belongs to a message that is not whole. */
  read(bytes: number): boolean {
    const [whole, control] = [this.#whole, this.#control]
    this.#whole = false
    this.#control = 0
    // Of a read that is control frames and nothing else, nothing is kept.
    if (!whole && control >= bytes) return false
    this.#bytes = whole ? bytes : this.#bytes + bytes + READ_BYTES
    return true
  }

  /** Takes the room that is needed by now; throws a Refusal when there is none, unless it need not be there. */
  take(always: boolean): void {
    if (this.#bytes <= UNCOUNTED_BYTES) return
    const needed = Math.ceil(this.#bytes / STEP_BYTES) * STEP_BYTES
    if (needed <= this.#taken) return
    if (always) this.#room.add(needed - this.#taken)
    else this.#room.take(needed - this.#taken)
    this.#taken = needed
  }

  release(): void {
    if (this.#taken === 0) return
    this.#room.give(this.#taken)
    this.#taken = 0
  }
}
