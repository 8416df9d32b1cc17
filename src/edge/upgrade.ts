import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Refusal, REFUSAL_STATUS } from '../core/refusal.ts'
import { replyHeaders } from '../core/headers.ts'
import { HandshakeRefused } from '../gateway/converse.ts'
import type { HeaderList, SocketClient } from '../ports.ts'
import { callIdOf } from '../gateway/identify.ts'
import { ClientLeft } from '../gateway/patience.ts'
import { answerFor, frameFor, realtimeEventFor, stackOf } from './answer.ts'
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
  const client = new WsClient(request, connection, head, {
    maxMessageBytes: options.limits.maxBodyBytes,
    budget: options.budget,
    idleMs: options.limits.bodyIdleMs,
    socketOn: options.socketOn,
    refusalOf: (cause, event) =>
      pathOf(request) === '/v1/responses' ? frameFor(cause, options) : realtimeEventFor(cause, event, options),
  })
  try {
    if (on.draining) throw new Refusal('draining', 'The gateway is about to stop.', { retryAfterMs: 5000 })
    if (!options.webSockets) throw new Refusal('upgrade_refused', 'This gateway serves Codex over HTTP alone.')
    checkRoute(request, options)
    checkHandshake(request)
    await on.converse(client)
  } catch (cause) {
    client.release()
    const left = client.signal.aborted || cause instanceof ClientLeft
    if (client.accepted || left) {
      if (!left) options.log.error('conversation failed', { cause: stackOf(cause) })
      connection.destroy()
    } else await refuse(cause, connection, options)
  }
}

const PATHS: ReadonlySet<string> = new Set(['/v1/responses', '/v1/realtime'])
/** Those beside voice over WebRTC. */
const VOICE = /^\/v1\/live(?:\/[^/]+)?$/

function checkRoute(request: IncomingMessage, { webRtc }: ServerOptions): void {
  const path = pathOf(request)
  const isVoice = VOICE.test(path) || (path === '/v1/realtime' && callIdOf(request.url ?? '') !== undefined)
  if (isVoice && !webRtc) {
    throw new Refusal(
      'not_found',
      'Voice over WebRTC is switched off at this gateway. Your gateway admin may switch it on, with webrtc = true under [routes].',
    )
  }
  if (isVoice || PATHS.has(path)) return
  throw new Refusal(
    'not_found',
    `There is no WebSocket at ${path.slice(0, 200)} here. The gateway serves ${[...PATHS].join(' and ')}.`,
  )
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? ''
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
  [REFUSAL_STATUS.upgrade_refused, 'Upgrade Required'],
  [429, 'Too Many Requests'],
  [500, 'Internal Server Error'],
  [502, 'Bad Gateway'],
  [503, 'Service Unavailable'],
])
