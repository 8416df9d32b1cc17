import { EVENT, isOfNoInterest, nothing, readEvent, type Metered } from './event.ts'
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
  /** Of an error frame. */
  status: number | undefined
  headers: HeaderList = []

  feed(frame: Uint8Array): FrameKind {
    this.metered.bytes += frame.length
    if (isOfNoInterest(frame, 0, frame.length)) return isLimits(frame) ? 'limits' : 'event'
    const fields = new Map<string, unknown>()
    const scanner = new JsonScanner(EVENT, (place, value) => fields.set(place, value))
    scanner.feed(frame)
    if (!scanner.end()) return 'event'
    if (fields.get('type') === LIMITS) return 'limits'
    const own = this.metered.responseId
    const id = fields.get('response.id')
    // Whatever else interleaves is not this turn's.
    if (own !== undefined && typeof id === 'string' && id !== own) return 'event'
    readEvent(this.metered, fields)
    if (fields.get('type') === 'error') this.#readError(fields)
    return this.metered.terminal === undefined ? 'event' : 'terminal'
  }

  #readError(fields: ReadonlyMap<string, unknown>): void {
    const status = fields.get('status') ?? fields.get('status_code')
    this.status = typeof status === 'number' ? status : undefined
    const headers = fields.get('headers')
    if (typeof headers !== 'object' || headers === null) return
    this.headers = Object.entries(headers).flatMap(([name, value]) => [name, String(value)])
  }
}

const LIMITS = 'codex.rate_limits'
const LIMITS_FIRST = new TextEncoder().encode(`{"type":"${LIMITS}"`)

/** Whether a message states the limits of the administrator's account; it may do so between turns too. */
export function isLimits(frame: Uint8Array): boolean {
  return frame.length >= LIMITS_FIRST.length && LIMITS_FIRST.every((byte, i) => frame[i] === byte)
}
