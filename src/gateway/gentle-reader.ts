import { BodyReader, type Asked, type BadBody } from '../core/body.ts'

/** As much as is scanned between two looks at the clock. */
const SLICE_BYTES = 32_768
/** As long as one body is scanned before others have their turn. */
const TURN_MS = 4

/**
 * Reads request bodies, the usual one at once. A body that takes longer, huge or made to be slow, goes on in slices: of
 * all that do, one has its turn in each round of the event loop.
 */
export class GentleReader {
  readonly #waiting: (() => void)[] = []

  async read(plain: Uint8Array): Promise<Asked | BadBody> {
    const reader = new BodyReader()
    for (let at = slice(reader, plain, 0); at < plain.length; at = slice(reader, plain, at)) await this.#turn()
    return reader.end()
  }

  async #turn(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === 1) setImmediate(this.#next)
    })
  }

  readonly #next = (): void => {
    const [first] = this.#waiting
    first?.()
    this.#waiting.shift()
    if (this.#waiting.length > 0) setImmediate(this.#next)
  }
}

/** Scans for one turn, and returns how far it came. */
function slice(reader: BodyReader, plain: Uint8Array, from: number): number {
  const end = performance.now() + TURN_MS
  let at = from
  do {
    reader.feed(plain.subarray(at, at + SLICE_BYTES))
    at += SLICE_BYTES
  } while (at < plain.length && performance.now() < end)
  return at
}
