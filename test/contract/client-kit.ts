import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { MemberId } from '../../src/core/units.ts'
import type { Client } from '../../src/ports.ts'
import { connected, head, type Raw } from '../support/raw.ts'
import { until } from '../support/stand.ts'

export interface ClientSettings {
  readonly maxBodyBytes: number
  readonly maxDecompressedBytes: number
  /** What all bodies of one member may take together. */
  readonly maxMemberBufferedBytes: number
  readonly bodyIdleMs: number
  readonly clientStallMs: number
}

/** A server that shows everyone who calls to `caller`, and disposes of the connection with itself. */
export type MakeServer = (
  caller: (client: Client) => Promise<void>,
  settings: ClientSettings,
) => Promise<AsyncDisposable & { readonly url: string }>

export const MEMBER = 1 as MemberId
export const OTHER = 2 as MemberId

const SETTINGS: ClientSettings = {
  maxBodyBytes: 1_000_000,
  maxDecompressedBytes: 5_000_000,
  maxMemberBufferedBytes: 20_000_000,
  bodyIdleMs: 30_000,
  clientStallMs: 30_000,
}

/** A server, and bare connections to it. */
export interface Scene extends AsyncDisposable {
  /** The caller with this number, in the order in which they came. */
  client(number?: number): Promise<Client>
  dial(): Promise<Raw>
  /** A request without a body, and both its sides. */
  asked(line?: string): Promise<{ readonly raw: Raw; readonly client: Client }>
}

export async function scene(make: MakeServer, over: Partial<ClientSettings> = {}): Promise<Scene> {
  await using parts = new AsyncDisposableStack()
  const end = Promise.withResolvers<void>()
  const clients: Client[] = []
  const caller = async (client: Client): Promise<void> => {
    clients.push(client)
    await end.promise
  }
  const { url } = parts.use(await make(caller, { ...SETTINGS, ...over }))
  parts.defer(() => end.resolve())
  const all = parts.move()
  const client = (number = 0): Promise<Client> => until(() => clients[number])
  const dial = async (): Promise<Raw> => all.use(await connected(url))
  return {
    client,
    dial,
    asked: async (line = 'GET /v1/models') => {
      const number = clients.length
      const raw = await dial()
      raw.write(head(line))
      return { raw, client: await client(number) }
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** The head of an answer and what is behind it. */
export function split(text: string): { readonly lines: readonly string[]; readonly rest: string } {
  const at = text.indexOf('\r\n\r\n')
  return { lines: text.slice(0, at).split('\r\n'), rest: text.slice(at + 4) }
}

/** What stands in chunks, and whether the last of them is there (RFC 9112, 7.1). */
export function unchunked(text: string): { readonly body: string; readonly whole: boolean } {
  let body = ''
  for (let at = 0; ;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd === -1) return { body, whole: false }
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    if (size === 0) return { body, whole: text.slice(lineEnd) === '\r\n\r\n' }
    body += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 2 + size + 2
  }
}

export const CHUNKED: readonly string[] = ['content-type', 'text/event-stream']

export function ofLength(length: number): readonly string[] {
  return ['content-length', String(length)]
}

const MUCH_BYTES = 65_536

/** Writes until the client is behind. */
export function fill(client: Client): void {
  const piece = Buffer.alloc(MUCH_BYTES, 'x')
  for (let i = 0; i < 1000; i++) if (!client.write(piece)) return
  throw new Error(`${1000 * MUCH_BYTES} bytes were taken at once`)
}

/** Writes to a client that reads nothing until all room on the way to it is full; `drained` is what waits for it then. */
export async function clog(client: Client): Promise<{ readonly drained: Promise<void> }> {
  for (let i = 0; i < 1000; i++) {
    fill(client)
    const drained = client.drained()
    drained.catch(() => undefined)
    const moved = await Promise.race([drained.then(() => true), later(200).then(() => false)])
    if (!moved) return { drained }
    await later(0)
  }
  throw new Error('nothing keeps this client behind')
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

export type Coding = readonly [name: string, encode: (bytes: Uint8Array) => Uint8Array]

export const CODINGS: readonly Coding[] = [
  ['identity', (bytes) => bytes],
  ['gzip', gzipSync],
  ['GZIP', gzipSync],
  ['zstd', zstdCompressSync],
  ['br', brotliCompressSync],
  ['deflate', deflateSync],
]
