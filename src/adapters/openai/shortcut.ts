import type { WebSocket } from 'ws'

type Write = (chunk: Buffer) => boolean
type Deliver = (data: Buffer, binary: boolean) => void

const TEXT = 0x81
const BINARY = 0x82
const PING = 0x89
const PONG = 0x8a

/**
 * Hands over, past `ws`, the messages of a server that came whole in one chunk and one frame, as OpenAI sends nearly
 * all of them: the way through the stream of `ws` costs as much as all that the gateway does for a message. Everything
 * else goes to `ws` as it came, in its place: longer messages, pings, closes, and whatever breaks the protocol.
 *
 * `ws` has no public place for this. Where its receiver is not what it is known to be, nothing is taken from it.
 */
export function takeShortcut(ws: WebSocket, deliver: Deliver): void {
  const receiver: unknown = Reflect.get(ws, '_receiver')
  if (typeof receiver !== 'object' || receiver === null) return
  const write: unknown = Reflect.get(receiver, 'write')
  if (typeof write !== 'function') return
  const rest: Write = (chunk) => Reflect.apply(write, receiver, [chunk]) === true
  const shortcut = new Shortcut(deliver, rest)
  Reflect.set(receiver, 'write', (chunk: Buffer) => shortcut.write(chunk))
}

class Shortcut {
  readonly #deliver: Deliver
  readonly #rest: Write
  /** The beginning of a frame's head. */
  #kept: Buffer | undefined
  /** Bytes still to come of a frame that `ws` has begun to read. */
  #missing = 0
  /** What came cannot be followed, or ends the connection: from there on all is left to `ws`. */
  #over = false

  constructor(deliver: Deliver, rest: Write) {
    this.#deliver = deliver
    this.#rest = rest
  }

  /** False when `ws` wants no more for now. */
  write(chunk: Buffer): boolean {
    if (this.#over) return this.#rest(chunk)
    const data = this.#kept ? Buffer.concat([this.#kept, chunk]) : chunk
    this.#kept = undefined
    let at = Math.min(this.#missing, data.length)
    this.#missing -= at
    /** Where that begins which `ws` has not been given yet. */
    let from = 0
    while (at < data.length) {
      const body = bodyAt(data, at)
      if (body === 0) {
        this.#kept = data.subarray(at)
        break
      }
      const end = body + lengthAt(data, at)
      const first = data[at]
      if (end <= data.length && (first === TEXT || first === BINARY) && isUnmasked(data, at)) {
        if (at > from) this.#rest(data.subarray(from, at))
        this.#deliver(data.subarray(body, end), first === BINARY)
        from = end
      } else this.#leave(data, at, end)
      at = Math.min(end, data.length)
      if (this.#over) at = data.length
    }
    return at > from ? this.#rest(data.subarray(from, at)) : true
  }

  /** Leaves a frame to `ws`. */
  #leave(data: Buffer, at: number, end: number): void {
    const first = data[at]
    const isPartial = first === TEXT || first === BINARY
    const isControl = (first === PING || first === PONG) && end - at <= 127
    this.#over = !(isPartial || isControl) || !isUnmasked(data, at)
    this.#missing = Math.max(0, end - data.length)
  }
}

/** Where the frame's payload begins, were it not masked; 0 when its head is not whole. */
function bodyAt(data: Buffer, at: number): number {
  if (at + 2 > data.length) return 0
  const short = (data[at + 1] ?? 0) & 0x7f
  const body = at + (short === 127 ? 10 : short === 126 ? 4 : 2)
  return body > data.length ? 0 : body
}

/** Of its payload. What is longer than a number can say is no message that `ws` takes. */
function lengthAt(data: Buffer, at: number): number {
  const short = (data[at + 1] ?? 0) & 0x7f
  if (short < 126) return short
  return short === 126 ? data.readUInt16BE(at + 2) : data.readUIntBE(at + 4, 6)
}

function isUnmasked(data: Buffer, at: number): boolean {
  return ((data[at + 1] ?? 0) & 0x80) === 0
}
