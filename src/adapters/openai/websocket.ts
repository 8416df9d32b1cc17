import type { IncomingMessage } from 'node:http'
import type { Socket as Connection } from 'node:net'
import { getCACertificates } from 'node:tls'
import { HttpsProxyAgent } from 'https-proxy-agent'
import { WebSocket } from 'ws'
import {
  NoReply,
  type Handshake,
  type HeaderList,
  type Room,
  type Upstream,
  type UpstreamRequest,
  type Vault,
} from '../../ports.ts'
import { connectWithin } from './connecting.ts'
import type { ProxyRoute } from './dispatcher.ts'
import type { Bounds } from './intake.ts'
import { reasonOf } from './no-reply.ts'
import type { RoomQueue } from './room-queue.ts'
import { upstreamSocketOn } from './socket.ts'

/** Messages of upstream's may be as large as any that a client may send. */
const MAX_MESSAGE_BYTES = 160 * 1_048_576
/** Longer than any reason that an error has to be told in. */
const MAX_REFUSAL_BYTES = 1_048_576
const REFUSAL_MS = 10_000

export interface WebSocketOptions {
  /** `wss://api.openai.com`. */
  readonly baseUrl: string
  readonly connectTimeoutMs: number
  /** Undefined: upstream is reached directly. */
  readonly proxy: ProxyRoute | undefined
  readonly ca: string | undefined
  readonly maxHeaderBytes: number
  readonly vault: Vault
  /** How long a message may make no progress. */
  readonly idleTimeoutMs: number
  readonly room: Room
  /** Of all of upstream's messages that wait for it. */
  readonly queue: RoomQueue
}

/** Opens a WebSocket upstream: resolves at its answer, 101 or not; rejects with NoReply when there is none. */
export async function connect(
  request: Omit<UpstreamRequest, 'method' | 'body'>,
  upstream: Upstream,
  signal: AbortSignal,
  options: WebSocketOptions,
): Promise<Handshake> {
  if (signal.aborted) throw new NoReply('aborted', false)
  const unconnected = new AbortController()
  let ws: WebSocket
  try {
    ws = new WebSocket(urlOf(request.path, upstream, options), [], {
      ...transportOf(upstream, options),
      headers: headersOf(request.headers, options.vault.secretOf(upstream.id)),
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      handshakeTimeout: request.headTimeoutMs,
      finishRequest: (handshake) => {
        connectWithin(handshake, options.connectTimeoutMs, () => unconnected.abort())
        handshake.end()
      },
      skipUTF8Validation: true,
      followRedirects: false,
    })
  } catch (cause) {
    // It was never sent, so it says nothing about the key.
    throw new NoReply('unsendable', false, cause)
  }
  return await answered(
    ws,
    { signal, unconnected: unconnected.signal },
    {
      room: options.room,
      idleMs: options.idleTimeoutMs,
      full: { queue: options.queue },
    },
  )
}

/** What calls a handshake off: its client, or that no connection came about in time. */
interface Off {
  readonly signal: AbortSignal
  readonly unconnected: AbortSignal
}

async function answered(ws: WebSocket, { signal, unconnected }: Off, bounds: Bounds): Promise<Handshake> {
  return await new Promise<Handshake>((resolve, reject) => {
    let head: HeaderList = []
    const end = (reason: NoReply['reason']): void => {
      unhook()
      ws.terminate()
      reject(new NoReply(reason, true))
    }
    const left = (): void => end('aborted')
    const unhook = (): void => signal.removeEventListener('abort', left)
    signal.addEventListener('abort', left, { once: true })
    unconnected.addEventListener('abort', () => end('unreachable'), { once: true })
    let connection: Connection | undefined
    ws.once('upgrade', (response: IncomingMessage) => {
      head = response.rawHeaders
      connection = response.socket
      // Whether the choice of a subprotocol, or that there is none, is to its liking is for the client to say, not for `ws`.
      delete response.headers['sec-websocket-protocol']
    })
    ws.once('open', () => {
      unhook()
      if (connection) resolve({ status: 101, headers: head, socket: upstreamSocketOn(ws, connection, bounds) })
    })
    ws.once('unexpected-response', (_request, response: IncomingMessage) => {
      void refusalOf(response).then((body) => {
        unhook()
        ws.terminate()
        resolve({ status: response.statusCode ?? 0, headers: response.rawHeaders, body })
      })
    })
    ws.on('error', (cause: Error) => {
      unhook()
      const timedOut = /handshake has timed out/.test(cause.message)
      reject(new NoReply(timedOut ? 'timeout' : reasonOf(cause), true, cause))
    })
  })
}

/** The body of a refused handshake, as far as it comes in time. */
async function refusalOf(response: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let length = 0
  const timer = setTimeout(() => response.destroy(), REFUSAL_MS)
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > MAX_REFUSAL_BYTES) break
      chunks.push(chunk)
    }
  } catch {
    // What came of it still tells what went wrong.
  } finally {
    clearTimeout(timer)
  }
  return Buffer.concat(chunks)
}

function urlOf(path: string, upstream: Upstream, { baseUrl }: WebSocketOptions): URL {
  const base = new URL(upstream.baseUrl?.replace(/^http/, 'ws') ?? baseUrl)
  return new URL(`${base.origin}${base.pathname.replace(/\/$/, '')}${path}`)
}

function transportOf(upstream: Upstream, options: WebSocketOptions): object {
  const url = new URL(upstream.baseUrl ?? options.baseUrl)
  const ca = options.ca === undefined ? {} : { ca: [...getCACertificates('default'), options.ca] }
  const proxy = proxyFor(url, options.proxy)
  return {
    ...ca,
    maxHeaderSize: options.maxHeaderBytes,
    ...(proxy !== undefined && { agent: new HttpsProxyAgent(proxy, ca) }),
  }
}

/** The proxy for a URL; hosts of `noProxy` (`example.com`, which holds for its subdomains too, or `*`) are reached directly. */
function proxyFor({ protocol, hostname }: URL, route: ProxyRoute | undefined): string | undefined {
  if (!route) return undefined
  const direct = route.noProxy
    .split(/[\s,]+/)
    .map((name) => name.replace(/^\*?\./, '').replace(/:\d+$/, ''))
    .some((name) => name === '*' || (name !== '' && (hostname === name || hostname.endsWith(`.${name}`))))
  if (direct) return undefined
  return /^(?:https|wss):$/.test(protocol) ? route.httpsProxy : route.httpProxy
}

/** Its own handshake headers `ws` makes itself; the subprotocols that it would make too pass as they came. */
const HANDSHAKE = /^sec-websocket-(?!protocol$)/i

/** By name, whatever its case: Node keeps of two spellings the last. */
function headersOf(headers: HeaderList, secret: string): Record<string, string | string[]> {
  const groups = new Map<string, { readonly name: string; readonly values: string[] }>()
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = '', value = ''] = [headers[i], headers[i + 1]]
    if (HANDSHAKE.test(name)) continue
    const group = groups.get(name.toLowerCase())
    if (group) group.values.push(value)
    else groups.set(name.toLowerCase(), { name, values: [value] })
  }
  const sent = Object.create(null) as Record<string, string | string[]>
  for (const { name, values } of groups.values()) sent[name] = values.length > 1 ? values : (values[0] ?? '')
  sent['authorization'] = `Bearer ${secret}`
  return sent
}
