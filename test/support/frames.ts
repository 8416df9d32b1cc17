/** WebSocket frames by hand (RFC 6455, 5.2). */

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export interface Frame {
  readonly fin: boolean
  readonly opcode: number
  readonly payload: Buffer
}

export interface FrameStyle {
  /** Four bytes, of a client's frame. */
  readonly mask?: Uint8Array | undefined
  readonly fin?: boolean
  readonly opcode?: number
  /** What the head says, if it is not the payload's own length: the rest is still to come. */
  readonly length?: number
}

/** The bytes of one frame. */
export function frame(payload: Uint8Array, style: FrameStyle = {}): Buffer {
  const { mask, fin = true, opcode = OPCODE.text, length = payload.length } = style
  const head = lengthHead(length)
  head[0] = (fin ? 0x80 : 0) | opcode
  head[1] = (head[1] ?? 0) | (mask ? 0x80 : 0)
  return Buffer.concat([head, ...(mask ? [mask, masked(payload, mask)] : [payload])])
}

function lengthHead(length: number): Buffer {
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
  head[1] = Math.min(length, 126)
  if (head.length === 4) head.writeUInt16BE(length, 2)
  if (head.length < 10) return head
  head[1] = 127
  head.writeBigUInt64BE(BigInt(length), 2)
  return head
}

function masked(payload: Uint8Array, mask: Uint8Array): Buffer {
  const bytes = Buffer.from(payload)
  if (mask.some((byte) => byte !== 0)) for (const [i, byte] of bytes.entries()) bytes[i] = byte ^ (mask[i % 4] ?? 0)
  return bytes
}

/** Makes frames of bytes, however they come. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)
  readonly #chunks: Buffer[] = []
  #needed = 2
  #length = 0

  /** The frames that are whole now. */
  read(chunk: Buffer): readonly Frame[] {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#length < this.#needed) return []
    this.#rest = Buffer.concat(this.#chunks.splice(0))
    const frames: Frame[] = []
    for (let next = this.#next(); next; next = this.#next()) frames.push(next)
    this.#chunks.push(this.#rest)
    this.#length = this.#rest.length
    return frames
  }

  #next(): Frame | undefined {
    const bytes = this.#rest
    const [first = 0, second = 0] = bytes
    const short = second & 0x7f
    const head = (short === 126 ? 4 : short === 127 ? 10 : 2) + (second & 0x80 ? 4 : 0)
    this.#needed = Math.max(2, head)
    if (bytes.length < this.#needed) return undefined
    const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short
    this.#needed = head + length
    if (bytes.length < this.#needed) return undefined
    const raw = bytes.subarray(head, head + length)
    const payload = second & 0x80 ? masked(raw, bytes.subarray(head - 4, head)) : Buffer.from(raw)
    this.#rest = bytes.subarray(head + length)
    this.#needed = 2
    return { fin: (first & 0x80) !== 0, opcode: first & 0x0f, payload }
  }
}
