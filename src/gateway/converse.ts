import { header, replyHeaders, without } from '../core/headers.ts'
import { intentOf } from '../core/intent.ts'
import { Refusal } from '../core/refusal.ts'
import type { CallId } from '../core/units.ts'
import { NoSeat, type Reply, type Socket, type SocketClient, type Standing, type Wish } from '../ports.ts'
import { refuseSpent } from './admit.ts'
import { authenticate } from './authenticate.ts'
import { Conversation } from './conversation.ts'
import type { Gateway } from './gateway.ts'
import { knownCall, NOTHING_ASKED, SOCKET_ROUTE, type KnownCall } from './identify.ts'
import { openLine, type Line } from './line.ts'
import { Patience } from './patience.ts'
import { explained, noteRefusal } from './refused.ts'
import { REFUSED_MS, soon } from './soon.ts'
import { standingOf } from './standing.ts'

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

/** Codex gives a handshake 15 s: what is not open by then is opened by the first turn, for which Codex waits longer. */
const OPENING_MS = 12_000

/**
 * One WebSocket, from its handshake to its end; every turn in it is a call of its own (`Turn`).
 *
 * Rejects, before it is accepted, with a Refusal (a stranger's), a RefusedCallError (a member's) or HandshakeRefused;
 * the edge answers. Where a key is only missing for now it is accepted all the same, and its first turn waits: a
 * refused handshake turns WebSocket off for the whole of Codex's session.
 */
export async function converse(client: SocketClient, gateway: Gateway): Promise<void> {
  const holder = authenticate(client.headers, gateway.directory, gateway.now)
  const call = knownCall(client, holder, SOCKET_ROUTE, gateway.now())
  let standing: Standing | undefined
  try {
    if (!intentOf(client.headers, client.path, NOTHING_ASKED).codex) {
      throw new Refusal('codex_only', 'This gateway serves Codex only, and nothing about this request says Codex.')
    }
    standing = await standingOf(holder.member, gateway)
    if (standing) refuseSpent(standing)
  } catch (cause) {
    throw await explained(cause, call, false, gateway)
  }
  const opened = await openedNow(client, call, gateway)
  if (opened && 'reply' in opened) {
    const { reply } = opened
    const requestId = header(reply.headers, 'x-request-id') ?? call.facts.id
    await soon(noteRefusal(call, { status: reply.status, code: 'upstream_error', requestId }, gateway), REFUSED_MS)
    throw new HandshakeRefused(reply, call.facts.id, standing)
  }
  const line = opened?.line
  const socket = accepted(client, line, call)
  const { id, member, key, path, sessionId, threadId, startedAt } = call.facts
  const connection = { id, member, key, path, sessionId, threadId, upstream: line?.upstream.id, startedAt }
  const told = (cause: unknown): void =>
    gateway.log.warn('connection not in the ledger', { call: id, cause: String(cause) })
  gateway.ledger.connected(connection).catch(told)
  const conversation = new Conversation(client, socket, line, { gateway, member: holder.member.id })
  await conversation.over
  await gateway.ledger.disconnected({ ...conversation.summary, id, endedAt: gateway.now() }).catch(told)
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

type OpenedNow = { readonly line: Line } | { readonly reply: Reply } | undefined

/** A line at the best key, if one can be had without waiting; upstream's answer where its no is the client's. */
async function openedNow(client: SocketClient, call: KnownCall, gateway: Gateway): Promise<OpenedNow> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), OPENING_MS)
  try {
    return await openedBy(late.signal, client, call, gateway)
  } finally {
    clearTimeout(timer)
  }
}

async function openedBy(
  late: AbortSignal,
  client: SocketClient,
  { facts, holder }: KnownCall,
  gateway: Gateway,
): Promise<OpenedNow> {
  const { headers, path } = client
  const opener = { headers, path, signal: AbortSignal.any([client.signal, late]) }
  const conversation = facts.threadId ?? facts.sessionId
  const sticky = conversation === undefined ? undefined : `${holder.member.id}:${conversation}`
  let candidates = gateway.directory.upstreams().filter((upstream) => upstream.enabled && upstream.ws)
  while (candidates.length > 0 && !late.aborted) {
    const wish: Wish = { call: facts.id, candidates, model: undefined, serviceTier: undefined, sticky }
    using patience = new Patience(client.signal, 0)
    try {
      const on = { gateway, note: () => undefined, before: async () => undefined }
      const opened = await openLine(opener, wish, patience, on)
      if ('line' in opened) {
        await opened.seat[Symbol.asyncDispose]()
        return opened
      }
      const { judgement, reply, upstream } = opened.failure
      // Without a reply there was nothing that could be sent, to whichever key.
      if (judgement.next === 'pass') return reply && { reply }
      if (judgement.next === 'never') return undefined
      candidates = candidates.filter(({ id }) => id !== upstream)
    } catch (cause) {
      // The first turn waits for a key, or hears why there is none.
      if (cause instanceof Refusal || cause instanceof NoSeat) return undefined
      throw cause
    }
  }
  return undefined
}

const OWN_HANDSHAKE = /^sec-websocket-(?!protocol$)/i

/** Upstream's own headers, less what is its account's; of the model nothing was asked yet that it could be compared with. */
function shown(line: Line, call: KnownCall): readonly string[] {
  const headers = replyHeaders(line.headers, { callId: call.facts.id, requestedModel: undefined, standing: undefined })
  return without(headers, 'openai-model').filter((_, i, all) => !OWN_HANDSHAKE.test(all[i - (i % 2)] ?? ''))
}
