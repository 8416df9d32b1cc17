import { STATUS_CODES, type IncomingMessage } from 'node:http'
import { WebSocketServer } from 'ws'
import { ApiError, asApiError } from './api-error.ts'
import { Connection, type Speaking } from './connection.ts'
import { textOfBody, typeOfBody, type Fault } from './faults.ts'
import { headOf, newTurnState } from './head.ts'
import type { House } from './house.ts'
import { newId } from './ids.ts'
import type { NamedKey } from './keys.ts'
import type { ReplyHeaders } from './outlet.ts'
import { RealtimeSocket } from './realtime-socket.ts'
import { ResponsesSocket } from './responses-socket.ts'
import { resetSocket, whenGone } from './socket.ts'
import { JSON_BODY } from './turn.ts'

/** One handshake on its way to its answer. */
interface Visit {
  readonly request: IncomingMessage
  readonly path: string
  /** The `model` of the query. */
  readonly model: string | undefined
  /** The call over WebRTC that it is beside. */
  readonly callId: string | undefined
  readonly requestId: string
  readonly fault: Fault | undefined
  /** From performance.now(). */
  readonly startedMs: number
}

/** Beyond it the connection is closed with 1009. */
const LARGEST_MESSAGE_BYTES = 256 * 1024 * 1024

/** Who speaks on which path. Throws an ApiError for a handshake that OpenAI refuses. */
const SPEAKERS: Readonly<Record<string, (house: House, visit: Visit, key: NamedKey) => (to: Connection) => Speaking>> =
  {
    '/v1/responses': (house) => (connection) => new ResponsesSocket(connection, house),
    '/v1/realtime': realtime,
    '/v1/live': realtime,
  }

function realtime(house: House, { model, callId }: Visit, key: NamedKey): (to: Connection) => Speaking {
  if (callId !== undefined) return besideCall(house, callId, key)
  if (model === undefined) {
    throw new ApiError(400, "You must provide a model parameter. For example, '?model=gpt-realtime'.", {
      code: 'missing_model',
    })
  }
  house.engine.shelf.find(model, key)
  return (connection) => new RealtimeSocket(connection, house, model)
}

/** The WebSocket beside a call over WebRTC, whose session it has. */
function besideCall(house: House, id: string, key: NamedKey): (to: Connection) => Speaking {
  const call = house.calls.find(id, key)
  if (call === undefined) {
    throw new ApiError(404, `No call found with id '${id}'.`, { param: 'call_id', code: 'call_id_not_found' })
  }
  return (connection) => new RealtimeSocket(connection, house, call.model, call.session)
}

/** Codex (0.169.0) asks for the WebSocket beside a call of /v1/live by its path, for others by `call_id`. */
const LIVE_CALL = /^(\/v1\/live)\/([^/]+)$/

/** Answers WebSocket handshakes: with a connection, or with an HTTP answer that says why not. */
export class Handshakes {
  readonly #house: House
  readonly #heads = new WeakMap<IncomingMessage, readonly string[]>()
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: LARGEST_MESSAGE_BYTES,
    handleProtocols: (offered) => (offered.has('realtime') ? 'realtime' : false),
  })

  constructor(house: House) {
    this.#house = house
    this.#server.on('headers', (lines, request) => lines.push(...(this.#heads.get(request) ?? [])))
  }

  /** Whether a request is one of them; any other may ask for an upgrade in vain. */
  concern(request: IncomingMessage): boolean {
    if (!this.#house.settings.webSockets || request.method !== 'GET') return false
    return (
      request.headers.upgrade?.toLowerCase() === 'websocket' && Object.hasOwn(SPEAKERS, endpointOf(pathOf(request)))
    )
  }

  /** Never rejects. */
  async answer(request: IncomingMessage, head: Buffer): Promise<void> {
    const visit = this.#receive(request)
    const { fault } = visit
    request.socket.on('error', () => request.socket.destroy())
    if (fault?.headDelayMs !== undefined) {
      await whenGone(request.socket, (gone) => this.#house.pace.wait(fault.headDelayMs ?? 0, gone))
    }
    if (request.socket.destroyed) return
    if (fault?.reset === 'before-head') await resetSocket(request.socket)
    else if (fault?.status === undefined) this.#decide(visit, head)
    else this.#refuse(visit, { status: fault.status, type: typeOfBody(fault), body: textOfBody(fault) })
  }

  #receive(request: IncomingMessage): Visit {
    const { method = 'GET', url = '/', httpVersion, rawHeaders, socket } = request
    const { controlled, keys } = this.#house
    const { remotePort } = socket
    controlled.requests.add({ method, url, httpVersion, rawHeaders, body: Buffer.alloc(0), at: Date.now(), remotePort })
    const path = pathOf(request)
    const query = new URL(url, 'http://simulator').searchParams
    const model = query.get('model') ?? undefined
    const callId = LIVE_CALL.exec(path)?.[2] ?? query.get('call_id') ?? undefined
    const key = keys.find(request.headers.authorization)?.name
    const fault = controlled.faults.meet({ path, model, key, on: 'handshake' })
    return { request, path, model, callId, requestId: newId('req'), fault, startedMs: performance.now() }
  }

  #decide(visit: Visit, head: Buffer): void {
    try {
      const key = this.#house.keys.admit(visit.request.headers)
      const speaker = SPEAKERS[endpointOf(visit.path)]?.(this.#house, visit, key)
      if (speaker !== undefined) this.#accept(visit, head, { key, speaker })
    } catch (cause) {
      const error = asApiError(cause)
      this.#refuse(visit, {
        status: error.status,
        type: JSON_BODY,
        body: error.body(),
        headers: error.detail.headers ?? {},
      })
    }
  }

  #accept(visit: Visit, head: Buffer, who: { key: NamedKey; speaker: (to: Connection) => Speaking }): void {
    const { request, path, model, requestId, fault } = visit
    const { settings, controlled, engine } = this.#house
    const turnState: ReplyHeaders =
      settings.turnState && path === '/v1/responses'
        ? { 'x-codex-turn-state': String(request.headers['x-codex-turn-state'] ?? newTurnState()) }
        : {}
    const limits = engine.limitHeaders(who.key, model)
    this.#heads.set(request, linesOf({ ...this.#headOf(visit, who.key), ...limits, ...turnState, ...fault?.headers }))
    this.#server.handleUpgrade(request, request.socket, head, (webSocket) => {
      const facts = { request, path, key: who.key, requestId }
      const connection = new Connection(webSocket, facts, controlled.connections)
      connection.listen(who.speaker(connection), controlled.connections, settings.wsMaxAgeMs)
      if (fault?.close !== undefined) connection.close(fault.close.code, fault.close.reason)
    })
  }

  /** Answers as HTTP and hangs up. */
  #refuse(visit: Visit, answer: { status: number; type: string; body: string; headers?: ReplyHeaders }): void {
    const { request, path, model, requestId, fault } = visit
    const { status, type, body, headers } = answer
    const key = this.#house.keys.find(request.headers.authorization)
    const { rawHeaders, socket } = request
    const record = this.#house.controlled.truth.open({ requestId, path, rawHeaders, transport: 'ws' })
    Object.assign(record, { key: key?.name, organization: key?.organization, project: key?.project, model, status })
    record.faulted = fault !== undefined
    const length = { 'content-length': String(Buffer.byteLength(body)), connection: 'close' }
    const head = { ...this.#headOf(visit, key), 'content-type': type, ...headers, ...fault?.headers, ...length }
    socket.once('close', () => (record.endedAt ??= Date.now()))
    socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...linesOf(head), '', body].join('\r\n'), () =>
      Object.assign(record, { terminal: true, terminalType: 'body', endedAt: Date.now() }),
    )
    socket.resume()
  }

  #headOf({ requestId, startedMs }: Visit, key: NamedKey | undefined): ReplyHeaders {
    const { 'content-type': _, ...head } = headOf({ requestId, startedMs, contentType: JSON_BODY, key })
    return { date: new Date().toUTCString(), ...head }
  }
}

function pathOf(request: IncomingMessage): string {
  return new URL(request.url ?? '/', 'http://simulator').pathname
}

function endpointOf(path: string): string {
  return LIVE_CALL.exec(path)?.[1] ?? path
}

function linesOf(headers: ReplyHeaders): string[] {
  return Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}`))
}
