/** A bare connection, for requests that no HTTP client would make. */
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from './stand.ts'

export interface Raw extends Disposable {
  readonly socket: Socket
  /** What has come so far. */
  text(): string
  write(...parts: readonly (string | Uint8Array)[]): void
  /** Resolves when what has come matches. */
  sees(pattern: RegExp, timeoutMs?: number): Promise<string>
  /** Resolves when the other side has closed the connection. */
  readonly closed: Promise<void>
}

/** `allowHalfOpen`: this side stays open when the other has closed its own. */
export async function connected(url: string, options: { readonly allowHalfOpen?: boolean } = {}): Promise<Raw> {
  const { hostname, port } = new URL(url)
  const socket = connect({ ...options, port: Number(port), host: hostname })
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1'))).on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await once(socket, 'connect')
  return {
    socket,
    text: () => text,
    write: (...parts) => {
      for (const part of parts) socket.write(part)
    },
    sees: async (pattern, timeoutMs) => until(() => (pattern.test(text) ? text : undefined), timeoutMs),
    closed,
    [Symbol.dispose]: () => socket.destroy(),
  }
}

/** The system's own list of connections over IPv4, with what waits in each; not every system has it. */
const CONNECTIONS = '/proc/net/tcp'

/** Resolves when the other side, which is on this machine too, has read all that was written. */
export async function allRead(socket: Socket): Promise<void> {
  if (!existsSync(CONNECTIONS)) await sleep(500)
  else await until(() => (socket.writableLength === 0 && onItsWay(socket) === 0) || undefined)
}

/** Bytes that have left this side of a connection and were not read from the other one yet. */
function onItsWay({ localPort = 0 }: Socket): number {
  const port = `:${localPort.toString(16).toUpperCase().padStart(4, '0')}`
  let bytes = 0
  for (const line of readFileSync(CONNECTIONS, 'utf8').split('\n').slice(1)) {
    const [, local = '', remote = '', , queues = ''] = line.trim().split(/\s+/)
    const [sent = 0, received = 0] = queues.split(':').map((queue) => Number.parseInt(queue, 16))
    if (local.endsWith(port)) bytes += sent
    if (remote.endsWith(port)) bytes += received
  }
  return bytes
}

/** The head of a request, ready to be written. */
export function head(line: string, ...headers: readonly string[]): string {
  return `${[`${line} HTTP/1.1`, 'host: gateway', ...headers].join('\r\n')}\r\n\r\n`
}
