/** A client of WebSockets that shows what came. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { until } from './stand.ts'

export interface SocketTalk extends Disposable {
  readonly socket: WebSocket
  /** Of the 101. */
  readonly head: IncomingMessage
  /** Messages as they came. */
  readonly got: readonly { readonly data: Buffer; readonly binary: boolean }[]
  /** Text messages, parsed. */
  events(): readonly Readonly<Record<string, unknown>>[]
  /** Resolves when there is one of this type that nobody has waited for yet. */
  event(type: string): Promise<Readonly<Record<string, unknown>>>
  say(frame: unknown): void
  /** How it was closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
}

/** A handshake that was answered with something else than 101. */
export interface RefusedTalk {
  readonly status: number
  readonly header: (name: string) => string | undefined
  readonly text: string
}

const CODEX = { originator: 'codex_exec', 'openai-beta': 'responses_websockets=2026-02-06' }

export interface Talk {
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly thread?: string
  readonly protocols?: readonly string[]
  /** False: nothing about it says Codex. */
  readonly codex?: boolean
}

function begin(url: string, key: string, how: Talk): WebSocket {
  const { path = '/v1/responses', headers, thread = 't', codex = true, protocols = [] } = how
  const ids = codex ? { ...CODEX, 'session-id': thread, 'thread-id': thread } : {}
  return new WebSocket(`${url.replace('http', 'ws')}${path}`, [...protocols], {
    headers: { ...(key !== '' && { authorization: `Bearer ${key}` }), ...ids, ...headers },
    perMessageDeflate: false,
    maxPayload: 2 ** 28,
  })
}

/** Opens a WebSocket; rejects when it is refused. */
export async function talk(url: string, key: string, how: Talk = {}): Promise<SocketTalk> {
  const socket = begin(url, key, how)
  const got: { data: Buffer; binary: boolean }[] = []
  const events = (): Readonly<Record<string, unknown>>[] =>
    got.flatMap(({ data, binary }) => (binary ? [] : [JSON.parse(data.toString()) as Record<string, unknown>]))
  let seen = 0
  socket.on('message', (data: Buffer, binary) => got.push({ data, binary }))
  const closed = once(socket, 'close').then(([code, reason]) => ({ code: code as number, reason: String(reason) }))
  const upgraded = once(socket, 'upgrade')
  // Of a refused handshake only the opening tells.
  for (const other of [closed, upgraded]) other.catch(() => undefined)
  await once(socket, 'open')
  const [head] = (await upgraded) as [IncomingMessage]
  socket.on('error', () => undefined)
  return {
    socket,
    head,
    got,
    events,
    event: (type) =>
      until(() => {
        const at = events().findIndex((event, i) => i >= seen && event['type'] === type)
        if (at === -1) return undefined
        seen = at + 1
        return events()[at]
      }),
    say: (frame) => socket.send(JSON.stringify(frame)),
    closed,
    [Symbol.dispose]: () => socket.terminate(),
  }
}

/** Asks for a WebSocket that will be refused. */
export async function refusedTalk(url: string, key: string, how: Talk = {}): Promise<RefusedTalk> {
  const socket = begin(url, key, how)
  socket.on('error', () => undefined)
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  const header = (name: string): string | undefined => {
    const value = response.headers[name]
    return typeof value === 'object' ? value[0] : value
  }
  return { status: response.statusCode ?? 0, header, text }
}

/** Asks for a realtime session that will be refused: the error that it is told, and how it is closed. */
export async function toldNo(
  url: string,
  key: string,
  how: Talk,
): Promise<{ readonly code: unknown; readonly message: string; readonly close: number }> {
  using client = await talk(url, key, how)
  const { error } = await client.event('error')
  const { code, message } = error as { readonly code: unknown; readonly message: string }
  return { code, message, close: (await client.closed).code }
}

/** A `response.create` as Codex makes it. */
export function create(rest: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  const input = [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] }]
  return { type: 'response.create', model: 'gpt-5.5', stream: true, store: false, input, ...rest }
}
