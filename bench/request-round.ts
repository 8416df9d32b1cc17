import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { RequestOrder } from './load-order.ts'
import { AnswerReader } from './reader.ts'
import { requestBytes } from './requests.ts'
import { ages } from './stamp.ts'
import { Tally, type LoadReport } from './tally.ts'

const ANSWER_WITHIN_MS = 30_000

/** Sends prebuilt requests over kept-alive sockets and times the answers. Throws when one is not right. */
export class RequestRound {
  readonly #order: RequestOrder
  #tally = new Tally()
  #deadline = 0

  constructor(order: RequestOrder) {
    this.#order = order
  }

  async run(): Promise<LoadReport> {
    const { connections, durationMs, rampMs } = this.#order
    const sockets = await Promise.all(Array.from({ length: connections }, () => this.#connected()))
    this.#tally = new Tally()
    this.#deadline = performance.now() + durationMs
    await Promise.all(sockets.map((socket, index) => this.#later(socket, (rampMs * index) / connections)))
    const report = this.#tally.report()
    for (const socket of sockets) socket.destroy()
    return report
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
      this.#tally.began()
      sentAt = performance.now()
      socket.write(request)
    }
    const answered = (now: number): void => {
      const problem = this.#problemOf(reader)
      if (problem !== undefined) return reject(new Error(problem))
      this.#tally.answered(sentAt, firstAt, now)
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
        if (this.#order.stamped) this.#tally.events(ages(chunk))
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
}
