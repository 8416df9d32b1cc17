import { limitHeaders } from '../core/limits.ts'
import { REFUSAL_STATUS, type Refusal, type RefusalCode } from '../core/refusal.ts'
import type { Standing } from '../ports.ts'
import type { EpochMs } from '../core/units.ts'

/** A whole answer of the gateway's own. */
export interface Answer {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: string
}

/** Who reads the answer, and what it is about. */
export interface AnswerContext {
  /** A Codex turn, which shows `response.failed` better than any HTTP error. */
  readonly native: boolean
  readonly requestId: string
  readonly model: string | undefined
  /** The windows of the member who asked, if any is limited. */
  readonly standing?: Standing | undefined
  /** What a member may do about a spent quota; no final dot, for Codex goes on with ", or try again at …". */
  readonly contact: string
  readonly now: EpochMs
}

/** The `type` of each refusal in OpenAI's error shape. */
const TYPE: Readonly<Record<RefusalCode, string>> = {
  unauthorized: 'authentication_error',
  forbidden: 'permission_error',
  codex_only: 'permission_error',
  model_not_allowed: 'permission_error',
  model_not_found: 'invalid_request_error',
  invalid_request: 'invalid_request_error',
  previous_response_not_found: 'invalid_request_error',
  not_found: 'invalid_request_error',
  method_not_allowed: 'invalid_request_error',
  upgrade_refused: 'invalid_request_error',
  member_5h_quota_exceeded: 'usage_limit_reached',
  member_daily_quota_exceeded: 'usage_limit_reached',
  member_weekly_quota_exceeded: 'usage_limit_reached',
  member_monthly_quota_exceeded: 'usage_limit_reached',
  concurrency_limit_exceeded: 'rate_limit_error',
  ledger_unavailable: 'server_error',
  no_upstream: 'server_error',
  upstream_error: 'server_error',
  upstream_timeout: 'server_error',
  draining: 'server_error',
  internal_error: 'server_error',
}

/** Refusals that a Codex turn gets as the same HTTP answer as everybody: it reads them well, or has no better word. */
const SAME_FOR_CODEX: ReadonlySet<RefusalCode> = new Set([
  'unauthorized',
  'forbidden',
  'codex_only',
  'not_found',
  'method_not_allowed',
  'upgrade_refused',
  'draining',
])

/**
 * Turns a refusal into the answer that its reader understands best (measured on codex-cli 0.60 to 0.169).
 *
 * A Codex turn retries most HTTP errors up to thirty times and shows their raw text; a `response.failed` inside a 200
 * is waited for (`rate_limit_exceeded`, with the seconds in its text) or shown as a clean sentence (`invalid_prompt`).
 */
export function answerTo(refusal: Refusal, context: AnswerContext): Answer {
  if (refusal.detail.window) return quotaSpent(refusal, context)
  if (!context.native || SAME_FOR_CODEX.has(refusal.code)) return plain(refusal, context)
  if (refusal.code === 'invalid_request' || refusal.code === 'previous_response_not_found') {
    return { status: 400, headers: headersOf(refusal, context, 'text/plain; charset=utf-8'), body: refusal.message }
  }
  return failed(refusal, context)
}

/**
 * The same as a message of a WebSocket: the event `response.failed` where Codex reads that best, else an error frame,
 * whose `status` and `headers` Codex takes as it takes those of an HTTP answer.
 */
export function frameTo(refusal: Refusal, context: AnswerContext): string {
  const { status, headers, body } = answerTo(refusal, { ...context, native: true })
  const event = /^event: .*\ndata: (.*)\n\n$/.exec(body)?.[1]
  if (event !== undefined) return event
  const told = Object.fromEntries(
    headers.flatMap((name, i) => (i % 2 === 0 && !OF_BODIES.has(name) ? [[name, headers[i + 1] ?? '']] : [])),
  )
  const error = { message: refusal.message, type: TYPE[refusal.code], code: refusal.code, param: null }
  const whole = body.startsWith('{') ? (JSON.parse(body) as { error: object }).error : error
  return JSON.stringify({ type: 'error', status, error: whole, headers: told })
}

/** The same as an event of the realtime API; `event` is the client's own name for what is refused. */
export function realtimeEventTo(refusal: Refusal, context: AnswerContext, event: string | undefined): string {
  const { retryAfterMs } = refusal.detail
  const again = retryAfterMs === undefined ? '' : ` Please try again in ${Math.ceil(retryAfterMs / 1000)} s.`
  const error = {
    type: TYPE[refusal.code],
    code: refusal.code,
    message: `${sentenceOf(refusal, context)}${again}`,
    param: null,
    event_id: event ?? null,
  }
  return JSON.stringify({ type: 'error', event_id: `event_${context.requestId}`, error })
}

/** Of a spent quota it ends with what its member may do. */
function sentenceOf({ message, detail }: Refusal, { contact }: AnswerContext): string {
  return detail.window ? `${message} ${contact}.` : message
}

const OF_BODIES = new Set(['content-type', 'cache-control'])

function plain(refusal: Refusal, context: AnswerContext): Answer {
  // To its callers a time-out is one of upstream's errors; the status tells them apart.
  const code = refusal.code === 'upstream_timeout' ? 'upstream_error' : refusal.code
  const error = { message: refusal.message, type: TYPE[refusal.code], code, param: null }
  return {
    status: REFUSAL_STATUS[refusal.code],
    headers: headersOf(refusal, context, 'application/json'),
    body: JSON.stringify({ error }),
  }
}

/** Codex stops at once and shows the promo message and the reset; `plan_type` would advertise ChatGPT plans. */
function quotaSpent(refusal: Refusal, context: AnswerContext): Answer {
  const resetsAt = refusal.detail.window?.resetsAt
  const error = {
    message: sentenceOf(refusal, context),
    type: 'usage_limit_reached',
    code: refusal.code,
    param: null,
    ...(resetsAt !== undefined && { resets_at: Math.ceil(resetsAt / 1000) }),
  }
  const headers = headersOf(refusal, context, 'application/json')
  if (context.native) headers.push('x-codex-promo-message', context.contact)
  if (resetsAt !== undefined)
    headers.push('retry-after', String(Math.max(1, Math.ceil((resetsAt - context.now) / 1000))))
  return { status: 429, headers, body: JSON.stringify({ error }) }
}

function failed(refusal: Refusal, context: AnswerContext): Answer {
  const { retryAfterMs } = refusal.detail
  // Codex reads the wait out of the text: "try again in 10 s".
  const error =
    retryAfterMs === undefined
      ? { code: 'invalid_prompt', message: refusal.message }
      : {
          code: 'rate_limit_exceeded',
          message: `${refusal.message} Please try again in ${Math.ceil(retryAfterMs / 1000)} s.`,
        }
  const event = {
    type: 'response.failed',
    sequence_number: 0,
    response: {
      id: `resp_${context.requestId}`,
      object: 'response',
      created_at: Math.floor(context.now / 1000),
      status: 'failed',
      error,
      model: context.model ?? null,
      output: [],
      usage: null,
    },
  }
  const headers = headersOf(refusal, context, 'text/event-stream; charset=utf-8')
  return { status: 200, headers, body: `event: response.failed\ndata: ${JSON.stringify(event)}\n\n` }
}

function headersOf(refusal: Refusal, context: AnswerContext, contentType: string): string[] {
  const { retryAfterMs, standing = context.standing } = refusal.detail
  const headers = ['content-type', contentType, 'cache-control', 'no-store', 'x-request-id', context.requestId]
  if (refusal.code === 'unauthorized') headers.push('www-authenticate', 'Bearer')
  if (retryAfterMs !== undefined) headers.push('retry-after', String(Math.ceil(retryAfterMs / 1000)))
  if (standing) headers.push(...limitHeaders(standing))
  return headers
}
