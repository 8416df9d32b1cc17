import { classInBand, type FaultClass } from './fault-class.ts'
import { SPACE } from './ascii.ts'
import { EVENT, interestOf, matches, nothing, readEvent, type Metered } from './event.ts'
import type { HeaderList } from './headers.ts'
import { JsonScanner } from './scan.ts'

/** What a message of upstream's is to the turn at hand. */
export type FrameKind =
  /** Limits of the administrator's account. */
  | 'limits'
  | 'event'
  /** The last of the turn. */
  | 'terminal'

/** Reads the messages of one turn over a WebSocket: each is one event, whole. Throws nothing, whatever they hold. */
export class FrameMeter {
  readonly metered: Metered = nothing()
  readonly #isOld: (response: string) => boolean
  readonly #isExpected: () => boolean

  /** `isOld` tells responses of turns before; `isExpected`, whether an error may be about something else that the client sent. */
  constructor(isOld: (response: string) => boolean = () => false, isExpected: () => boolean = () => false) {
    this.#isOld = isOld
    this.#isExpected = isExpected
  }

  /** Of an error frame. */
  status: number | undefined
  headers: HeaderList = []

  feed(frame: Uint8Array): FrameKind {
    this.metered.bytes += frame.length
    const interest = interestOf(frame, 0, frame.length)
    if (interest === 'delta') this.metered.outputBytes += frame.length
    if (interest !== 'read') return beginsLimits(frame) ? 'limits' : 'event'
    return this.#read(frame)
  }

  #read(frame: Uint8Array): FrameKind {
    const fields = new Map<string, unknown>()
    const scanner = new JsonScanner(EVENT, (place, value) => fields.set(place, value))
    scanner.feed(frame)
    if (!scanner.end()) return 'event'
    if (fields.get('type') === LIMITS) return 'limits'
    const own = this.metered.responseId
    const id = fields.get('response.id')
    // Whatever else interleaves is not this turn's.
    if (typeof id === 'string' && (own === undefined ? this.#isOld(id) : id !== own)) return 'event'
    if (own !== undefined && isOfCallers(fields) && this.#isExpected()) return 'event'
    readEvent(this.metered, fields)
    if (fields.get('type') === 'error') this.#readError(fields)
    return this.metered.terminal === undefined ? 'event' : 'terminal'
  }

  #readError(fields: ReadonlyMap<string, unknown>): void {
    const status = fields.get('status') ?? fields.get('status_code')
    this.status = typeof status === 'number' ? status : undefined
    const headers = fields.get('headers')
    if (typeof headers !== 'object' || headers === null) return
    this.headers = Object.entries(headers).flatMap(([name, value]) =>
      typeof value === 'string' || typeof value === 'number' ? [name, String(value)] : [],
    )
  }
}

/** Whether it is an error that only a caller can cause: once an answer has begun, what else the caller sent may be at fault. */
function isOfCallers(fields: ReadonlyMap<string, unknown>): boolean {
  if (fields.get('type') !== 'error') return false
  const metered = nothing()
  readEvent(metered, fields)
  const { code, type, message } = metered.error ?? {}
  const status = fields.get('status')
  const words = { errorCode: code, errorType: type, errorMessage: message }
  return OF_CALLERS.has(classInBand(typeof status === 'number' ? status : undefined, words))
}

const OF_CALLERS: ReadonlySet<FaultClass> = new Set<FaultClass>(['bad_request', 'previous_response'])

const LIMITS = 'codex.rate_limits'
const LIMITS_NAME = new TextEncoder().encode(LIMITS)
const LIMITS_FIRST = new TextEncoder().encode(`{"type":"${LIMITS}"`)
/** No such message is as large. */
const MOST_LIMITS_BYTES = 65_536

/** Whether a message states the limits of the administrator's account; it may do so between turns too. */
export function isLimits(frame: Uint8Array): boolean {
  if (frame.length >= MOST_LIMITS_BYTES || !contains(frame, LIMITS_NAME)) return false
  let type: unknown
  const scanner = new JsonScanner({ type: 'value' }, (_place, value) => (type = value))
  scanner.feed(frame)
  return scanner.end() && type === LIMITS
}

/** The same of a message whose type stands first, written as short as can be. */
function beginsLimits(frame: Uint8Array): boolean {
  return matches(frame, frame[0] === SPACE ? 1 : 0, LIMITS_FIRST)
}

function contains(frame: Uint8Array, text: Uint8Array): boolean {
  const [first = 0] = text
  for (let at = frame.indexOf(first); at !== -1; at = frame.indexOf(first, at + 1)) {
    if (matches(frame, at, text)) return true
  }
  return false
}
