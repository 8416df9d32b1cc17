/** The parts of OpenAI's error object that have a usual value. */
export interface ErrorDetail {
  readonly type?: string
  readonly code?: string
  readonly param?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** As it stands in bodies and frames. */
export interface ErrorObject {
  readonly message: string
  readonly type: string
  readonly param: string | null
  readonly code: string | null
}

/** An answer in OpenAI's error shape. */
export class ApiError extends Error {
  readonly status: number
  readonly detail: ErrorDetail

  constructor(status: number, message: string, detail: ErrorDetail = {}) {
    super(message)
    this.status = status
    this.detail = detail
  }

  /** The body, as OpenAI lays it out. */
  body(): string {
    return `${JSON.stringify({ error: this.error() }, undefined, 2)}\n`
  }

  /** The same as one frame of the Responses API over WebSocket, with the headers that an HTTP answer would have had. */
  frame(): string {
    const { headers } = this.detail
    return JSON.stringify({ type: 'error', status: this.status, error: this.error(), headers })
  }

  /** The error object of both. */
  error(): ErrorObject {
    const { type = 'invalid_request_error', param = null, code = null } = this.detail
    return { message: this.message, type, param, code }
  }
}

/** OpenAI's 500 for whatever is not an ApiError already. */
export function asApiError(cause: unknown): ApiError {
  if (cause instanceof ApiError) return cause
  return new ApiError(500, cause instanceof Error ? cause.message : String(cause), { type: 'server_error' })
}
