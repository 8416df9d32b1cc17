import type { Socket as Connection } from 'node:net'

/** Longer batches are written as they are, for a copy of them would cost more than further writes. */
const MOST_JOINED_BYTES = 65_536

const FINAL = 0x80
const TEXT = 1
const BINARY = 2

interface Message {
  readonly payload: Uint8Array
  readonly binary: boolean
}

/**
 * Sends messages the way a server does: each in one frame, unmasked (RFC 6455, 5.2). What is said in one turn of the
 * event loop leaves in one write: an answer at full speed comes many messages at a time, and a write costs more than
 * all else that is done for a message.
 */
export class Outlet {
  readonly #connection: Connection
  #messages: Message[] = []
  #bytes = 0

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** What has not been handed to the connection yet. */
  get bytes(): number {
    return this.#bytes
  }

  put(data: Uint8Array | string, binary: boolean): void {
    if (this.#messages.length === 0) process.nextTick(flush, this)
    const payload = typeof data === 'string' ? Buffer.from(data) : data
    this.#messages.push({ payload, binary })
    this.#bytes += headBytes(payload) + payload.length
  }

  /** At once: something follows that goes another way. */
  flush(): void {
    const [messages, bytes] = [this.#messages, this.#bytes]
    if (messages.length === 0) return
    this.#messages = []
    this.#bytes = 0
    if (!this.#connection.writable) return
    if (bytes > MOST_JOINED_BYTES) this.#writeEach(messages)
    else this.#connection.write(joined(messages, bytes))
  }

  #writeEach(messages: readonly Message[]): void {
    this.#connection.cork()
    for (const message of messages) {
      const head = Buffer.allocUnsafe(headBytes(message.payload))
      writeHead(head, 0, message)
      this.#connection.write(head)
      this.#connection.write(message.payload)
    }
    this.#connection.uncork()
  }
}

function flush(outlet: Outlet): void {
  outlet.flush()
}

function joined(messages: readonly Message[], bytes: number): Buffer {
  const whole = Buffer.allocUnsafe(bytes)
  let at = 0
  for (const message of messages) {
    at = writeHead(whole, at, message)
    whole.set(message.payload, at)
    at += message.payload.length
  }
  return whole
}

function headBytes({ length }: Uint8Array): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10
}

/** Where the payload begins. */
function writeHead(target: Buffer, at: number, { payload: { length }, binary }: Message): number {
  target[at] = FINAL | (binary ? BINARY : TEXT)
  if (length < 126) {
    target[at + 1] = length
    return at + 2
  }
  if (length < 65_536) {
    target[at + 1] = 126
    return target.writeUInt16BE(length, at + 2)
  }
  target[at + 1] = 127
  target.writeUInt16BE(0, at + 2)
  return target.writeUIntBE(length, at + 4, 6)
}
