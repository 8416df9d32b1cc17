import type { ServerResponse } from 'node:http'
import type { WayOut } from './delivery.ts'
import type { Fault } from './faults.ts'
import { forEver, type Pace } from './pace.ts'
import { caughtUp, resetSocket } from './socket.ts'
import type { CallRecord } from './truth.ts'

/** Bytes which are neither UTF-8 nor the start of an event. */
export const GARBAGE: Buffer = Buffer.from('ff00fec0af0d80ff9f0a0afe', 'hex')

export type ReplyHeaders = Readonly<Record<string, string | readonly string[]>>

/** What an outlet works with. */
export interface OutletParts {
  readonly response: ServerResponse
  readonly record: CallRecord
  readonly fault: Fault | undefined
  readonly pace: Pace
}

/** The way out for one reply: does what the call's fault asks for and writes down what went out. */
export class Outlet implements WayOut {
  readonly #response: ServerResponse
  readonly #record: CallRecord
  readonly #fault: Fault | undefined
  readonly #pace: Pace
  readonly #left = new AbortController()
  readonly #bytesUntilReset: number
  #bytes = 0
  #cut = false
  #partial = false

  constructor({ response, record, fault, pace }: OutletParts) {
    this.#response = response
    this.#record = record
    this.#fault = fault
    this.#pace = pace
    const reset = fault?.reset
    this.#bytesUntilReset = typeof reset === 'object' && 'afterBytes' in reset ? reset.afterBytes : Infinity
    record.faulted = fault !== undefined
    response.on('close', () => this.#closed())
    if (response.destroyed) this.#closed()
  }

  /** Aborts when the connection is gone, whoever ended it. */
  get left(): AbortSignal {
    return this.#left.signal
  }

  /** Nothing more may be written. */
  get over(): boolean {
    return this.#cut || this.#left.signal.aborted
  }

  /** The last chunk went out in part only. */
  get partial(): boolean {
    return this.#partial
  }

  /** Whether something is to happen between events. */
  get scripted(): boolean {
    const { reset, stall, garbage, endAfterEvents } = this.#fault ?? {}
    return [reset, stall, garbage, endAfterEvents].some((act) => act !== undefined)
  }

  /** Sends the head, after its delay and unless the fault is against it. */
  async begin(status: number, headers: ReplyHeaders, delayMs: number): Promise<void> {
    if (delayMs > 0) await this.#pace.wait(delayMs, this.left)
    if (this.#fault?.reset === 'before-head') await this.#reset()
    if (this.over) return
    this.#record.status = status
    for (const [name, value] of Object.entries({ ...headers, ...this.#fault?.headers })) {
      this.#response.setHeader(name, value)
    }
    this.#response.writeHead(status)
    if (this.#fault === undefined) return
    this.#response.flushHeaders()
    await this.after(0)
  }

  /**
   * Sends a chunk. False when the client is behind: wait for `drained` before the next one.
   *
   * `sent` is called once the network has taken the whole chunk.
   */
  write(chunk: string | Buffer, sent?: () => void): boolean {
    if (this.over) return true
    const written = (error?: Error | null): void => {
      if (!error) sent?.()
    }
    if (this.#bytesUntilReset === Infinity) return this.#response.write(chunk, written)
    const bytes = Buffer.from(chunk)
    const room = this.#bytesUntilReset - this.#bytes
    this.#bytes += bytes.length
    if (bytes.length < room) return this.#response.write(bytes, written)
    this.#partial = bytes.length > room
    if (room > 0) this.#response.write(bytes.subarray(0, room), this.#partial ? undefined : written)
    void this.#reset()
    return true
  }

  async drained(): Promise<void> {
    if (this.over || !this.#response.writableNeedDrain) return
    await caughtUp(this.#response, this.left)
  }

  /** Does what the fault asks for after that many events. */
  async after(events: number): Promise<void> {
    const { stall, garbage, endAfterEvents, reset } = this.#fault ?? {}
    if (garbage?.afterEvents === events) this.write(garbage.text ?? GARBAGE)
    if (stall?.afterEvents === events) await this.#stall(stall.ms)
    if (this.over) return
    if (typeof reset === 'object' && 'afterEvents' in reset && reset.afterEvents === events) await this.#reset()
    if (endAfterEvents === events) {
      this.#cut = true
      this.#response.end()
    }
  }

  end(): void {
    if (!this.over) this.#response.end()
  }

  async #stall(ms: number | undefined): Promise<void> {
    await (ms === undefined ? forEver(this.left) : this.#pace.wait(ms, this.left))
  }

  async #reset(): Promise<void> {
    this.#cut = true
    // A response that waits behind another one on its connection has no socket yet; its request has.
    await resetSocket(this.#response.req.socket)
  }

  #closed(): void {
    if (!this.#cut && !this.#response.writableFinished) this.#record.aborted = true
    this.#record.endedAt ??= Date.now()
    this.#left.abort()
  }
}
