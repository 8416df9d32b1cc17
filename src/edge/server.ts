import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cannotListen } from '../core/cannot-listen.ts'
import { Refusal } from '../core/refusal.ts'
import { ClientLeft } from '../gateway/patience.ts'
import type { Client, Clock, Log, Metrics, SocketClient } from '../ports.ts'
import type { BodyBudget } from './body-budget.ts'
import { Connections } from './connections.ts'
import { HttpClient, type ClientLimits } from './http.ts'
import type { Probes } from './probes.ts'
import { answerFor, stackOf } from './answer.ts'
import { refuseUnreadable } from './unreadable.ts'
import { upgrade } from './upgrade.ts'
import type { SocketOptions } from './websocket.ts'

export interface ServerOptions {
  readonly host: string
  readonly port: number
  readonly limits: ClientLimits & { readonly maxHeaderBytes: number }
  /** What bodies and messages may take of the process's memory. */
  readonly budget: BodyBudget
  readonly contact: string
  readonly socketOn: SocketOptions['socketOn']
  /** Whether WebSocket is served. */
  readonly webSockets: boolean
  /** Whether the WebSockets beside voice over WebRTC are served. */
  readonly webRtc: boolean
  readonly log: Log
  readonly metrics: Pick<Metrics, 'refused'>
  readonly now: Clock
  /** How long a client may take to send the head of a request. */
  readonly headersMs?: number
}

/** The data plane's listener. */
export interface DataServer extends AsyncDisposable {
  /** `http://127.0.0.1:8080`, with the port that was got. */
  readonly url: string
  readonly running: number
  /** Refuses new connections and waits until the running calls have ended; `signal` ends the wait and cuts them. */
  drain(signal: AbortSignal): Promise<void>
}

/** Longer than any keep-alive time of the proxies in front (60 s): it must be they who close first. */
const KEEP_ALIVE_MS = 75_000
const HEADERS_MS = 60_000
/** When a gateway that stops is likely to be back, or another to have taken its place. */
const COMES_BACK_MS = 5000

/** What is done with those who come. */
export interface Relays {
  readonly relay: (client: Client) => Promise<void>
  readonly converse: (client: SocketClient) => Promise<void>
}

/** Listens; resolves once it does, rejects when the address cannot be had. */
export async function listen(relays: Relays, probes: Probes, options: ServerOptions): Promise<DataServer> {
  const { headersMs = HEADERS_MS } = options
  const running = new Set<Promise<void>>()
  const connections = new Connections()
  let draining = false
  const server = createServer(
    {
      maxHeaderSize: options.limits.maxHeaderBytes,
      headersTimeout: headersMs,
      connectionsCheckingInterval: headersMs / 2,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Bodies are timed by their progress, not as a whole.
      requestTimeout: 0,
      noDelay: true,
      // An offer to go on in another protocol, HTTP/2 say, may be passed over (RFC 9110, 7.8).
      shouldUpgradeCallback: ({ headers }) => /\bwebsocket\b/i.test(headers.upgrade ?? ''),
    },
    (request, response) => {
      const call = exchange(request, response, { relay: relays.relay, probes, options, draining })
      track(running, connections.occupy(request.socket, response, call))
    },
  )
  server.on('connection', (socket) => connections.add(socket))
  server.closeIdleConnections = () => connections.closeIdle()
  // The client is told to go on only when somebody wants its body.
  server.on('checkContinue', (request, response) => server.emit('request', request, response))
  // Of other expectations nothing need be known to serve the request (RFC 9110, 10.1.1).
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  server.on('upgrade', (request, connection, head) => {
    connections.release(connection)
    track(running, upgrade(request, connection, head, { converse: relays.converse, options, draining }))
  })
  server.on('clientError', (cause, socket) => refuseUnreadable(cause, socket, connections.answering(socket)))
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen(options, '[server] bind_addr', cause)))
    server.listen(options.port, options.host, resolve)
  })
  return {
    url: urlOf(server),
    get running() {
      return running.size
    },
    drain: (signal) => {
      draining = true
      return drain(server, { running, connections }, signal)
    },
    [Symbol.asyncDispose]: () => {
      draining = true
      return drain(server, { running, connections }, AbortSignal.abort())
    },
  }
}

interface Exchange {
  readonly relay: (client: Client) => Promise<void>
  readonly probes: Probes
  readonly options: ServerOptions
  /** Whether the request came over a kept-alive connection after the listener was closed. */
  readonly draining: boolean
}

/** Never rejects: what went wrong where it should be told stands in the log, and the connection is closed. */
async function exchange(request: IncomingMessage, response: ServerResponse, on: Exchange): Promise<void> {
  try {
    if (await on.probes.answer(request, response)) return
    await answer(request, response, on)
  } catch (cause) {
    on.options.log.error('call not answered', { cause: stackOf(cause) })
    response.destroy()
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { relay, options, draining }: Exchange,
): Promise<void> {
  const client = new HttpClient(request, response, options.limits, options.budget)
  try {
    if (draining) throw new Refusal('draining', 'The gateway is about to stop.', { retryAfterMs: COMES_BACK_MS })
    await relay(client)
  } catch (cause) {
    if (client.signal.aborted || cause instanceof ClientLeft) {
      response.destroy()
    } else if (client.answered) {
      options.log.error('call failed after its answer had begun', { cause: String(cause) })
      client.cut()
    } else {
      refuse(cause, client, response, options)
    }
  }
}

/** The one door through which errors leave. */
function refuse(cause: unknown, client: HttpClient, response: ServerResponse, options: ServerOptions): void {
  const answer = answerFor(cause, options)
  const headers = [...answer.headers, 'content-length', String(Buffer.byteLength(answer.body))]
  // What is left of an unread body would be taken for the next request, or read for nothing.
  const stopping = cause instanceof Refusal && cause.code === 'draining'
  if (stopping || !client.restIsSmall) headers.push('connection', 'close')
  client.begin(answer.status, headers)
  if (client.method !== 'HEAD') response.write(answer.body)
  if (client.restIsSmall) client.end()
  else linger(response, () => client.end())
}

const LINGER_MS = 1000

/**
 * The answer is out, but the client may still be sending. To close with bytes unread would reset the connection, and
 * the client might never see the answer: what comes is read and thrown away for a moment.
 */
function linger(response: ServerResponse, end: () => void): void {
  const { req: request } = response
  const over = (): void => {
    clearTimeout(timer)
    request.off('end', over).off('close', over)
    end()
  }
  const timer = setTimeout(over, LINGER_MS)
  request.on('end', over).on('close', over).resume()
}

function track(running: Set<Promise<void>>, call: Promise<void>): void {
  const tracked: Promise<void> = call.finally(() => running.delete(tracked))
  running.add(tracked)
}

/** What conversations that are cut have to say goodbye in good order. */
const GOODBYE_MS = 500

interface Open {
  readonly running: ReadonlySet<Promise<void>>
  readonly connections: Connections
}

async function drain(server: Server, { running, connections }: Open, signal: AbortSignal): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  let goodbye: NodeJS.Timeout | undefined
  const cut = (): void => {
    server.closeAllConnections()
    goodbye = setTimeout(() => connections.cutReleased(), GOODBYE_MS)
  }
  signal.addEventListener('abort', cut, { once: true })
  if (signal.aborted) cut()
  // Running calls end first; connections that they leave idle are closed as they go.
  while (running.size > 0) {
    await Promise.race(running)
    server.closeIdleConnections()
  }
  server.closeAllConnections()
  await closed
  clearTimeout(goodbye)
  signal.removeEventListener('abort', cut)
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
