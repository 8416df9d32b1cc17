/** WebSocket frames (RFC 6455, 5.2), as far as the benchmark's two ends need them. */
export const OPCODE = { text: 1, close: 8, ping: 9, pong: 10 } as const

/** A whole message in one frame; masked where a client sends it. */
export function frameOf(opcode: number, payload: Buffer, mask?: Buffer): Buffer {
  const length = payload.length
  const extended = length > 0xff_ff ? 8 : length > 125 ? 2 : 0
  const head = Buffer.alloc(2 + extended)
  head[0] = 0x80 | opcode
  head[1] = (mask ? 0x80 : 0) | (extended === 8 ? 127 : extended === 2 ? 126 : length)
  if (extended === 2) head.writeUInt16BE(length, 2)
  if (extended === 8) head.writeUIntBE(length, 4, 6)
  if (!mask) return Buffer.concat([head, payload])
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0))])
}

/** So much of what a frame carries is shown of it. */
const SHOWN_BYTES = 28

/** Reads frames off a connection, no further than their heads and the first bytes of what they carry. */
export class FrameReader {
  readonly #whole: (opcode: number, bytes: number, beginning: Buffer) => void
  #kept: Buffer | undefined
  #missing = 0
  #opcode = 0
  #bytes = 0
  #beginning: Buffer = Buffer.alloc(0)

  /** `whole` is told of each frame when its last byte has come. */
  constructor(whole: (opcode: number, bytes: number, beginning: Buffer) => void) {
    this.#whole = whole
  }

  feed(chunk: Buffer): void {
    const data = this.#kept ? Buffer.concat([this.#kept, chunk]) : chunk
    this.#kept = undefined
    let at = 0
    while (at < data.length) {
      if (this.#missing === 0) {
        const head = this.#head(data, at)
        if (head === 0) {
          this.#kept = data.subarray(at)
          return
        }
        at += head
      }
      const taken = Math.min(this.#missing, data.length - at)
      this.#missing -= taken
      at += taken
      if (this.#missing === 0) this.#whole(this.#opcode, this.#bytes, this.#beginning)
    }
  }

  /** How long the frame's head is; 0 when it, or what is to be shown of the frame, is not there yet. */
  #head(data: Buffer, at: number): number {
    const there = data.length - at
    if (there < 2) return 0
    const second = data[at + 1] ?? 0
    const short = second & 0x7f
    const extended = short === 127 ? 8 : short === 126 ? 2 : 0
    const head = 2 + extended + (second & 0x80 ? 4 : 0)
    if (there < head) return 0
    const bytes = extended === 8 ? data.readUIntBE(at + 4, 6) : extended === 2 ? data.readUInt16BE(at + 2) : short
    const shown = Math.min(bytes, SHOWN_BYTES)
    if (there < head + shown) return 0
    this.#opcode = (data[at] ?? 0) & 0x0f
    this.#bytes = bytes
    this.#missing = bytes
    this.#beginning = data.subarray(at + head, at + head + shown)
    return head
  }
}
