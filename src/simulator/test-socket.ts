import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { asObject, asText, type JsonObject } from './json.ts'
import type { Simulator } from './simulator.ts'
import { at, MODEL, until } from './test-client.ts'

/** How a test opens a WebSocket. */
export interface Opening {
  readonly path?: string
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly protocols?: readonly string[]
}

/** A handshake that was answered with HTTP. */
export interface Refused {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** How a connection ended, as this end saw it. */
export interface Closed {
  readonly code: number
  readonly reason: string
}

/** The client's end of a WebSocket, which takes down what comes. */
export interface Caller extends AsyncDisposable {
  readonly webSocket: WebSocket
  /** Of the reply to the handshake. */
  readonly headers: IncomingMessage['headers']
  /** Every message, as text. */
  readonly raw: readonly string[]
  /** Those which are JSON objects. */
  readonly frames: readonly JsonObject[]
  readonly closed: Promise<Closed>
  say(frame: JsonObject): void
  /** Sends a `response.create` and resolves with the frames up to the terminal one. */
  ask(body?: JsonObject): Promise<readonly JsonObject[]>
  /** Resolves with the frames that came since the last one asked for, up to one of these types. */
  heard(...types: readonly string[]): Promise<readonly JsonObject[]>
}

const TERMINAL = ['response.completed', 'response.incomplete', 'response.failed', 'response.done', 'error']

/** Opens a WebSocket; rejects when it is refused. */
export async function call(simulator: Simulator, opening: Opening = {}): Promise<Caller> {
  const webSocket = clientOf(simulator, opening)
  const [raw, frames]: [string[], JsonObject[]] = [[], []]
  let headers: IncomingMessage['headers'] = {}
  webSocket.on('upgrade', (reply) => ({ headers } = reply))
  webSocket.on('message', (data) => {
    const text = Buffer.isBuffer(data) ? data.toString() : ''
    raw.push(text)
    const frame = jsonIn(text)
    if (frame !== undefined) frames.push(frame)
  })
  const closed = new Promise<Closed>((resolve) => {
    webSocket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
  await once(webSocket, 'open')
  webSocket.on('error', () => {}) // Connections that break are what some tests are about.
  let read = 0
  const heard = async (...types: readonly string[]): Promise<readonly JsonObject[]> => {
    const ends = (): number => frames.findIndex((frame, i) => i >= read && types.includes(asText(frame['type']) ?? ''))
    await until(() => ends() !== -1)
    const [from, to] = [read, ends() + 1]
    read = to
    return frames.slice(from, to)
  }
  const say = (frame: JsonObject): void => webSocket.send(JSON.stringify(frame))
  return {
    webSocket,
    headers,
    raw,
    frames,
    closed,
    say,
    heard,
    ask: (body = {}) => {
      say({ type: 'response.create', model: MODEL, input: 'hi', ...body })
      return heard(...TERMINAL)
    },
    [Symbol.asyncDispose]: async () => {
      webSocket.terminate()
      await closed
    },
  }
}

/** Opens a WebSocket that is to be refused. */
export async function refused(simulator: Simulator, opening: Opening = {}): Promise<Refused> {
  const webSocket = clientOf(simulator, opening)
  const reply = await new Promise<IncomingMessage>((resolve, reject) => {
    webSocket.on('unexpected-response', (_, answer) => resolve(answer)).on('error', reject)
    webSocket.on('open', () => reject(new Error('it was not refused')))
  })
  let body = ''
  for await (const chunk of reply) body += String(chunk)
  return { status: reply.statusCode ?? 0, headers: reply.headers, body }
}

export function clientOf(simulator: Simulator, opening: Opening): WebSocket {
  const { path = '/v1/responses', key = 'sk-sim-alpha', headers, protocols = [] } = opening
  return new WebSocket(simulator.url.replace('http', 'ws') + path, [...protocols], {
    headers: { authorization: `Bearer ${key}`, ...headers },
  })
}

/** The usage that the last frame states. */
export function usageIn(frames: readonly JsonObject[]): unknown {
  return at(frames, -1, 'response', 'usage')
}

export function types(frames: readonly JsonObject[]): readonly unknown[] {
  return frames.map((frame) => frame['type'])
}

function jsonIn(text: string): JsonObject | undefined {
  try {
    return asObject(JSON.parse(text))
  } catch {
    return undefined // Garbage, which some tests send for.
  }
}
