import type { Connection } from './connection.ts'
import type { WayOut } from './delivery.ts'
import type { Fault } from './faults.ts'
import { asObject, asText } from './json.ts'
import { GARBAGE, type ReplyHeaders } from './outlet.ts'
import { forEver, type Pace } from './pace.ts'
import type { CallRecord } from './truth.ts'

/** What an outlet for frames works with. */
export interface FrameOutletParts {
  readonly connection: Connection
  readonly record: CallRecord
  readonly fault: Fault | undefined
  readonly pace: Pace
}

const GIANT_HEAD = '{"type":"simulator.giant","padding":"'
const GIANT_TAIL = '"}'

/** Frames that end a turn, whoever sends them. */
const TERMINAL = ['error', 'response.completed', 'response.failed', 'response.incomplete', 'response.done']

/** The way out for one turn over WebSocket: does what its fault asks for and writes down what went out. */
export class FrameOutlet implements WayOut {
  readonly #connection: Connection
  readonly #record: CallRecord
  readonly #fault: Fault | undefined
  readonly #pace: Pace
  readonly #bytesUntilReset: number
  #bytes = 0
  #unsent = 0
  #partial = false
  /** Nothing more is to be said in this turn. */
  #done = false
  /** It was ended here, so it is nobody's loss when not all arrives. */
  #cut = false

  constructor({ connection, record, fault, pace }: FrameOutletParts) {
    this.#connection = connection
    this.#record = record
    this.#fault = fault
    this.#pace = pace
    const reset = fault?.reset
    this.#bytesUntilReset = typeof reset === 'object' && 'afterBytes' in reset ? reset.afterBytes : Infinity
    record.faulted = fault !== undefined
    this.left.addEventListener('abort', this.#closed)
    if (this.left.aborted) this.#closed()
  }

  get left(): AbortSignal {
    return this.#connection.gone
  }

  get over(): boolean {
    return this.#done || !this.#connection.open
  }

  get partial(): boolean {
    return this.#partial
  }

  get scripted(): boolean {
    return this.#fault !== undefined
  }

  /** Frames have no head of their own: the status is for the truth alone. */
  async begin(status: number, _headers: ReplyHeaders, delayMs: number): Promise<void> {
    if (delayMs > 0) await this.#pace.wait(delayMs, this.left)
    if (this.#fault?.reset === 'before-head') await this.#reset()
    if (this.over) return
    this.#record.status = status
    await this.after(0)
  }

  write(frame: string, sent?: () => void): boolean {
    if (this.over) return true
    const room = this.#bytesUntilReset - this.#bytes
    if (room !== Infinity && Buffer.byteLength(frame) >= room) return this.#writeUpTo(room, frame, sent)
    if (room !== Infinity) this.#bytes += Buffer.byteLength(frame)
    return this.#send(frame, sent)
  }

  drained(): Promise<void> {
    return this.#connection.drained()
  }

  async after(events: number): Promise<void> {
    const { stall, reset } = this.#fault ?? {}
    if (this.over) return
    await this.#intersperse(events)
    if (stall?.afterEvents === events) {
      await (stall.ms === undefined ? forEver(this.left) : this.#pace.wait(stall.ms, this.left))
    }
    if (this.over) return
    if (typeof reset === 'object' && 'afterEvents' in reset && reset.afterEvents === events) await this.#reset()
    this.#leaveAfter(events)
  }

  /** Ends the turn once everything that was written is on its way. */
  end(): void {
    if (this.#done) return
    const { close } = this.#fault ?? {}
    if (!this.#connection.open) this.#record.aborted = true
    else if (close !== undefined && close.afterEvents === undefined) this.#close(close.code, close.reason)
    this.#finish()
  }

  /** Sends a last frame from outside of the turn. */
  interrupt(frame: string): void {
    if (this.over) return
    this.#last(frame)
  }

  #send(frame: string | Buffer, sent?: () => void): boolean {
    this.#unsent++
    return this.#connection.send(frame, (error) => {
      this.#unsent--
      if (!error) sent?.()
      else if (!this.#cut) this.#record.aborted = true
      if (this.#done) this.#finish()
    })
  }

  /** A frame that breaks off where the connection is reset, if not before its first byte. */
  #writeUpTo(room: number, frame: string, sent?: () => void): boolean {
    const bytes = Buffer.from(frame)
    this.#bytes += bytes.length
    this.#partial = bytes.length > room
    if (!this.#partial) this.#send(frame, sent)
    else if (room > 0) this.#connection.sendRaw(Buffer.concat([frameHead(bytes.length), bytes.subarray(0, room)]))
    void this.#reset()
    return true
  }

  /** What comes between events and ends nothing. */
  async #intersperse(events: number): Promise<void> {
    const { garbage, giant } = this.#fault ?? {}
    if (garbage?.afterEvents === events) {
      const junk = garbage.text ?? GARBAGE
      if (garbage.raw === true) this.#connection.sendRaw(junk)
      else this.#send(junk)
    }
    if (giant?.afterEvents !== events) return
    this.#send(GIANT_HEAD + 'x'.repeat(giant.bytes - GIANT_HEAD.length - GIANT_TAIL.length) + GIANT_TAIL)
    await this.drained()
  }

  /** The endings that are polite. */
  #leaveAfter(events: number): void {
    const { frame, close, endAfterEvents } = this.#fault ?? {}
    if (this.over) return
    if (frame !== undefined && (frame.afterEvents ?? 0) === events) {
      const json = JSON.stringify(frame.json)
      if (frame.goOn === true) this.#send(json)
      else this.#last(json)
    }
    if (close?.afterEvents === events) this.#close(close.code, close.reason)
    else if (endAfterEvents === events) this.#close(1000)
  }

  #last(json: string): void {
    this.#cut = true
    const frame = asObject(JSON.parse(json))
    const type = asText(frame?.['type']) ?? ''
    if (typeof frame?.['status'] === 'number') this.#record.status = frame['status']
    this.#record.eventsSent++
    this.#send(json, () => {
      if (!TERMINAL.includes(type)) return
      const usage = asObject(frame?.['response'])?.['usage']
      Object.assign(this.#record, { terminal: true, terminalType: type, usageStated: asObject(usage) !== undefined })
    })
    this.#finish()
  }

  #close(code?: number, reason?: string): void {
    this.#cut = true
    this.#connection.close(code, reason)
    this.#finish()
  }

  async #reset(): Promise<void> {
    this.#cut = true
    this.#done = true
    await this.#connection.reset()
  }

  #finish(): void {
    this.#done = true
    if (this.#unsent > 0) return
    this.#record.endedAt ??= Date.now()
    this.left.removeEventListener('abort', this.#closed)
  }

  /** A turn which the client did not wait for, unless it was ended here. */
  readonly #closed = (): void => {
    if (!this.#cut) this.#record.aborted = true
    this.#record.endedAt ??= Date.now()
  }
}

/** The head of a text frame from a server: whole, and not masked (RFC 6455, 5.2). */
function frameHead(bytes: number): Buffer {
  if (bytes < 126) return Buffer.of(0x81, bytes)
  const head = Buffer.alloc(bytes < 65_536 ? 4 : 10)
  head[0] = 0x81
  head[1] = bytes < 65_536 ? 126 : 127
  if (bytes < 65_536) head.writeUInt16BE(bytes, 2)
  else head.writeBigUInt64BE(BigInt(bytes), 2)
  return head
}
