import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { ApiError, asApiError } from './api-error.ts'
import { completeChat } from './chat.ts'
import { compact } from './compact.ts'
import { control } from './control.ts'
import { Delivery } from './delivery.ts'
import { textOfBody, typeOfBody, type Fault } from './faults.ts'
import { Handshakes } from './handshake.ts'
import { headOf } from './head.ts'
import type { House } from './house.ts'
import { newId } from './ids.ts'
import { asText, type JsonObject } from './json.ts'
import type { NamedKey } from './keys.ts'
import { decodeOffer, takeOffer } from './offer.ts'
import { Outlet, type ReplyHeaders } from './outlet.ts'
import { decodeBody, readBody } from './request-body.ts'
import { Organizations } from './organization.ts'
import { createResponse } from './responses.ts'
import { search } from './search.ts'
import { JSON_BODY, type Turn } from './turn.ts'

type Endpoint = (turn: Turn, house: House) => Promise<void>

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  '/v1/responses': (turn, { engine, settings }) => createResponse(turn, engine, settings.turnState),
  '/v1/responses/compact': (turn, { engine }) => compact(turn, engine),
  '/v1/chat/completions': (turn, { engine }) => completeChat(turn, engine),
  '/v1/alpha/search': (turn, { engine, settings }) => search(turn, engine, settings.searchCiphertext),
  '/v1/realtime/calls': takeOffer,
  '/v1/live': takeOffer,
}

/** The HTTP server of the simulated API, not yet listening. */
export function simulatedApi(house: House): Server {
  const api = new Api(house)
  const organizations = new Organizations(house)
  const handshakes = new Handshakes(house)
  const options: ServerOptions = {
    maxHeaderSize: 256 * 1024,
    keepAliveTimeout: 75_000,
    shouldUpgradeCallback: (request) => handshakes.concern(request),
  }
  const server = createServer(options, (request, response) => {
    if (request.url?.startsWith('/simulator/')) void control(request, response, house.controlled)
    else if (request.url?.startsWith('/v1/organization/')) organizations.answer(request, response)
    else void api.answer(request, response)
  })
  server.on('upgrade', (request, _socket, head: Buffer) => void handshakes.answer(request, head))
  return server
}

/** A request on its way to its answer. */
interface Visit {
  readonly request: IncomingMessage
  readonly path: string
  readonly key: NamedKey | undefined
  readonly body: JsonObject | ApiError
  readonly fault: Fault | undefined
  readonly delivery: Delivery
  readonly record: Turn['record']
  readonly head: (contentType: string) => ReplyHeaders
}

class Api {
  readonly #house: House

  constructor(house: House) {
    this.#house = house
  }

  /** Never rejects: what goes wrong is answered, or is a client that has left. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const visit = await this.#receive(request, response)
    if (visit === undefined) return
    const { delivery, fault, head } = visit
    try {
      if (fault?.status === undefined) await this.#route(visit)
      else await delivery.body(fault.status, head(typeOfBody(fault)), textOfBody(fault))
    } catch (cause) {
      const error = asApiError(cause)
      await delivery.body(error.status, { ...head(JSON_BODY), ...error.detail.headers }, error.body())
    }
  }

  /** Reads the request and opens its record; undefined when the client leaves before its end. */
  async #receive(request: IncomingMessage, response: ServerResponse): Promise<Visit | undefined> {
    const { controlled, keys, pace, settings } = this.#house
    const [requestId, startedMs, at] = [newId('req'), performance.now(), Date.now()]
    const { pathname: path } = new URL(request.url ?? '/', 'http://simulator')
    const key = keys.find(request.headers.authorization)
    const record = controlled.truth.open({ requestId, path, rawHeaders: request.rawHeaders })
    if (key !== undefined)
      Object.assign(record, { key: key.name, organization: key.organization, project: key.project })
    const bytes = await readBody(request).catch(leftOrTooLarge)
    if (bytes === undefined) {
      Object.assign(record, { aborted: true, endedAt: Date.now() })
      return undefined
    }
    const { method = 'GET', url = '/', httpVersion, rawHeaders } = request
    const { remotePort } = request.socket
    controlled.requests.add({
      method,
      url,
      httpVersion,
      rawHeaders,
      body: bytes instanceof ApiError ? Buffer.alloc(0) : bytes,
      at,
      remotePort,
    })
    const body = bytes instanceof ApiError ? bytes : await decoded(bytes, path, request).catch(asApiError)
    const fields = body instanceof ApiError ? {} : body
    record.model = asText(fields['model'])
    record.stream = fields['stream'] === true
    const fault = controlled.faults.meet({ path, model: record.model, key: key?.name })
    const outlet = new Outlet({ response, record, fault, pace })
    const delivery = new Delivery(outlet, record, { pace, settings, fault })
    const head = (contentType: string): ReplyHeaders => headOf({ requestId, startedMs, contentType, key })
    return { request, path, key, body, fault, delivery, record, head }
  }

  async #route(visit: Visit): Promise<void> {
    const { request, path, body, delivery, head } = visit
    const { method = 'GET', headers } = request
    const key = this.#house.keys.admit(headers)
    if (path === '/v1/models' && method === 'GET') {
      await delivery.body(200, head(JSON_BODY), this.#house.engine.shelf.list(key))
      return
    }
    const endpoint = ENDPOINTS[path]
    if (endpoint === undefined) throw new ApiError(404, `Invalid URL (${method} ${path})`)
    if (method === 'GET' && headers.upgrade !== undefined)
      throw new ApiError(426, 'This server does not speak WebSocket.')
    if (method !== 'POST')
      throw new ApiError(405, `Not allowed to ${method} on ${path}.`, { code: 'method_not_supported' })
    if (body instanceof ApiError) throw body
    const header = (name: string): string | undefined => asText(headers[name])
    await endpoint({ ...visit, key, body, header }, this.#house)
  }
}

function decoded(bytes: Buffer, path: string, request: IncomingMessage): Promise<JsonObject> {
  if (ENDPOINTS[path] === takeOffer) return decodeOffer(bytes, request)
  return decodeBody(bytes, request.headers['content-encoding'])
}

/** The refusal of a body that is too large; undefined for a client that left before its end. */
function leftOrTooLarge(cause: unknown): ApiError | undefined {
  return cause instanceof ApiError ? cause : undefined
}
