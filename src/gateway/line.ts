import type { Manner } from '../core/choice.ts'
import { judgeNoReply, judgeReply, type Judgement } from '../core/fault.ts'
import { readErrorBody } from '../core/error-body.ts'
import { header, upstreamHeaders } from '../core/headers.ts'
import {
  NoReply,
  type Handshake,
  type HeaderList,
  type Seat,
  type Socket,
  type SocketClient,
  type Upstream,
  type Wish,
} from '../ports.ts'
import type { UpstreamId } from '../core/units.ts'
import type { Gateway } from './gateway.ts'
import type { Patience } from './patience.ts'
import { reportFailure } from './report.ts'
import { learn, type Failure } from './try-once.ts'

/** The upstream side of a conversation: one socket at one key. */
export interface Line {
  readonly upstream: Upstream
  /** How its key was chosen. */
  readonly chosen: Manner
  readonly organization: string | undefined
  readonly headers: HeaderList
  readonly socket: Socket
}

/** What came of trying to open a line: with the place of the key that has it, or without any. */
export type Opened =
  | { readonly line: Line; readonly seat: Seat }
  | { readonly failure: Failure & { readonly upstream: UpstreamId } }

/** One try at one key: what is told of it. */
export type Note = (outcome: {
  readonly upstream: Upstream
  readonly chosen: Manner
  readonly status: number | undefined
  readonly errorClass: string | undefined
  readonly sent: boolean
  readonly startedAt: number
}) => void

/** As upstream understands it, less what is the gateway's own. */
const OWN = new Set(['sec-websocket-key', 'sec-websocket-version', 'sec-websocket-extensions'])

/** Who asked for the WebSocket; `signal` calls the handshake upstream off. */
export type Opener = Pick<SocketClient, 'headers' | 'path' | 'signal'>

/** Opens a line at the best key that can be had within `patience`; rejects with what its waits reject with. */
export async function openLine(
  client: Opener,
  wish: Wish,
  patience: Patience,
  { gateway, note, before }: { gateway: Gateway; note: Note; before: (seat: Seat) => Promise<void> },
): Promise<Opened> {
  const expectedMs = (): number | undefined => gateway.coordinator.soonest(wish)
  const seat = await patience.wait('seat', (signal) => gateway.coordinator.seat(wish, signal), { expectedMs })
  const startedAt = gateway.now()
  const { upstream, chosen } = seat
  try {
    await before(seat)
    const handshake = await gateway.upstream.connect(requestOf(client, gateway), upstream, client.signal)
    learn(handshake, upstream, gateway)
    if (handshake.socket) {
      note({ upstream, chosen, status: 101, errorClass: undefined, sent: true, startedAt })
      gateway.coordinator.report(upstream, { kind: 'answering' })
      gateway.socketTrouble.worked(gateway.now())
      const organization = header(handshake.headers, 'openai-organization') ?? upstream.organization
      return { line: { upstream, chosen, organization, headers: handshake.headers, socket: handshake.socket }, seat }
    }
    const judgement = judgeRefusal(handshake, wish, gateway)
    note({ upstream, chosen, status: handshake.status, errorClass: judgement.errorClass, sent: true, startedAt })
    return await failed(seat, wish, gateway, { judgement, reply: whole(handshake), startedAt })
  } catch (cause) {
    if (!(cause instanceof NoReply)) {
      await seat[Symbol.asyncDispose]()
      throw cause
    }
    const judgement = judgeNoReply(cause.reason, cause.sent)
    note({ upstream, chosen, status: undefined, errorClass: judgement.errorClass, sent: cause.sent, startedAt })
    return await failed(seat, wish, gateway, { judgement, reply: undefined, startedAt })
  }
}

async function failed(
  seat: Seat,
  wish: Wish,
  gateway: Gateway,
  { startedAt, ...failure }: Failure & { readonly startedAt: number },
): Promise<Opened> {
  reportFailure(wish.call, seat.upstream, failure.judgement, gateway)
  if (failure.judgement.whoseTrouble === 'upstream' && failure.judgement.counts)
    gateway.socketTrouble.failed(startedAt, gateway.now())
  await seat[Symbol.asyncDispose]()
  return { failure: { ...failure, upstream: seat.upstream.id } }
}

function requestOf(client: Opener, gateway: Gateway): Parameters<Gateway['upstream']['connect']>[0] {
  const headers: string[] = []
  const sent = upstreamHeaders(client.headers)
  for (let i = 0; i < sent.length; i += 2) {
    if (!OWN.has(sent[i]?.toLowerCase() ?? '')) headers.push(sent[i] ?? '', sent[i + 1] ?? '')
  }
  return { path: client.path, headers, headTimeoutMs: gateway.settings.handshakeTimeoutMs }
}

function judgeRefusal(refused: Extract<Handshake, { body: Uint8Array }>, wish: Wish, gateway: Gateway): Judgement {
  const error = readErrorBody(refused.body)
  return judgeReply({
    status: refused.status,
    headers: refused.headers,
    errorCode: error.code,
    errorType: error.type,
    errorMessage: error.message,
    errorParam: error.param,
    model: wish.model,
    serviceTier: wish.serviceTier,
    now: gateway.now(),
  })
}

/** A refusal that was read already, as an answer to be passed on. */
function whole({ status, headers, body }: Extract<Handshake, { body: Uint8Array }>): Failure['reply'] {
  return {
    status,
    headers,
    pump: (sink) => {
      sink(body)
      return Promise.resolve()
    },
    cancel: () => undefined,
  }
}
