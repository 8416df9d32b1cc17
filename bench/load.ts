/** A process of its own: sends prebuilt requests over kept-alive sockets and times the answers. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { sharedMicros, STAMP_DIGITS, STAMP_MARK } from './answers.ts'
import { percentile } from './figures.ts'
import { AnswerReader } from './reader.ts'
import { requestBytes, type RequestKind } from './requests.ts'

export interface LoadOrder {
  readonly port: number
  readonly key: string
  readonly request: RequestKind
  readonly connections: number
  /** Every connection asks again and again for so long; 0: each asks once. */
  readonly durationMs: number
  /** The connections' first requests are spread over so long. */
  readonly rampMs: number
  /** What a right answer's body has. */
  readonly answerBytes: number
  /** Whether events carry the instant at which they were sent. */
  readonly stamped: boolean
}

/** Times in microseconds. */
export interface Spread {
  readonly p50: number
  readonly p99: number
}

export interface LoadReport {
  readonly requests: number
  readonly seconds: number
  /** To the first byte of an answer's body: a head alone tells nobody anything. */
  readonly firstByte: Spread
  readonly total: Spread
  /** From an event's leaving upstream to its arrival here; undefined where events carry no stamp. */
  readonly event: Spread | undefined
  readonly mostAtOnce: number
}

const ANSWER_WITHIN_MS = 30_000

class Round {
  readonly #order: LoadOrder
  readonly #firstBytes: number[] = []
  readonly #totals: number[] = []
  readonly #events: number[] = []
  #running = 0
  #mostAtOnce = 0
  #deadline = 0

  constructor(order: LoadOrder) {
    this.#order = order
  }

  async run(): Promise<LoadReport> {
    const { connections, durationMs, rampMs } = this.#order
    const sockets = await Promise.all(Array.from({ length: connections }, () => this.#connected()))
    const from = performance.now()
    this.#deadline = from + durationMs
    await Promise.all(sockets.map((socket, index) => this.#later(socket, (rampMs * index) / connections)))
    const seconds = (performance.now() - from) / 1000
    for (const socket of sockets) socket.destroy()
    return {
      requests: this.#totals.length,
      seconds,
      firstByte: spreadOf(this.#firstBytes),
      total: spreadOf(this.#totals),
      event: this.#events.length === 0 ? undefined : spreadOf(this.#events),
      mostAtOnce: this.#mostAtOnce,
    }
  }

  async #connected(): Promise<Socket> {
    const socket = connect({ port: this.#order.port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return socket
  }

  async #later(socket: Socket, delayMs: number): Promise<void> {
    const request = requestBytes(this.#order.key, this.#order.request)
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
    await this.#drive(socket, request)
  }

  /** Asks on one connection until the time is over. */
  #drive(socket: Socket, request: Buffer): Promise<void> {
    const reader = new AnswerReader()
    let sentAt = 0
    let firstAt = 0
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const send = (): void => {
      reader.reset()
      firstAt = 0
      this.#mostAtOnce = Math.max(this.#mostAtOnce, ++this.#running)
      sentAt = performance.now()
      socket.write(request)
    }
    const answered = (now: number): void => {
      this.#running--
      const problem = this.#problemOf(reader)
      if (problem !== undefined) return reject(new Error(problem))
      this.#firstBytes.push((firstAt - sentAt) * 1000)
      this.#totals.push((now - sentAt) * 1000)
      if (now < this.#deadline) send()
      else resolve()
    }
    socket.setTimeout(ANSWER_WITHIN_MS, () => reject(new Error(`no byte for ${ANSWER_WITHIN_MS / 1000} s`)))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the connection was closed in the middle of an answer')))
    socket.on('data', (chunk: Buffer) => {
      const now = performance.now()
      try {
        const whole = reader.feed(chunk)
        if (firstAt === 0 && reader.bodyBytes > 0) firstAt = now
        if (this.#order.stamped) this.#readStamps(chunk)
        if (whole) answered(now)
      } catch (cause) {
        reject(cause)
      }
    })
    send()
    return promise
  }

  #problemOf({ status, bodyBytes }: AnswerReader): string | undefined {
    const { answerBytes } = this.#order
    if (status === 200 && bodyBytes === answerBytes) return undefined
    return `a wrong answer: status ${status} with ${bodyBytes} bytes, instead of 200 with ${answerBytes}`
  }

  /** A stamp that is cut between two chunks is left out. */
  #readStamps(chunk: Buffer): void {
    const now = sharedMicros()
    for (let mark = chunk.indexOf(STAMP_MARK); mark !== -1; mark = chunk.indexOf(STAMP_MARK, mark + 1)) {
      const from = mark + STAMP_MARK.length
      if (from + STAMP_DIGITS > chunk.length) return
      this.#events.push(now - Number(chunk.toString('latin1', from, from + STAMP_DIGITS)))
    }
  }
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).toSorted()
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) }
}

process.on('message', (order: LoadOrder) => {
  new Round(order).run().then(
    (report) => process.send?.({ report }),
    (cause: unknown) => process.send?.({ problem: String(cause) }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })
