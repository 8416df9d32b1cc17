import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Refusal, REFUSAL_STATUS } from '../core/refusal.ts'
import { replyHeaders } from '../core/headers.ts'
import { HandshakeRefused } from '../gateway/converse.ts'
import type { HeaderList, SocketClient } from '../ports.ts'
import { ClientLeft } from '../gateway/patience.ts'
import { answerFor, frameFor, stackOf } from './answer.ts'
import type { ServerOptions } from './server.ts'
import { checkHandshake, VERSION } from './handshake.ts'
import { WsClient } from './websocket.ts'

const LINGER_MS = 1000

export interface Upgrade {
  readonly converse: (client: SocketClient) => Promise<void>
  readonly options: ServerOptions
  readonly draining: boolean
}

/** Serves a request for a WebSocket, from its handshake to its end. Never rejects. */
export async function upgrade(request: IncomingMessage, connection: Duplex, head: Buffer, on: Upgrade): Promise<void> {
  const { options } = on
  connection.on('error', () => connection.destroy())
  if (!options.webSockets) return refuseAll(connection)
  const client = new WsClient(request, connection, head, {
    maxMessageBytes: options.limits.maxBodyBytes,
    budget: options.budget,
    idleMs: options.limits.bodyIdleMs,
    socketOn: options.socketOn,
    frameFor: (cause) => frameFor(cause, options),
  })
  try {
    if (on.draining) throw new Refusal('draining', 'The gateway is about to stop.', { retryAfterMs: 5000 })
    checkRoute(request)
    checkHandshake(request)
    await on.converse(client)
  } catch (cause) {
    const left = client.signal.aborted || cause instanceof ClientLeft
    if (client.accepted || left) {
      if (!left) options.log.error('conversation failed', { cause: stackOf(cause) })
      connection.destroy()
    } else await refuse(cause, connection, options)
  }
}

function checkRoute({ url = '' }: IncomingMessage): void {
  const path = url.split('?', 1)[0] ?? ''
  if (path === '/v1/responses') return
  throw new Refusal(
    'not_found',
    `There is no WebSocket at ${path.slice(0, 200)} here. The gateway serves /v1/responses.`,
  )
}

/** At this Codex goes on over HTTP at once, for its whole session and without a word to its user. */
function refuseAll(connection: Duplex): void {
  const message = 'This gateway serves Codex over HTTP, not over WebSocket.'
  const error = { message, type: 'invalid_request_error', code: 'upgrade_refused', param: null }
  const headers = ['content-type', 'application/json', 'x-request-id', randomUUID()]
  end(connection, 426, headers, Buffer.from(JSON.stringify({ error })))
}

async function refuse(cause: unknown, connection: Duplex, options: ServerOptions): Promise<void> {
  if (cause instanceof HandshakeRefused) {
    const { reply } = cause
    const chunks: Uint8Array[] = []
    await reply.pump(
      (chunk) => chunks.push(chunk) > 0,
      () => Promise.resolve(),
    )
    const { callId, standing } = cause
    const headers = replyHeaders(reply.headers, { callId, requestedModel: undefined, standing })
    return end(connection, reply.status, headers, Buffer.concat(chunks))
  }
  const { status, headers, body } = answerFor(cause, options)
  // Of its own it finds only handshakes bad: it says what a good one is (RFC 6455, 4.4).
  const wants = status === 400 ? ['sec-websocket-version', VERSION] : []
  end(connection, status, [...headers, ...wants], Buffer.from(body))
}

/** Node has no response for an upgrade: it is written by hand. */
function end(connection: Duplex, status: number, headers: HeaderList, body: Buffer): void {
  const lines = [`HTTP/1.1 ${status} ${REASONS.get(status) ?? 'Refused'}`]
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() !== 'content-length') lines.push(`${headers[i]}: ${headers[i + 1]}`)
  }
  lines.push(`content-length: ${body.length}`, 'connection: close')
  connection.resume()
  connection.end(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]))
  // Who does not close its side is closed.
  setTimeout(() => connection.destroy(), LINGER_MS).unref()
}

const REASONS: ReadonlyMap<number, string> = new Map([
  [400, 'Bad Request'],
  [REFUSAL_STATUS.unauthorized, 'Unauthorized'],
  [403, 'Forbidden'],
  [404, 'Not Found'],
  [426, 'Upgrade Required'],
  [429, 'Too Many Requests'],
  [500, 'Internal Server Error'],
  [502, 'Bad Gateway'],
  [503, 'Service Unavailable'],
])
