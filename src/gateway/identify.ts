import { createHash, randomBytes } from 'node:crypto'
import type { Asked, BadBody } from '../core/body.ts'
import { intentOf, type Intent } from '../core/intent.ts'
import type { Dialect } from '../core/meter.ts'
import { Refusal } from '../core/refusal.ts'
import type { CallId, EpochMs } from '../core/units.ts'
import type { Body, CallFacts, Client, Holder } from '../ports.ts'
import { checkModelAllowed } from './eligible.ts'
import type { Route } from './routes.ts'

/** A call from the moment its caller is known: what stands of it in the ledger, whatever becomes of it. */
export interface KnownCall {
  readonly holder: Holder
  readonly route: Extract<Route, { kind: 'call' }>
  facts: CallFacts
  /** Whether a Codex turn asked, which reads refusals its own way. */
  native: boolean
}

/** A call that is worth admitting. */
export interface CallRequest {
  readonly holder: Holder
  readonly facts: CallFacts
  readonly dialect: Dialect
  /** As of its call. */
  readonly native: boolean
  readonly asked: Asked
  readonly intent: Intent
  readonly body: Body
  /** Size of the body without its content-encoding. */
  readonly bodyBytes: number
  /** Whether it sends only what is new, and upstream knows the rest. */
  readonly continues: boolean
  /** Tells the conversation's oldest ciphertext from all others; undefined when it carries none. */
  readonly ciphertext: string | undefined
}

/** Codex (0.169.0) names the call that its WebSocket is beside in the path there, elsewhere in the query. */
const LIVE_CALL = /^(\/v1\/live)\/([^/]+)$/

/** The call over WebRTC that a WebSocket is beside; undefined when it is a session of its own. */
export function callIdOf(pathAndQuery: string): string | undefined {
  const [path = '', query = ''] = pathAndQuery.split('?', 2)
  return LIVE_CALL.exec(path)?.[2] ?? new URLSearchParams(query).get('call_id') ?? undefined
}

/** What is said over a WebSocket. */
export function socketRoute(pathAndQuery: string): KnownCall['route'] {
  const path = pathAndQuery.split('?', 1)[0] ?? ''
  // The id of a call is no part of the route.
  return { kind: 'call', path: path.replace(LIVE_CALL, '$1'), dialect: 'responses', socket: true }
}

/** What a call says beside its body. */
export type Asker = Pick<Client, 'headers' | 'path'>

export function knownCall(client: Asker, holder: Holder, route: KnownCall['route'], now: EpochMs): KnownCall {
  // Until the body is read, the headers alone tell the dialect.
  const { codex, kind, sessionId, threadId, turnId } = intentOf(
    client.headers,
    client.path,
    NOTHING_ASKED,
    route.purpose,
  )
  const facts: CallFacts = {
    id: newCallId(now),
    member: holder.member.id,
    key: holder.key.id,
    kind,
    transport: route.socket === true ? 'ws' : 'http',
    path: route.path,
    model: undefined,
    serviceTier: undefined,
    sessionId,
    threadId,
    turnId,
    startedAt: now,
  }
  return { holder, route, facts, native: codex && route.path === '/v1/responses' }
}

export const NOTHING_ASKED: Asked = {
  type: undefined,
  model: undefined,
  stream: false,
  serviceTier: undefined,
  generate: true,
  stored: false,
  includeUsage: false,
  streamOptions: undefined,
  ciphertextAt: undefined,
  endsInUserInput: false,
  endsInCompactionTrigger: false,
  sessionId: undefined,
  threadId: undefined,
  promptCacheKey: undefined,
  previousResponseId: undefined,
  turnMetadata: undefined,
}

/** Completes the call's facts by what was read of its body; throws a Refusal for what is not to be served. */
export function identify(client: Asker, call: KnownCall, body: Body, asked: Asked | BadBody): CallRequest {
  const plain = body.plain
  if ('problem' in asked) throw new Refusal('invalid_request', asked.problem)
  const intent = intentOf(client.headers, client.path, asked, call.route.purpose)
  const { kind, sessionId, threadId, turnId } = intent
  const overHttp = asked.stream ? 'sse' : 'http'
  const transport = call.facts.transport === 'ws' ? 'ws' : overHttp
  call.facts = {
    ...call.facts,
    kind,
    transport,
    model: asked.model,
    serviceTier: asked.serviceTier,
    sessionId,
    threadId,
    turnId,
  }
  call.native = intent.codex && transport !== 'http' && call.route.path === '/v1/responses'
  if (!intent.codex) {
    throw new Refusal(
      'codex_only',
      'This gateway serves Codex only, and nothing about this request says Codex: neither its model, nor its user agent, nor a session header.',
    )
  }
  checkModelAllowed(call.holder.member, asked.model)
  return {
    holder: call.holder,
    facts: call.facts,
    dialect: call.route.dialect,
    native: call.native,
    asked,
    intent,
    body,
    bodyBytes: plain.length,
    continues: asked.previousResponseId !== undefined,
    ciphertext: asked.ciphertextAt === undefined ? undefined : fingerprint(plain, asked.ciphertextAt),
  }
}

/** Ciphertexts begin with a version and the time; what is random follows within so many characters. */
const TELLING_CHARS = 100

function fingerprint(plain: Uint8Array, at: number): string {
  return createHash('sha256')
    .update(plain.subarray(at, at + TELLING_CHARS))
    .digest('base64url')
}

/** A UUID of version 7 (RFC 9562): sorts by time. */
function newCallId(now: EpochMs): CallId {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now, 0, 6)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as CallId
}
