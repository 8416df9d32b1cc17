import type { Standing, WindowName, WindowStanding } from './quota.ts'

/** Stable codes of everything the gateway itself may answer with. */
export type RefusalCode =
  | 'unauthorized'
  | 'forbidden'
  | 'codex_only'
  | 'model_not_allowed'
  | 'model_not_found'
  | 'invalid_request'
  | 'previous_response_not_found'
  | 'not_found'
  | 'method_not_allowed'
  | 'upgrade_refused'
  | 'member_5h_quota_exceeded'
  | 'member_daily_quota_exceeded'
  | 'member_weekly_quota_exceeded'
  | 'member_monthly_quota_exceeded'
  | 'concurrency_limit_exceeded'
  | 'ledger_unavailable'
  | 'no_upstream'
  | 'upstream_error'
  | 'upstream_timeout'
  | 'draining'
  | 'internal_error'

export interface RefusalDetail {
  /** When it may help to try again, in ms from now. */
  readonly retryAfterMs?: number
  /** The window that is spent. */
  readonly window?: WindowStanding
  /** The member's windows, for the limit headers of the answer. */
  readonly standing?: Standing
  readonly cause?: unknown
}

/**
 * The gateway's no. `message` is a sentence for the caller: what was wrong and what would be right.
 * The edge alone turns it into a status and a body.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  readonly detail: RefusalDetail

  constructor(code: RefusalCode, message: string, detail: RefusalDetail = {}) {
    super(message, { cause: detail.cause })
    this.code = code
    this.detail = detail
  }
}

/** How a member is refused whose window of this name is spent. */
export const QUOTA_REFUSAL: Readonly<Record<WindowName, RefusalCode>> = {
  '5h': 'member_5h_quota_exceeded',
  daily: 'member_daily_quota_exceeded',
  weekly: 'member_weekly_quota_exceeded',
  monthly: 'member_monthly_quota_exceeded',
}

/** The HTTP status of each refusal in plain HTTP, which is also what stands in the ledger. */
export const REFUSAL_STATUS: Readonly<Record<RefusalCode, number>> = {
  unauthorized: 401,
  forbidden: 403,
  codex_only: 403,
  model_not_allowed: 403,
  model_not_found: 404,
  invalid_request: 400,
  // Upstream's own word: at it, over WebSocket, Codex comes back with its whole history.
  previous_response_not_found: 400,
  not_found: 404,
  method_not_allowed: 405,
  // At this Codex goes on over HTTP, for its whole session and without a word to its user.
  upgrade_refused: 426,
  member_5h_quota_exceeded: 429,
  member_daily_quota_exceeded: 429,
  member_weekly_quota_exceeded: 429,
  member_monthly_quota_exceeded: 429,
  concurrency_limit_exceeded: 429,
  ledger_unavailable: 503,
  no_upstream: 503,
  upstream_error: 502,
  upstream_timeout: 504,
  draining: 503,
  internal_error: 500,
}
