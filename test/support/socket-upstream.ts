/** An upstream of WebSockets that does what a test says, message by message. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'

/** What upstream does about a `response.create`. */
export type Script = (socket: WebSocket, frame: Readonly<Record<string, unknown>>, id: string) => void

export interface SocketUpstream extends AsyncDisposable {
  /** `ws://127.0.0.1:4010`. */
  readonly url: string
  /** Handshakes as they came. */
  readonly handshakes: readonly IncomingMessage[]
  /** Messages as they came, whatever they were. */
  readonly messages: readonly { readonly data: Buffer; readonly binary: boolean }[]
  /** How sockets were closed from the other side. */
  readonly closes: readonly { readonly code: number; readonly reason: string }[]
  /** Open now. */
  open(): number
  sockets(): readonly WebSocket[]
  /** Closes every socket. */
  closeAll(code: number): void
  /** For turns from now on. */
  script: Script
  /** Answers handshakes in place of 101 while it gives a status. */
  refusal: ((request: IncomingMessage) => Refused | undefined) | undefined
  /** The subprotocol that it chooses of those that it is offered. */
  protocol: string | undefined
}

interface Refused {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export const USAGE = {
  input_tokens: 100,
  input_tokens_details: { cached_tokens: 40 },
  output_tokens: 10,
  total_tokens: 110,
}

/** The events of a whole answer, as texts. */
export function answer(id: string, deltas = 3): readonly string[] {
  return [
    { type: 'codex.rate_limits', rate_limits: { primary: { used_percent: 99, window_minutes: 300, reset_at: 1 } } },
    { type: 'response.created', response: { id, usage: null } },
    ...Array.from({ length: deltas }, (_, i) => ({ type: 'response.output_text.delta', delta: `é${i}` })),
    { type: 'response.completed', response: { id, status: 'completed', usage: USAGE } },
  ].map((event) => JSON.stringify(event))
}

export async function socketUpstream(): Promise<SocketUpstream> {
  const http = createServer()
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: 2 ** 28,
    handleProtocols: (offered) => state.protocol !== undefined && offered.has(state.protocol) && state.protocol,
  })
  server.on('headers', (lines) => lines.push('openai-organization: org-s', 'x-request-id: req_s', 'set-cookie: a=b'))
  const state = {
    handshakes: [] as IncomingMessage[],
    messages: [] as { data: Buffer; binary: boolean }[],
    closes: [] as { code: number; reason: string }[],
    script: ((socket, _frame, id) => {
      for (const event of answer(id)) socket.send(event)
    }) as Script,
    refusal: undefined as SocketUpstream['refusal'],
    protocol: undefined as string | undefined,
  }
  let turns = 0
  const converse = (socket: WebSocket): void => {
    socket.on('error', () => undefined)
    socket.on('close', (code, reason) => state.closes.push({ code, reason: reason.toString() }))
    socket.on('message', (data: Buffer, binary) => {
      state.messages.push({ data, binary })
      const text = data.toString()
      const frame = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {}
      if (frame['type'] === 'response.create') state.script(socket, frame, `resp_${++turns}`)
    })
  }
  http.on('upgrade', (request, connection, head) => {
    state.handshakes.push(request)
    const refused = state.refusal?.(request)
    if (!refused) return server.handleUpgrade(request, connection, head, converse)
    const { status, headers = {}, body = '' } = refused
    const lines = Object.entries({ ...headers, 'content-length': String(Buffer.byteLength(body)) })
    connection.end(
      `HTTP/1.1 ${status} No\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
    )
  })
  await once(http.listen(0, '127.0.0.1'), 'listening')
  return Object.assign(state, {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`,
    open: () => server.clients.size,
    sockets: () => [...server.clients],
    closeAll: (code: number) => {
      for (const socket of server.clients) socket.close(code)
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of server.clients) socket.terminate()
      http.close()
      await once(http, 'close')
    },
  })
}
