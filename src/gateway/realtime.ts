import { queryModel } from '../core/intent.ts'
import { Refusal } from '../core/refusal.ts'
import type { SocketClient, Upstream } from '../ports.ts'
import { COME_BACK, type Conversation } from './conversation.ts'
import { checkModelAllowed, serving } from './eligible.ts'
import type { Gateway } from './gateway.ts'
import { callIdOf, socketRoute, type KnownCall } from './identify.ts'
import { openForHandshake, type Begun, type Declined } from './opening.ts'
import { RealtimeSession } from './realtime-session.ts'

/**
 * A realtime session: one of its own, or the one of a call over WebRTC, whose WebSocket is beside it. It lives at one key
 * from its handshake on, so it needs one that serves its model at once. Throws a Refusal when there is none, or when the
 * member has as many sessions as it may.
 */
export async function openSession(client: SocketClient, call: KnownCall, gateway: Gateway): Promise<Begun | Declined> {
  const { holder } = call
  call.facts = { ...call.facts, kind: 'realtime', model: queryModel(client.path) || undefined }
  const callId = callIdOf(client.path)
  const candidates = callId === undefined ? own(call, gateway) : [await makerOf(callId, call, gateway)]
  // A call has one WebSocket beside it, and a new one needs the place of the old one.
  if (callId !== undefined) gateway.sessions.closeBeside(callId)
  using scope = new DisposableStack()
  scope.use(await gateway.sessions.take(holder.member))
  const opened = await openForHandshake(client, call, { candidates, wait: true }, gateway)
  if ('reply' in opened) return opened
  const { line } = opened
  const place = scope.move()
  const { model } = call.facts
  return {
    line,
    // Of audio there is a message every few milliseconds.
    maxMessages: Infinity,
    flood: 'waits',
    talk: (on) => {
      // Nothing begins any more: whoever comes back at once finds the place free.
      on.signal.addEventListener('abort', () => place.dispose(), { once: true })
      if (callId !== undefined) place.use(takeOver(callId, on, gateway))
      return new RealtimeSession(on, { holder, line, model })
    },
    [Symbol.dispose]: () => place.dispose(),
  }
}

/** Whether a session of its own is asked for: Codex asks again for one beside a call, as long as its handshake is refused. */
export function isOwnSession({ path }: SocketClient): boolean {
  return socketRoute(path).path !== '/v1/responses' && callIdOf(path) === undefined
}

function own({ facts, holder }: KnownCall, { directory }: Gateway): readonly Upstream[] {
  checkModelAllowed(holder.member, facts.model)
  return serving(facts.model, directory, 'ws')
}

/** The key that made the call: nobody else knows it. Its model was looked at when it was made. */
async function makerOf(callId: string, call: KnownCall, gateway: Gateway): Promise<Upstream> {
  const made = await gateway.ledger.makerOf(call.holder.member.id, callId)
  if (!made) throw new Refusal('not_found', 'The gateway knows no call of yours by this id: it may be over.')
  call.facts = { ...call.facts, model: made.model }
  const upstream = gateway.directory.upstreams().find(({ id }) => id === made.upstream)
  if (upstream?.enabled === true && upstream.ws) return upstream
  throw new Refusal('no_upstream', 'The upstream key that this call was made with is not enabled any more.')
}

/** A call has one WebSocket beside it: with two each of its responses would be metered twice. */
function takeOver(callId: string, conversation: Conversation, { sessions }: Gateway): Disposable {
  return sessions.beside(callId, () => conversation.close(COME_BACK, 'another connection is beside this call'))
}
