import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { ApiError } from './api-error.ts'
import { completeChat } from './chat.ts'
import { compact } from './compact.ts'
import { control, type Controlled } from './control.ts'
import { Delivery } from './delivery.ts'
import { Engine } from './engine.ts'
import type { Fault } from './faults.ts'
import { headOf } from './head.ts'
import { newId } from './ids.ts'
import { asText, type JsonObject } from './json.ts'
import { KeyRing, type NamedKey } from './keys.ts'
import type { Settings } from './options.ts'
import { Outlet, type ReplyHeaders } from './outlet.ts'
import { Pace } from './pace.ts'
import { decodeBody, readBody } from './request-body.ts'
import { createResponse } from './responses.ts'
import { JSON_BODY, type Turn } from './turn.ts'

type Endpoint = (turn: Turn, engine: Engine, settings: Settings) => Promise<void>

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  '/v1/responses': (turn, engine, settings) => createResponse(turn, engine, settings.turnState),
  '/v1/responses/compact': compact,
  '/v1/chat/completions': completeChat,
}

/** The HTTP server of the simulated API, not yet listening. */
export function simulatedApi(settings: Settings, controlled: Controlled, engine: Engine): Server {
  const api = new Api(settings, controlled, engine)
  return createServer({ maxHeaderSize: 256 * 1024, keepAliveTimeout: 75_000 }, (request, response) => {
    if (request.url?.startsWith('/simulator/')) void control(request, response, controlled)
    else void api.answer(request, response)
  })
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
  readonly #settings: Settings
  readonly #controlled: Controlled
  readonly #engine: Engine
  readonly #keys: KeyRing
  readonly #pace = new Pace()

  constructor(settings: Settings, controlled: Controlled, engine: Engine) {
    this.#settings = settings
    this.#controlled = controlled
    this.#engine = engine
    this.#keys = new KeyRing(settings.keys)
  }

  /** Never rejects: what goes wrong is answered, or is a client that has left. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const visit = await this.#receive(request, response)
    if (visit === undefined) return
    const { delivery, fault, head } = visit
    try {
      if (fault?.status === undefined) await this.#route(visit)
      else
        await delivery.body(
          fault.status,
          head(typeof fault.body === 'string' ? 'text/plain' : JSON_BODY),
          textOf(fault),
        )
    } catch (cause) {
      const error = cause instanceof ApiError ? cause : new ApiError(500, describe(cause), { type: 'server_error' })
      await delivery.body(error.status, { ...head(JSON_BODY), ...error.detail.headers }, error.body())
    }
  }

  /** Reads the request and opens its record; undefined when the client leaves before its end. */
  async #receive(request: IncomingMessage, response: ServerResponse): Promise<Visit | undefined> {
    const [requestId, startedMs, at] = [newId('req'), performance.now(), Date.now()]
    const { pathname: path } = new URL(request.url ?? '/', 'http://simulator')
    const key = this.#keys.find(request.headers.authorization)
    const record = this.#controlled.truth.open({ requestId, path, rawHeaders: request.rawHeaders })
    if (key !== undefined)
      Object.assign(record, { key: key.name, organization: key.organization, project: key.project })
    const bytes = await readBody(request).catch(leftOrTooLarge)
    if (bytes === undefined) {
      Object.assign(record, { aborted: true, endedAt: Date.now() })
      return undefined
    }
    const { method = 'GET', url = '/', httpVersion, rawHeaders } = request
    const { remotePort } = request.socket
    this.#controlled.requests.add({
      method,
      url,
      httpVersion,
      rawHeaders,
      body: bytes instanceof ApiError ? Buffer.alloc(0) : bytes,
      at,
      remotePort,
    })
    const body =
      bytes instanceof ApiError ? bytes : await decodeBody(bytes, request.headers['content-encoding']).catch(asApiError)
    const fields = body instanceof ApiError ? {} : body
    record.model = asText(fields['model'])
    record.stream = fields['stream'] === true
    const fault = this.#controlled.faults.meet({ path, model: record.model, key: key?.name })
    const outlet = new Outlet({ response, record, fault, pace: this.#pace })
    const delivery = new Delivery(outlet, record, { pace: this.#pace, settings: this.#settings, fault })
    const head = (contentType: string): ReplyHeaders => headOf({ requestId, startedMs, contentType, key })
    return { request, path, key, body, fault, delivery, record, head }
  }

  async #route(visit: Visit): Promise<void> {
    const { request, path, body, delivery, head } = visit
    const { method = 'GET', headers } = request
    const key = this.#keys.authenticate(headers.authorization)
    refuseOthersOrganization(headers, key)
    if (path === '/v1/models' && method === 'GET') {
      await delivery.body(200, head(JSON_BODY), this.#engine.shelf.list(key))
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
    await endpoint({ ...visit, key, body, header }, this.#engine, this.#settings)
  }
}

/** A caller may name an organization or a project, but only its own. Throws OpenAI's 401. */
function refuseOthersOrganization(headers: IncomingMessage['headers'], key: NamedKey): void {
  for (const owner of ['organization', 'project'] as const) {
    const named = headers[`openai-${owner}`]
    if (named === undefined || named === key[owner]) continue
    throw new ApiError(
      401,
      `OpenAI-${owner === 'project' ? 'Project' : 'Organization'} header should match ${owner} for API key`,
      {
        code: `mismatched_${owner}`,
      },
    )
  }
}

function textOf({ body }: Fault): string {
  if (typeof body === 'string') return body
  return body === undefined ? '' : JSON.stringify(body)
}

/** The refusal of a body that is too large; undefined for a client that left before its end. */
function leftOrTooLarge(cause: unknown): ApiError | undefined {
  return cause instanceof ApiError ? cause : undefined
}

function asApiError(cause: unknown): ApiError {
  return cause instanceof ApiError ? cause : new ApiError(500, describe(cause), { type: 'server_error' })
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
