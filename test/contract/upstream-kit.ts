import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { UpstreamId } from '../../src/core/units.ts'
import { NoReply, type Reply, type UpstreamClient, type UpstreamRequest } from '../../src/ports.ts'
import { until } from '../support/stand.ts'
import { RequestReader, type TappedRequest } from '../support/tap.ts'
import { patience, upstream } from './coordinator-kit.ts'

export interface UpstreamSettings {
  readonly baseUrl: string
  readonly idleTimeoutMs: number
  readonly connectTimeoutMs: number
  /** A certificate authority to trust beside the usual ones. */
  readonly ca: string | undefined
  readonly secretOf: (id: UpstreamId) => string
}

export interface TestUpstreamClient {
  readonly client: Pick<UpstreamClient, 'open'>
  /** Ends all that runs. */
  close(): Promise<void>
}

export type MakeUpstreamClient = (settings: UpstreamSettings) => TestUpstreamClient

/** One connection, seen from upstream. */
export interface Line {
  readonly socket: Socket
  /** The request with this number on this connection, once it has come whole. */
  request(number?: number): Promise<TappedRequest>
  say(...parts: readonly (string | Uint8Array)[]): void
  readonly closed: Promise<void>
}

/** A bare server in upstream's place: what it says is for the test to say. */
export interface BareServer extends AsyncDisposable {
  readonly port: number
  readonly url: string
  readonly lines: readonly Line[]
  /** The connection with this number, once it is there. */
  line(number: number): Promise<Line>
}

export async function bareServer(server: Server = createServer()): Promise<BareServer> {
  const lines: Line[] = []
  server.on('connection', (socket) => lines.push(lineOn(socket)))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    lines,
    line: (number) => until(() => lines[number]),
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const { socket } of lines) socket.destroy()
      await closed
    },
  }
}

function lineOn(socket: Socket): Line {
  const requests: TappedRequest[] = []
  const reader = new RequestReader((request) => requests.push(request))
  socket.setNoDelay(true).on('data', (chunk: Buffer) => reader.feed(chunk))
  socket.on('error', () => undefined)
  return {
    socket,
    request: (number = 0) => until(() => requests[number]),
    say: (...parts) => {
      for (const part of parts) socket.write(part)
    },
    closed: new Promise((resolve) => socket.once('close', () => resolve())),
  }
}

/** A port of this machine on which nobody listens. */
export async function deadPort(): Promise<number> {
  const server = await bareServer()
  await server[Symbol.asyncDispose]()
  return server.port
}

type Asked = Partial<UpstreamRequest> & {
  /** The upstream's own base URL. */
  readonly baseUrl?: string
  readonly id?: number
}

/** A client and a bare server that it calls. */
export interface Scene extends AsyncDisposable {
  readonly server: BareServer
  open(asked?: Asked, signal?: AbortSignal): Promise<Reply>
  close(): Promise<void>
}

export async function scene(make: MakeUpstreamClient, over: Partial<UpstreamSettings> = {}): Promise<Scene> {
  const server = await bareServer()
  const made = make({
    baseUrl: server.url,
    idleTimeoutMs: 30_000,
    connectTimeoutMs: 10_000,
    ca: undefined,
    secretOf: (id) => `secret-${id}`,
    ...over,
  })
  return {
    server,
    open: ({ baseUrl, id = 1, ...asked } = {}, signal = patience()) => {
      const request = { method: 'POST', path: '/v1/responses', headers: [], body: undefined, headTimeoutMs: 30_000 }
      const opening = made.client.open({ ...request, ...asked }, upstream(id, { baseUrl }), signal)
      opening.catch(() => undefined)
      return opening
    },
    close: () => made.close(),
    [Symbol.asyncDispose]: async () => {
      await made.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

/** Opens the first exchange and answers it with this, from its head on. */
export async function answered(
  on: Scene,
  answer: string,
  signal?: AbortSignal,
): Promise<{ readonly reply: Reply; readonly line: Line }> {
  const opening = on.open({}, signal)
  const line = await on.server.line(0)
  await line.request()
  line.say(answer)
  return { reply: await opening, line }
}

/** An exchange from its request to the end of its answer, `ok`, on whichever connection it comes. */
export async function exchanged(on: Scene): Promise<Line> {
  const before = on.server.lines.map(({ socket }) => socket.bytesRead)
  const opening = on.open()
  const line = await until(() => on.server.lines.find(({ socket }, i) => socket.bytesRead > (before[i] ?? 0)))
  line.say(whole('ok'))
  await pumped(await opening).done
  // Its connection can be had again only in a later turn.
  await sleep(20)
  return line
}

export function whole(body: string): string {
  return `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}

export const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'

export function framed(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`
}

export interface Pumped {
  readonly chunks: readonly Uint8Array[]
  text(): string
  readonly done: Promise<void>
}

/** Pumps; `sink` says whether more may come. */
export function pumped(
  reply: Reply,
  sink: (chunk: Uint8Array) => boolean = () => true,
  drained: () => Promise<void> = () => Promise.reject(new Error('nobody was behind')),
): Pumped {
  const chunks: Uint8Array[] = []
  const done = reply.pump((chunk) => {
    // What is handed over is the pump's again as soon as the sink returns.
    chunks.push(Uint8Array.from(chunk))
    return sink(chunk)
  }, drained)
  done.catch(() => undefined)
  return { chunks, text: () => Buffer.concat(chunks).toString('latin1'), done }
}

/** What an attempt came to that must get no head. */
export async function noReply(opening: Promise<Reply>): Promise<readonly [reason: string, sent: boolean]> {
  const cause: unknown = await opening.then(
    ({ status }) => new Error(`a head came, ${status}`),
    (thrown: unknown) => thrown,
  )
  if (cause instanceof NoReply) return [cause.reason, cause.sent]
  throw cause
}

/** Bytes on their way through a connection. */
export interface Flood {
  /** How many the network has taken. */
  readonly handed: number
  /** Resolves when it has taken no more for a while. */
  readonly stuck: Promise<number>
  readonly all: Promise<void>
}

const PIECE = Buffer.alloc(65_536, 'x')
export const FLOOD_BYTES: number = 512 * PIECE.length

/** Writes as fast as the other side takes it, and no faster. */
export function flood(socket: Socket): Flood {
  const state = { handed: 0 }
  const all = (async () => {
    while (state.handed < FLOOD_BYTES && !socket.destroyed) {
      await new Promise((resolve) => socket.write(PIECE, resolve))
      state.handed += PIECE.length
    }
  })()
  return {
    get handed() {
      return state.handed
    },
    get stuck() {
      return untilStill(() => state.handed)
    },
    all,
  }
}

/** Resolves with a number that has not changed for a while. */
export async function untilStill(count: () => number, ms = 150): Promise<number> {
  return await until(async () => {
    const before = count()
    await sleep(ms)
    return count() === before ? before : undefined
  })
}
