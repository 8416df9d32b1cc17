/** A bare connection, for requests that no HTTP client would make. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
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

/** The head of a request, ready to be written. */
export function head(line: string, ...headers: readonly string[]): string {
  return `${[`${line} HTTP/1.1`, 'host: gateway', ...headers].join('\r\n')}\r\n\r\n`
}
