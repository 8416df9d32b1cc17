/** The parts of OpenAI's error object that have a usual value. */
export interface ErrorDetail {
  readonly type?: string
  readonly code?: string
  readonly param?: string
  readonly headers?: Readonly<Record<string, string>>
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
    const { type = 'invalid_request_error', param = null, code = null } = this.detail
    return `${JSON.stringify({ error: { message: this.message, type, param, code } }, undefined, 2)}\n`
  }
}
