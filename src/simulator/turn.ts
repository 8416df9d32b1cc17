import type { Delivery } from './delivery.ts'
import type { Intake } from './engine.ts'
import type { ModelEvent } from './events.ts'
import type { Fault } from './faults.ts'
import type { JsonObject } from './json.ts'
import type { NamedKey } from './keys.ts'
import type { ReplyHeaders } from './outlet.ts'
import { recordInput, type CallRecord } from './truth.ts'

/** What a model is asked, by whom. */
export interface ModelCall {
  readonly key: NamedKey
  readonly body: JsonObject
  readonly record: CallRecord
  readonly fault: Fault | undefined
}

/** One call of an endpoint that runs a model, authenticated and read. */
export interface Turn extends ModelCall {
  readonly delivery: Delivery
  /** A request header, by its name in lower case. */
  header(name: string): string | undefined
  /** The head of a reply of this type, as it stands now. */
  head(contentType: string): ReplyHeaders
}

/** What the reply states about itself, after the fault has had its say. */
export interface Stated {
  readonly model: string
  readonly serviceTier: string
}

export const EVENT_STREAM = 'text/event-stream; charset=utf-8'
export const JSON_BODY = 'application/json'

/** Writes down that the model has taken the call up under this response id. */
export function taken({ record, fault }: ModelCall, id: string, intake: Intake): Stated {
  const { model, serviceTier } = intake
  const stated = {
    model: fault?.replyModel ?? model.snapshot ?? model.id,
    serviceTier: fault?.serviceTier ?? serviceTier,
  }
  record.id = id
  record.serviceTier = stated.serviceTier
  recordInput(record, intake.inputTokens, intake.cache)
  return stated
}

/** An event as Server-Sent Events frame it. */
export function eventFrame(event: ModelEvent): string {
  return `event: ${event.type}\ndata: ${event.json}\n\n`
}
