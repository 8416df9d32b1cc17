import {
  anything,
  checkShape,
  either,
  flag,
  listOf,
  mapOf,
  oneOf,
  shaped,
  text,
  whole,
  type Check,
  type Shape,
} from './fields.ts'
import type { JsonObject } from './json.ts'

/**
 * One scripted behaviour, as plain JSON. The first group of fields says which calls it is for, the
 * rest what happens to them. Event numbers count from 1, so `afterEvents: 0` is right behind the
 * head; bytes are those of the body, without the framing of HTTP or WebSocket.
 *
 * Over WebSocket a call is one turn, and its connection goes on unless the fault ends it. Of a handshake
 * only `status`, `body`, `headers`, `headDelayMs`, `reset: 'before-head'` and `close` make sense.
 */
export interface Fault {
  /** The exact path, such as `/v1/responses`. */
  readonly path?: string
  /** The model as the request names it. */
  readonly model?: string
  /** A key's name. */
  readonly key?: string
  /**
   * HTTP requests, turns over WebSocket, WebSocket handshakes, or what an admin key reads (where only `status`, `body`,
   * `headers` and `reset: 'before-head'` make sense); by default requests and turns alone.
   */
  readonly on?: 'request' | 'turn' | 'handshake' | 'books'
  /** How many calls it lets pass that it could have met. */
  readonly skip?: number
  /** How many calls it meets; 1 by default, null for all. */
  readonly times?: number | null

  /**
   * Answers with this status instead of a model's answer. `body` that is a text is sent as it is, else as JSON.
   * A turn is answered with an error frame: status, the fields of `body` (a text is the error's message), `headers`.
   */
  readonly status?: number
  readonly body?: unknown
  /** Added to the head of whatever is answered, in place of its headers of the same name. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly headDelayMs?: number
  /** In place of the simulator's own pace. */
  readonly eventDelayMs?: number
  /** Resets the connection (RST): instead of a head or a first frame, after so many events, or after so many bytes. */
  readonly reset?: 'before-head' | { readonly afterEvents: number } | { readonly afterBytes: number }
  /** Says nothing after that event for `ms`, or until the client leaves. */
  readonly stall?: { readonly afterEvents: number; readonly ms?: number }
  /**
   * Sends this text (by default bytes which are neither UTF-8 nor events) after that event, then goes on.
   * Over WebSocket a text is a text frame and the bytes are a binary one; `raw` puts either on the wire unframed.
   */
  readonly garbage?: { readonly afterEvents: number; readonly text?: string; readonly raw?: boolean }
  /** WebSocket: one text frame of so many bytes, of the unknown type `simulator.giant`, after that event; then goes on. */
  readonly giant?: { readonly afterEvents: number; readonly bytes: number }
  /** WebSocket: sends this frame after so many events (0 by default). The turn ends with it unless it is to go on. */
  readonly frame?: { readonly json: JsonObject; readonly afterEvents?: number; readonly goOn?: boolean }
  /**
   * WebSocket: closes the connection after so many events, by default after the last one. Without a code the
   * close frame is empty, which the other end sees as 1005.
   */
  readonly close?: { readonly code?: number; readonly reason?: string; readonly afterEvents?: number }
  /**
   * Ends the body in good order after so many events: no terminal event unless it was among them.
   * Over WebSocket the connection is closed with 1000.
   */
  readonly endAfterEvents?: number
  readonly ending?: FaultEnding
  /** Leaves `usage` out of the terminal event. */
  readonly omitUsage?: boolean
  /** What the reply says in place of the true tier and model. The truth takes the tier too. */
  readonly serviceTier?: string
  readonly replyModel?: string
}

/** A generation that does not complete: what comes in place of the events after `afterEvents`, by default of the last. */
export interface FaultEnding {
  readonly type: 'response.failed' | 'response.incomplete' | 'error'
  readonly afterEvents?: number
  /** Of the error, or of `incomplete_details.reason`. */
  readonly code?: string
  readonly message?: string
  /** Whether it states usage. By default only `response.incomplete` does; a top-level error never can. */
  readonly usage?: boolean
}

/** Room for the type of a giant frame. */
const SMALLEST_GIANT_BYTES = 64

const AFTER: Readonly<Record<'afterEvents', Check>> = { afterEvents: whole(0) }

/** What a server may put into a close frame (RFC 6455, 7.4, and the IANA registry). */
const closeCode: Check = (value) => {
  const known = typeof value === 'number' && value >= 1000 && value <= 1014 && ![1004, 1005, 1006].includes(value)
  const own = typeof value === 'number' && value >= 3000 && value <= 4999
  return Number.isInteger(value) && (known || own)
    ? undefined
    : 'a close code that may be sent (1000, 1001, 1012, 4000, …)'
}

const closeReason: Check = (value) =>
  typeof value === 'string' && Buffer.byteLength(value) <= 123 ? undefined : 'a text of at most 123 bytes'

const FAULT: Shape = {
  fields: {
    path: text,
    model: text,
    key: text,
    on: oneOf('request', 'turn', 'handshake', 'books'),
    skip: whole(0),
    times: either(whole(1), oneOf(null)),
    status: whole(200, 599),
    body: anything,
    headers: mapOf('texts and lists of texts', either(text, listOf('texts', text))),
    headDelayMs: whole(0),
    eventDelayMs: whole(0),
    reset: either(oneOf('before-head'), (value) =>
      shaped('fault.reset', oneOfTwo(value, AFTER, { afterBytes: whole(0) }))(value),
    ),
    stall: shaped('fault.stall', { fields: { ...AFTER, ms: whole(0) }, required: ['afterEvents'] }),
    garbage: shaped('fault.garbage', { fields: { ...AFTER, text, raw: flag }, required: ['afterEvents'] }),
    giant: shaped('fault.giant', {
      fields: { ...AFTER, bytes: whole(SMALLEST_GIANT_BYTES) },
      required: ['afterEvents', 'bytes'],
    }),
    frame: shaped('fault.frame', {
      fields: { ...AFTER, json: mapOf('anything', anything), goOn: flag },
      required: ['json'],
    }),
    close: shaped('fault.close', { fields: { ...AFTER, code: closeCode, reason: closeReason } }),
    endAfterEvents: whole(0),
    ending: shaped('fault.ending', {
      fields: {
        ...AFTER,
        type: oneOf('response.failed', 'response.incomplete', 'error'),
        code: text,
        message: text,
        usage: flag,
      },
      required: ['type'],
    }),
    omitUsage: flag,
    serviceTier: text,
    replyModel: text,
  } satisfies Record<keyof Fault, Check>,
}

/** Reads a fault that came as JSON. Throws a TypeError that names the field which is wrong or unknown. */
export function checkFault(value: unknown): Fault {
  const fault: Fault = checkShape(value, 'fault', FAULT)
  if (fault.body !== undefined && fault.status === undefined) {
    throw new TypeError('fault.body needs fault.status: without one the answer is the model’s')
  }
  if (fault.close?.reason !== undefined && fault.close.code === undefined) {
    throw new TypeError('fault.close.reason needs fault.close.code')
  }
  return fault
}

/** The body that a fault answers with, and what it is. */
export function textOfBody({ body }: Fault): string {
  if (typeof body === 'string') return body
  return body === undefined ? '' : JSON.stringify(body)
}

export function typeOfBody({ body }: Fault): string {
  return typeof body === 'string' ? 'text/plain' : 'application/json'
}

/** What a fault may be matched by. */
export interface Encounter {
  readonly path: string
  readonly model: string | undefined
  readonly key: string | undefined
  /** `request` by default. */
  readonly on?: Fault['on']
}

/** The faults that wait for their calls, in the order in which they were scripted. */
export class FaultScript {
  #waiting: { readonly fault: Fault; skip: number; left: number }[] = []

  /** Throws a TypeError when the fault is not one. */
  add(fault: Fault): void {
    const { skip = 0, times = 1 } = checkFault(fault)
    this.#waiting.push({ fault, skip, left: times ?? Infinity })
  }

  /** The first fault that meets this call, which thereby uses it once. */
  meet(call: Encounter): Fault | undefined {
    for (const entry of this.#waiting) {
      if (!isFor(entry.fault, call)) continue
      if (entry.skip > 0) {
        entry.skip--
        continue
      }
      entry.left--
      if (entry.left === 0) this.#waiting = this.#waiting.filter((one) => one !== entry)
      return entry.fault
    }
    return undefined
  }

  clear(): void {
    this.#waiting = []
  }
}

function isFor(fault: Fault, call: Encounter): boolean {
  const on = call.on ?? 'request'
  if (fault.on === undefined ? on === 'handshake' || on === 'books' : fault.on !== on) return false
  return (['path', 'model', 'key'] as const).every((by) => fault[by] === undefined || fault[by] === call[by])
}

/** The shape that has the one field which the value has. */
function oneOfTwo(value: unknown, one: Shape['fields'], other: Shape['fields']): Shape {
  const fields = Object.keys(other).some((field) => Object.hasOwn(Object(value), field)) ? other : one
  return { fields, required: Object.keys(fields) }
}
