import { once } from 'node:events'
import type { Socket } from 'node:net'
import { randomBytes, randomUUID } from 'node:crypto'
import { FrameReader, frameOf, OPCODE } from './frames.ts'
import { handshakeBytes, turnText } from './requests.ts'
import { ages } from './stamp.ts'
import type { Tally } from './tally.ts'

const ANSWER_WITHIN_MS = 30_000
const TERMINAL = Buffer.from('{"type":"response.completed"')
/** What the gateway adds of its own. */
const LIMITS = Buffer.from('{"type":"codex.rate_limits"')
const PONG = frameOf(OPCODE.pong, Buffer.alloc(0), Buffer.alloc(4))

export interface Turns {
  readonly tally: Tally
  /** No turn is begun behind this instant, but the first. */
  readonly deadline: number
  readonly answerBytes: number
  readonly stamped: boolean
}

/** A client's WebSocket: it sends prebuilt frames, and reads no more of what comes than it takes to know that it is right. */
export class BenchSocket {
  readonly #connection: Socket
  readonly #reader: FrameReader
  readonly #turn: Buffer
  /** What the frames of the turn at hand have carried so far. */
  #bytes = 0
  #whole = false
  #turning: { readonly data: (chunk: Buffer) => void; readonly failed: (cause: Error) => void } | undefined

  private constructor(connection: Socket, turn: Buffer) {
    this.#connection = connection
    this.#turn = turn
    this.#reader = new FrameReader((opcode, bytes, beginning) => this.#frame(opcode, bytes, beginning))
    connection.on('data', (chunk: Buffer) => {
      this.#reader.feed(chunk)
      this.#turning?.data(chunk)
    })
    connection.on('error', (cause) => this.#turning?.failed(cause))
    connection.on('close', () => this.#turning?.failed(new Error('the socket was closed in the middle of a turn')))
  }

  /** Rejects when the handshake is answered with anything but 101. */
  static async open(connection: Socket, key: string, bodyBytes: number): Promise<BenchSocket> {
    await once(connection, 'connect')
    const thread = randomUUID()
    connection.write(handshakeBytes(key, thread))
    const [head] = (await once(connection, 'data')) as [Buffer]
    const text = head.toString('latin1')
    if (!text.startsWith('HTTP/1.1 101 ') || !text.endsWith('\r\n\r\n')) throw new Error(`no handshake:\n${text}`)
    const turn = bodyBytes === 0 ? Buffer.alloc(0) : Buffer.from(turnText(thread, bodyBytes))
    return new BenchSocket(connection, frameOf(OPCODE.text, turn, randomBytes(4)))
  }

  get isOpen(): boolean {
    return !this.#connection.destroyed
  }

  /** Makes turns, each behind the one before, until the time is over. */
  async turns({ tally, deadline, answerBytes, stamped }: Turns): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    let sentAt = 0
    let firstAt = 0
    const send = (): void => {
      this.#bytes = 0
      this.#whole = false
      firstAt = 0
      tally.began()
      sentAt = performance.now()
      this.#connection.write(this.#turn)
    }
    const data = (chunk: Buffer): void => {
      const now = performance.now()
      if (firstAt === 0 && this.#bytes > 0) firstAt = now
      if (stamped) tally.events(ages(chunk))
      if (!this.#whole) return
      if (this.#bytes !== answerBytes) {
        return reject(new Error(`a wrong answer: ${this.#bytes} bytes instead of ${answerBytes}`))
      }
      tally.answered(sentAt, firstAt, now)
      if (now < deadline) send()
      else resolve()
    }
    this.#turning = { data, failed: reject }
    this.#connection.setTimeout(ANSWER_WITHIN_MS, () => reject(new Error(`no byte for ${ANSWER_WITHIN_MS / 1000} s`)))
    send()
    try {
      await promise
    } finally {
      this.#turning = undefined
      this.#connection.setTimeout(0)
    }
  }

  async close(): Promise<void> {
    if (this.#connection.destroyed) return
    const closed = once(this.#connection, 'close')
    this.#connection.destroy()
    await closed
  }

  #frame(opcode: number, bytes: number, beginning: Buffer): void {
    if (opcode === OPCODE.ping) this.#connection.write(PONG)
    if (opcode !== OPCODE.text || beginning.subarray(0, LIMITS.length).equals(LIMITS)) return
    this.#bytes += bytes
    this.#whole = beginning.equals(TERMINAL)
  }
}
