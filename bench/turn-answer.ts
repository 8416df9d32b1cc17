import { answerEvents, RESPONSE_ID } from './answers.ts'
import { frameOf, OPCODE } from './frames.ts'

/** The answer of one turn over a WebSocket: one event a frame. Every turn's response has an id of its own, as OpenAI's do. */
export class TurnAnswer {
  /** What the frames carry together. */
  readonly payloadBytes: number
  readonly #frames: readonly Template[]
  readonly #whole: Template
  #made = 0

  constructor(events: number) {
    const payloads = answerEvents(events).map(({ json }) => Buffer.from(json))
    const frames = payloads.map((payload) => frameOf(OPCODE.text, payload))
    this.payloadBytes = payloads.reduce((sum, { length }) => sum + length, 0)
    this.#frames = frames.map((frame) => new Template(frame))
    this.#whole = new Template(Buffer.concat(frames))
  }

  /** All frames of the next turn. */
  whole(): Buffer {
    return this.#whole.filled(++this.#made)
  }

  /** The same one by one. */
  frames(): readonly Buffer[] {
    const made = ++this.#made
    return this.#frames.map((frame) => frame.filled(made))
  }
}

const ID = Buffer.from(RESPONSE_ID)
const OWN_DIGITS = 12

/** Frames in which ids are still to be made the turn's own. */
class Template {
  readonly #bytes: Buffer
  /** Where the digits stand. */
  readonly #places: number[] = []

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    for (let at = bytes.indexOf(ID); at !== -1; at = bytes.indexOf(ID, at + 1)) {
      this.#places.push(at + ID.length - OWN_DIGITS)
    }
  }

  filled(id: number): Buffer {
    if (this.#places.length === 0) return this.#bytes
    const copy = Buffer.from(this.#bytes)
    const digits = String(id).padStart(OWN_DIGITS, '0')
    for (const place of this.#places) copy.write(digits, place, 'latin1')
    return copy
  }
}
