import type { Choice } from '../core/choice.ts'
import type { Judgement } from '../core/fault.ts'
import { Refusal } from '../core/refusal.ts'
import type { AttemptOutcome, Upstream } from '../ports.ts'
import { keysTrouble } from './no-seat.ts'
import { retryAfterMs } from './patience.ts'

/** How a turn ended. */
export interface TurnEnd {
  /** The message that ends it, not yet sent. */
  readonly last?: Uint8Array
  /** Upstream closed its socket first. */
  readonly closed?: { readonly code: number; readonly reason: string }
  /** Upstream said nothing for too long. */
  readonly timedOut?: boolean
  readonly clientLeft?: boolean
  readonly cut?: boolean
  /** Nothing is told of how it ended: the client begins it anew, elsewhere. */
  readonly moveOn?: boolean
  readonly begun?: boolean
}

/** The same in the ledger's words. */
export function endingOf(end: TurnEnd): 'complete' | 'upstream-broke' | 'timed-out' | 'client-left' | 'cut' {
  if (end.last) return 'complete'
  if (end.timedOut === true) return 'timed-out'
  if (end.clientLeft === true) return 'client-left'
  return end.closed ? 'upstream-broke' : 'cut'
}

/** A try that begins now. */
export function madeAt(upstream: Upstream, startedAt: number, chosen: Choice): AttemptOutcome {
  return {
    upstream: upstream.id,
    status: undefined,
    errorClass: undefined,
    sent: true,
    chosen,
    startedAt,
    durationMs: 0,
  }
}

/** No line could be had. */
export function unopened({ whoseTrouble, errorClass }: Judgement): Refusal {
  if (whoseTrouble === 'key') return keysTrouble()
  if (errorClass === 'model_not_found') {
    return new Refusal('model_not_found', 'OpenAI has no such model, or none that the gateway’s upstream keys may use.')
  }
  const why = `OpenAI could not be reached over WebSocket (${errorClass}).`
  return new Refusal('upstream_error', why, { retryAfterMs: retryAfterMs() })
}
