import { randomUUID } from 'node:crypto'
import { Refusal } from '../core/refusal.ts'
import { RefusedCallError } from '../gateway/refused.ts'
import type { Clock, Log, Metrics } from '../ports.ts'
import { answerTo, frameTo, realtimeEventTo, type Answer, type AnswerContext } from './refuse.ts'

/** What answers depend on. */
export interface Answering {
  readonly contact: string
  readonly log: Log
  readonly metrics: Pick<Metrics, 'refused'>
  readonly now: Clock
}

/** What whoever was refused, by whatever went wrong, is answered. */
export function answerFor(cause: unknown, answering: Answering): Answer {
  const { refusal, context } = explain(cause, answering)
  const answer = answerTo(refusal, context)
  return { ...answer, headers: answer.headers.map(headerText) }
}

/** The same as a message of a WebSocket. */
export function frameFor(cause: unknown, answering: Answering): string {
  const { refusal, context } = explain(cause, answering)
  return frameTo(refusal, context)
}

/** The same as an event of a realtime session. */
export function realtimeEventFor(cause: unknown, event: string | undefined, answering: Answering): string {
  const { refusal, context } = explain(cause, answering)
  return realtimeEventTo(refusal, context, event)
}

interface Explained {
  readonly refusal: Refusal
  readonly context: AnswerContext
}

/** Every refusal comes by here once, whatever words it leaves in. */
function explain(cause: unknown, answering: Answering): Explained {
  const explained = explainedBy(cause, answering)
  answering.metrics.refused(explained.refusal.code)
  return explained
}

function explainedBy(cause: unknown, { contact, log, now }: Answering): Explained {
  if (cause instanceof RefusedCallError) {
    const { refusal, native, requestId, model, standing } = cause
    return { refusal, context: { native, requestId, model, standing, contact, now: now() } }
  }
  const context = { native: false, requestId: randomUUID(), model: undefined, contact, now: now() }
  if (cause instanceof Refusal) return { refusal: cause, context }
  log.error('call failed', { cause: stackOf(cause) })
  const refusal = new Refusal('internal_error', 'The gateway failed; your admin finds the reason in its log.')
  return { refusal, context }
}

/** Headers are bytes: text beyond ASCII travels as UTF-8. */
function headerText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** What an error says to whoever reads the log. */
export function stackOf(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
}
