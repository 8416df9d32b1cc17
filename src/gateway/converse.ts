import { header, replyHeaders, without } from '../core/headers.ts'
import { intentOf } from '../core/intent.ts'
import { Refusal } from '../core/refusal.ts'
import type { CallId } from '../core/units.ts'
import type { Reply, Socket, SocketClient, Standing, Upstream } from '../ports.ts'
import { authenticate } from './authenticate.ts'
import { Conversation, NOT_ALLOWED } from './conversation.ts'
import { Dialogue } from './dialogue.ts'
import type { Gateway } from './gateway.ts'
import { knownCall, NOTHING_ASKED, socketRoute, type KnownCall } from './identify.ts'
import type { Line } from './line.ts'
import { openForHandshake, type Begun, type Declined, type OpenedNow } from './opening.ts'
import { isOwnSession, openSession } from './realtime.ts'
import { explained, noteRefusal, RefusedCallError } from './refused.ts'
import { REFUSED_MS, soon } from './soon.ts'
import { refuseSpent } from './spent.ts'
import { standingOf } from './standing.ts'

/** How long who is told no has to hear it. */
const TOLD_MS = 2000

/** Upstream refused the handshake in a way that is the client's to know: with this answer. */
export class HandshakeRefused extends Error {
  override readonly name = 'HandshakeRefused'
  readonly reply: Reply
  readonly callId: CallId
  /** The member's windows, as far as they are limited and known. */
  readonly standing: Standing | undefined

  constructor(reply: Reply, callId: CallId, standing: Standing | undefined) {
    super(`upstream refused the handshake: ${reply.status}`)
    this.reply = reply
    this.callId = callId
    this.standing = standing
  }
}

/**
 * One WebSocket, from its handshake to its end: turns of the Responses API, or a realtime session.
 *
 * Rejects, before it is accepted, with a Refusal (a stranger's), a RefusedCallError (a member's) or HandshakeRefused;
 * the edge answers. A realtime session is refused in a message of its own.
 */
export async function converse(client: SocketClient, gateway: Gateway): Promise<void> {
  const holder = authenticate(client.headers, gateway.directory, gateway.now)
  const call = knownCall(client, holder, socketRoute(client.path), gateway.now())
  const isDialogue = call.route.path === '/v1/responses'
  if (isDialogue && socketKeys(gateway).length === 0) {
    throw new Refusal('upgrade_refused', 'No upstream key of this gateway is for WebSocket. Go on over HTTP.')
  }
  let standing: Standing | undefined
  let begun: Begun | Declined
  try {
    if (!intentOf(client.headers, client.path, NOTHING_ASKED).codex) {
      throw new Refusal('codex_only', 'This gateway serves Codex only, and nothing about this request says Codex.')
    }
    standing = await standingOf(holder.member, gateway)
    if (standing) refuseSpent(standing, gateway)
    begun = await (isDialogue ? openDialogue : openSession)(client, call, gateway)
  } catch (cause) {
    const refused = await explained(cause, call, false, gateway)
    if (!(refused instanceof RefusedCallError) || !isOwnSession(client)) throw refused
    return await tellNo(client, call, refused)
  }
  if ('reply' in begun) {
    const { reply } = begun
    const requestId = header(reply.headers, 'x-request-id') ?? call.facts.id
    await soon(noteRefusal(call, { status: reply.status, code: 'upstream_error', requestId }, gateway), REFUSED_MS)
    throw new HandshakeRefused(reply, call.facts.id, standing)
  }
  using talking = begun
  await conversed(client, call, talking, gateway)
}

/**
 * Accepts a handshake only to say why nothing will come of it. What a refused one says no client of realtime sessions
 * shows: Codex (0.169.0) and OpenAI's own tell its status, browsers nothing at all.
 */
async function tellNo(client: SocketClient, { facts }: KnownCall, refused: RefusedCallError): Promise<void> {
  // Who offers subprotocols takes no answer that chooses none.
  const [protocol = ''] = (header(client.headers, 'sec-websocket-protocol') ?? '').split(',')
  const chosen = protocol === '' ? [] : ['sec-websocket-protocol', protocol.trim()]
  const socket = client.accept(['x-request-id', facts.id, ...chosen], facts.member)
  const closed = new Promise<void>((resolve) => socket.listen({ message: () => undefined, closed: () => resolve() }))
  await client.refuse(refused)
  // Codex says something first, and of a connection that is closed by then tells only that.
  await soon(closed, TOLD_MS)
  socket.close(NOT_ALLOWED, refused.refusal.code)
  await closed
}

async function conversed(
  client: SocketClient,
  call: KnownCall,
  { line, maxMessages, flood, talk }: Begun,
  gateway: Gateway,
): Promise<void> {
  const socket = accepted(client, line, call)
  const { id, member, key, path, sessionId, threadId, startedAt } = call.facts
  const connection = { id, member, key, path, sessionId, threadId, upstream: line?.upstream.id, startedAt }
  const told = (cause: unknown): void =>
    gateway.log.warn('connection not in the ledger', { call: id, cause: String(cause) })
  gateway.ledger.connected(connection).catch(told)
  const conversation = new Conversation(client, socket, { id, gateway, line, member, maxMessages, flood, talk })
  await conversation.over
  await gateway.ledger.disconnected({ ...conversation.summary, id, endedAt: gateway.now() }).catch(told)
}

function socketKeys({ directory }: Gateway): readonly Upstream[] {
  return directory.upstreams().filter((upstream) => upstream.enabled && upstream.ws)
}

/**
 * Turns of the Responses API. Where a key is only missing for now the handshake is accepted all the same, and the first
 * turn waits for one, or hears why there is none: a refused handshake turns WebSocket off for Codex's whole session. That
 * is what helps where no WebSocket can be had upstream for longer than a moment.
 */
async function openDialogue(client: SocketClient, call: KnownCall, gateway: Gateway): Promise<Begun | Declined> {
  const candidates = socketKeys(gateway)
  let opened: OpenedNow | undefined
  try {
    opened = await openForHandshake(client, call, { candidates, wait: false }, gateway)
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause
    if (gateway.socketTrouble.lasts(gateway.now())) {
      throw new Refusal('upgrade_refused', 'OpenAI takes no WebSockets at the moment. Go on over HTTP.', { cause })
    }
  }
  if (opened && 'reply' in opened) return opened
  const { maxMessages } = gateway.settings.socket
  const talk: Begun['talk'] = (on) => new Dialogue(on)
  return { line: opened?.line, maxMessages, flood: 'ends', talk, [Symbol.dispose]: () => undefined }
}

function accepted(client: SocketClient, line: Line | undefined, call: KnownCall): Socket {
  try {
    return client.accept(line ? shown(line, call) : ['x-request-id', call.facts.id], call.facts.member)
  } catch (cause) {
    // Nobody is there to use it.
    line?.socket.cut()
    throw cause
  }
}

const OWN_HANDSHAKE = /^sec-websocket-(?!protocol$)/i

/** Upstream's own headers, less what is its account's; of the model nothing was asked yet that it could be compared with. */
function shown(line: Line, call: KnownCall): readonly string[] {
  const headers = replyHeaders(line.headers, { callId: call.facts.id, requestedModel: undefined, standing: undefined })
  return without(headers, 'openai-model').filter((_, i, all) => !OWN_HANDSHAKE.test(all[i - (i % 2)] ?? ''))
}
