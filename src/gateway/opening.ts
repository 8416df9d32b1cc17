import { judgeNoReply } from '../core/fault.ts'
import { Refusal } from '../core/refusal.ts'
import { NoSeat, type Reply, type SocketClient, type Upstream, type Wish } from '../ports.ts'
import type { ConversationOptions } from './conversation.ts'
import type { Gateway } from './gateway.ts'
import type { KnownCall } from './identify.ts'
import { openLine, type Line } from './line.ts'
import { noSeat } from './no-seat.ts'
import { ClientLeft, Patience } from './patience.ts'
import { unopened } from './turn-end.ts'

/** A handshake gets an answer within 15 s (codex-cli): what is not open by then is not opened in it. */
const OPENING_MS = 12_000
/** Of that, how long it may wait for a key. */
const WAIT_MS = 10_000

/** A line; or upstream's answer where its no is the client's. */
export type OpenedNow = { readonly line: Line } | Declined

export interface Declined {
  readonly reply: Reply
}

/** What is to be said over a WebSocket, and upstream's end of it where that is open already. Over when it is disposed of. */
export interface Begun extends Pick<ConversationOptions, 'line' | 'maxMessages' | 'flood' | 'talk'>, Disposable {}

/** Opens a line before the client's handshake is answered; throws a Refusal when none can be had. */
export async function openForHandshake(
  client: SocketClient,
  call: KnownCall,
  { candidates, wait }: { readonly candidates: readonly Upstream[]; readonly wait: boolean },
  gateway: Gateway,
): Promise<OpenedNow> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), OPENING_MS)
  const signal = AbortSignal.any([client.signal, late.signal])
  using patience = new Patience(client.signal, wait ? WAIT_MS : 0)
  try {
    return await opened({ headers: client.headers, path: client.path, signal }, call, candidates, { gateway, patience })
  } catch (cause) {
    // It calls the handshake upstream off, which is nobody's failure.
    throw client.signal.aborted ? new ClientLeft('the client left') : cause
  } finally {
    clearTimeout(timer)
  }
}

async function opened(
  opener: Parameters<typeof openLine>[0],
  { facts, holder }: KnownCall,
  candidates: readonly Upstream[],
  { gateway, patience }: { readonly gateway: Gateway; readonly patience: Patience },
): Promise<OpenedNow> {
  const conversation = facts.threadId ?? facts.sessionId
  const sticky = conversation === undefined ? undefined : `${holder.member.id}:${conversation}`
  let [left, failure] = [candidates, new Refusal('no_upstream', 'The gateway has no upstream key for WebSocket.')]
  while (left.length > 0 && !opener.signal.aborted) {
    const { id: call, model } = facts
    const wish: Wish = { call, member: holder.member, candidates: left, model, serviceTier: undefined, sticky }
    const on = { gateway, note: () => undefined, before: async () => undefined }
    const tried = await openLine(opener, wish, patience, on).catch((cause: unknown) => {
      throw cause instanceof NoSeat ? noSeat(wish, gateway, cause) : cause
    })
    if ('line' in tried) {
      await tried.seat[Symbol.asyncDispose]()
      return tried
    }
    const { judgement, reply, upstream } = tried.failure
    // Without a reply there was nothing that could be sent, to whichever key.
    if (judgement.next === 'pass' && reply) return { reply }
    // What was called off here for lack of time has no trouble of its own.
    failure = unopened(judgement.errorClass === 'client_left' ? judgeNoReply('timeout', true) : judgement)
    if (judgement.next === 'pass' || judgement.next === 'never') break
    left = left.filter(({ id }) => id !== upstream)
  }
  throw failure
}
