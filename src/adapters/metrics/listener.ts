import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cannotListen } from '../../core/cannot-listen.ts'
import type { Log } from '../../ports.ts'

/** What a scrape is answered with. */
export interface Scraped {
  readonly contentType: string
  text(): Promise<string>
}

export interface ListenerOptions {
  readonly host: string
  readonly port: number
  readonly log: Log
}

/** Closing it lets a scrape end that is being answered. */
export interface MetricsListener extends AsyncDisposable {
  /** `http://127.0.0.1:9464/metrics`, with the port that was got. */
  readonly url: string
}

/** Longer than most scrape intervals: a connection is used again. */
const KEEP_ALIVE_MS = 75_000
/** For a request's head, and for a reader that takes nothing. */
const PATIENCE_MS = 10_000
const MAX_HEAD_BYTES = 16_384
const MAX_CONNECTIONS = 50
const CLOSING_MS = 1000

/**
 * Serves `GET /metrics` and nothing else. A listener of its own, for members must not read it: their names are in the
 * labels. Rejects when the address cannot be had.
 */
export async function listenForScrapes(of: Scraped, { host, port, log }: ListenerOptions): Promise<MetricsListener> {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: PATIENCE_MS,
      requestTimeout: PATIENCE_MS,
      connectionsCheckingInterval: PATIENCE_MS / 2,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    (request, response) => void answer(request, response, of, log),
  )
  server.maxConnections = MAX_CONNECTIONS
  server.setTimeout(PATIENCE_MS)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen({ host, port }, '[metrics] bind_addr', cause)))
    server.listen(port, host, resolve)
  })
  return { url: urlOf(server), [Symbol.asyncDispose]: () => closed(server) }
}

/** Never rejects. */
async function answer(request: IncomingMessage, response: ServerResponse, of: Scraped, log: Log): Promise<void> {
  const path = (request.url ?? '').split('?', 1)[0]
  if (path !== '/metrics') return refuse(response, 404, 'There is nothing here but /metrics.')
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return refuse(response, 405, 'Metrics are read with GET.')
  }
  try {
    const body = await of.text()
    response.writeHead(200, { 'content-type': of.contentType, 'content-length': Buffer.byteLength(body) })
    response.end(body)
  } catch (cause) {
    log.error('metrics not shown', { cause: String(cause) })
    refuse(response, 500, 'The metrics cannot be shown; the reason stands in the gateway’s log.')
  }
}

/** What else was sent is not read. */
function refuse(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' })
  response.end(`${sentence}\n`)
}

async function closed(server: Server): Promise<void> {
  const over = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), CLOSING_MS)
  await over
  clearTimeout(timer)
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`
}
