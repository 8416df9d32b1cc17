import { queryModel } from '../core/intent.ts'
import type { SocketClient } from '../ports.ts'
import { checkModelAllowed, serving } from './eligible.ts'
import type { Gateway } from './gateway.ts'
import type { KnownCall } from './identify.ts'
import { openForHandshake, type Begun, type Declined } from './opening.ts'
import { RealtimeSession } from './realtime-session.ts'

/**
 * A realtime session. It lives at one key from its handshake on, so it needs one that serves its model at once. Throws a
 * Refusal when there is none, or when the member has as many sessions as it may.
 */
export async function openSession(client: SocketClient, call: KnownCall, gateway: Gateway): Promise<Begun | Declined> {
  const { holder } = call
  const model = queryModel(client.path) || undefined
  call.facts = { ...call.facts, kind: 'realtime', model }
  checkModelAllowed(holder.member, model)
  using scope = new DisposableStack()
  scope.use(gateway.sessions.take(holder.member))
  const candidates = serving(model, gateway.directory, 'ws')
  const opened = await openForHandshake(client, call, { candidates, wait: true }, gateway)
  if ('reply' in opened) return opened
  const { line } = opened
  const place = scope.move()
  return {
    line,
    // Of audio there is a message every few milliseconds.
    maxMessages: Infinity,
    talk: (on) => new RealtimeSession(on, { holder, line, model }),
    [Symbol.dispose]: () => place.dispose(),
  }
}
