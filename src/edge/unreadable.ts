import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'

interface Problem {
  readonly status: string
  readonly message: string
}

const GARBLED: Problem = {
  status: '400 Bad Request',
  message: 'The request is not readable as HTTP/1.1: it is cut short or garbled.',
}

/** By the code of the error that Node's parser gives. */
const PROBLEMS: ReadonlyMap<string | undefined, Problem> = new Map([
  [
    'HPE_HEADER_OVERFLOW',
    {
      status: '431 Request Header Fields Too Large',
      message: 'The head of the request is larger than the gateway takes.',
    },
  ],
  [
    'ERR_HTTP_REQUEST_TIMEOUT',
    { status: '408 Request Timeout', message: 'The head of the request did not come in time.' },
  ],
])

/**
 * Answers what Node's parser could not make a request of, and closes the connection. A connection in the middle of an
 * answer is only closed: what is written now would stand in that answer.
 */
export function refuseUnreadable(cause: NodeJS.ErrnoException, socket: Duplex, midAnswer: boolean): void {
  if (cause.code === 'ECONNRESET' || midAnswer || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, message } = PROBLEMS.get(cause.code) ?? GARBLED
  const error = { message, type: 'invalid_request_error', code: 'invalid_request', param: null }
  socket.end(rawAnswer(status, JSON.stringify({ error })))
}

/** A whole answer for a connection that Node's own responses are not to be had for; it is the last one. */
export function rawAnswer(status: string, body: string): string {
  const head = [
    `HTTP/1.1 ${status}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${randomUUID()}`,
    'connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
