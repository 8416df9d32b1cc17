import type { ModelEvent } from './events.ts'
import type { Fault } from './faults.ts'
import type { ReplyHeaders } from './outlet.ts'
import type { Pace } from './pace.ts'
import type { Settings } from './options.ts'
import { countOutput, type CallRecord } from './truth.ts'

/** The way out for one answer, over HTTP or WebSocket. */
export interface WayOut {
  /** Aborts when the connection is gone, whoever ended it. */
  readonly left: AbortSignal
  /** Nothing more may be written. */
  readonly over: boolean
  /** The last chunk went out in part only. */
  readonly partial: boolean
  /** Whether something is to happen between events. */
  readonly scripted: boolean
  begin(status: number, headers: ReplyHeaders, delayMs: number): Promise<void>
  /** Sends a chunk, and calls `sent` once the network has taken all of it. False: wait for `drained`. */
  write(chunk: string, sent?: () => void): boolean
  drained(): Promise<void>
  /** Does what is scripted to happen after that many events. */
  after(events: number): Promise<void>
  end(): void
}

/** A reply's parts, whichever form it takes. */
export interface Reply {
  /** 200 by default. */
  readonly status?: number
  readonly headers: ReplyHeaders
  readonly events: Iterable<ModelEvent>
}

/** Brings the events of one answer to the client, in their time. */
export class Delivery {
  readonly #outlet: WayOut
  readonly #record: CallRecord
  readonly #pace: Pace
  readonly #headDelayMs: number
  readonly #eventDelayMs: number
  readonly #tokenMs: number

  constructor(outlet: WayOut, record: CallRecord, tempo: { pace: Pace; settings: Settings; fault: Fault | undefined }) {
    const { pace, settings, fault } = tempo
    this.#outlet = outlet
    this.#record = record
    this.#pace = pace
    this.#headDelayMs = fault?.headDelayMs ?? settings.headDelayMs
    this.#eventDelayMs = fault?.eventDelayMs ?? settings.eventDelayMs
    this.#tokenMs = 1000 / settings.tokensPerSecond
  }

  /** Sends a body that is there already: an error, a list, a scripted answer. */
  async body(status: number, headers: ReplyHeaders, body: string): Promise<void> {
    await this.#outlet.begin(status, headers, this.#headDelayMs)
    await this.#whole(body)
  }

  /** Sends each event as it is generated, one write for each. */
  async stream({ status = 200, headers, events }: Reply, frame: (event: ModelEvent) => string): Promise<void> {
    const outlet = this.#outlet
    await outlet.begin(status, headers, this.#headDelayMs)
    const put = (event: ModelEvent): boolean => {
      const sent = event.terminal ? (): void => this.#terminated(event.type, event.usageStated) : undefined
      const keepsUp = outlet.write(frame(event), sent)
      if (!outlet.partial) this.#record.eventsSent++
      return keepsUp
    }
    await this.#generate(events, put, outlet.scripted ? (count) => outlet.after(count) : undefined)
    outlet.end()
  }

  /** Generates everything, then sends the one body. */
  async unary({ headers, events }: Reply, body: (last: ModelEvent) => string): Promise<void> {
    let last: ModelEvent | undefined
    await this.#generate(events, (event) => {
      last = event
      return true
    })
    if (last === undefined || !last.terminal) return
    await this.#outlet.begin(200, headers, this.#headDelayMs)
    await this.#whole(body(last), last.usageStated)
  }

  async #whole(body: string, usageStated: boolean = false): Promise<void> {
    if (this.#outlet.over) return
    this.#outlet.write(body, () => this.#terminated('body', usageStated))
    await this.#outlet.after(1)
    this.#outlet.end()
  }

  /** Takes event after event for as long as somebody listens; `put` answers false to be waited for, and `after` follows. */
  async #generate(
    events: Iterable<ModelEvent>,
    put: (event: ModelEvent) => boolean,
    after?: (count: number) => Promise<void>,
  ): Promise<void> {
    const [outlet, record] = [this.#outlet, this.#record]
    let [due, sent] = [performance.now(), 0]
    if (outlet.over) return
    for (const event of events) {
      const takesMs = Math.max(sent === 0 ? 0 : this.#eventDelayMs, event.outputTokens * this.#tokenMs)
      if (takesMs > 0) {
        due = Math.max(due + takesMs, performance.now())
        await this.#pace.wait(due - performance.now(), outlet.left)
      }
      if (outlet.over) return
      record.outputTokens += event.outputTokens
      if (event.failed === true) record.failed = true
      record.reasoningTokens += event.reasoningTokens
      if (event.realtime !== undefined && record.realtime !== undefined) countOutput(record.realtime, event.realtime)
      const keepsUp = put(event)
      sent++
      if (!keepsUp) await outlet.drained()
      if (after !== undefined) await after(sent)
      if (outlet.over) return
    }
  }

  #terminated(type: string, usageStated: boolean): void {
    this.#record.terminal = true
    this.#record.terminalType = type
    this.#record.usageStated = usageStated
  }
}
