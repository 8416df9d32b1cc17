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

/**
 * One scripted behaviour, as plain JSON. The first group of fields says which calls it is for, the
 * rest what happens to them. Event numbers count from 1, so `afterEvents: 0` is right behind the
 * head; bytes are those of the body, without the framing of HTTP.
 */
export interface Fault {
  /** The exact path, such as `/v1/responses`. */
  readonly path?: string
  /** The model as the request names it. */
  readonly model?: string
  /** A key's name. */
  readonly key?: string
  /** How many calls it lets pass that it could have met. */
  readonly skip?: number
  /** How many calls it meets; 1 by default, null for all. */
  readonly times?: number | null

  /** Answers with this status instead of a model's answer. `body` that is a text is sent as it is, else as JSON. */
  readonly status?: number
  readonly body?: unknown
  /** Added to the head of whatever is answered, in place of its headers of the same name. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly headDelayMs?: number
  /** In place of the simulator's own pace. */
  readonly eventDelayMs?: number
  /** Resets the connection (RST): instead of a head, after so many events, or after so many bytes. */
  readonly reset?: 'before-head' | { readonly afterEvents: number } | { readonly afterBytes: number }
  /** Says nothing after that event for `ms`, or until the client leaves. */
  readonly stall?: { readonly afterEvents: number; readonly ms?: number }
  /** Sends this text (by default bytes which are neither UTF-8 nor events) after that event, then goes on. */
  readonly garbage?: { readonly afterEvents: number; readonly text?: string }
  /** Ends the body in good order after so many events: no terminal event unless it was among them. */
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

const AFTER: Readonly<Record<'afterEvents', Check>> = { afterEvents: whole(0) }

const FAULT: Shape = {
  fields: {
    path: text,
    model: text,
    key: text,
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
    garbage: shaped('fault.garbage', { fields: { ...AFTER, text }, required: ['afterEvents'] }),
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
  return fault
}

/** What a fault may be matched by. */
export interface Encounter {
  readonly path: string
  readonly model: string | undefined
  readonly key: string | undefined
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
  return (['path', 'model', 'key'] as const).every((by) => fault[by] === undefined || fault[by] === call[by])
}

/** The shape that has the one field which the value has. */
function oneOfTwo(value: unknown, one: Shape['fields'], other: Shape['fields']): Shape {
  const fields = Object.keys(other).some((field) => Object.hasOwn(Object(value), field)) ? other : one
  return { fields, required: Object.keys(fields) }
}
