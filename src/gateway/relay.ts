import type { Judgement } from '../core/fault.ts'
import { header, replyHeaders, upstreamHeaders, without } from '../core/headers.ts'
import { meterFor } from '../core/meter.ts'
import { callIdIn } from '../core/voice-call.ts'
import type { Body, Client, Reply } from '../ports.ts'
import { admit } from './admit.ts'
import { attempt } from './attempt.ts'
import { authenticate, guardOf } from './authenticate.ts'
import { chatStrip, withUsage } from './chat.ts'
import { overOf, serving } from './eligible.ts'
import { firstKey } from './first-try.ts'
import { forward } from './forward.ts'
import type { Gateway } from './gateway.ts'
import { HeldAnswer } from './held-answer.ts'
import { identify, knownCall, type CallRequest } from './identify.ts'
import { relayModels } from './models.ts'
import { readOffer } from './offer.ts'
import { ReadOnClient } from './read-on.ts'
import { Patience } from './patience.ts'
import { noteFailure, rememberOwner } from './settle.ts'
import { explained } from './refused.ts'
import { isOfPool, reportEnd } from './report.ts'
import { routeOf } from './routes.ts'
import { answerUsage } from './usage.ts'
import { isStream, type Outgoing, type Trying } from './try-once.ts'

/**
 * One call, from its first header to its settlement. Everything it takes it gives back on every way out: the place
 * and the open row are held by `admission`, and the stream is pumped inside the scope that owns it.
 *
 * Rejects with a Refusal (a stranger's), a RefusedCallError (a member's) or ClientLeft; the edge answers.
 */
export async function relay(client: Client, gateway: Gateway): Promise<void> {
  const route = routeOf(client.method, client.path, gateway.settings.routes)
  const holder = authenticate(client.headers, gateway.directory, gateway.now)
  if (route.kind === 'models') return relayModels(client, holder, gateway)
  if (route.kind === 'usage') return answerUsage(client, holder, gateway)
  const call = knownCall(client, holder, route, gateway.now())
  let opened = false
  let body: Body | undefined
  try {
    body = await client.read(holder.member.id)
    const isOffer = route.purpose === 'realtime_call'
    const asked = isOffer ? await readOffer(client, body.plain) : await gateway.reader.read(body.plain)
    const request = identify(client, call, body, asked)
    serving(request.asked.model, gateway.directory, overOf(request))
    // With the answer to its offer a client asks for the call's WebSocket: by then the ledger must know the call.
    const held = isOffer ? new HeldAnswer(client) : undefined
    {
      using patience = new Patience(
        client.signal,
        call.native ? gateway.settings.codexQueueMs : gateway.settings.queueMs,
        guardOf(client.headers, gateway),
      )
      await using admission = await admit(request, gateway, patience, () => firstKey(request, gateway))
      opened = true
      const trying = { request, outgoing: outgoing(client, request, gateway), gateway, patience, admission }
      await answered(held ?? readingOn(client, gateway), trying)
    }
    held?.release()
  } catch (cause) {
    throw await explained(cause, call, opened, gateway)
  } finally {
    body?.release()
  }
}

function readingOn(client: Client, { settings }: Gateway): Client {
  return settings.readOn ? new ReadOnClient(client, settings.readOn) : client
}

/** From the first try to the last byte; whatever happens, the receipt says what to settle. */
async function answered(client: Client, trying: Trying): Promise<void> {
  const { request, gateway, admission } = trying
  const { receipt } = admission
  try {
    const reply = await attempt(trying)
    request.body.release()
    trying.outgoing.body = undefined
    // There is an answer: nobody waits any more.
    trying.patience[Symbol.dispose]()
    receipt.status = reply.status
    await pass(reply, client, trying)
  } catch (cause) {
    noteFailure(receipt, cause)
    throw cause
  } finally {
    rememberOwner(receipt, gateway)
  }
}

/** Of what upstream calls things no more is kept. */
const MAX_ID_CHARS = 200

async function pass(reply: Reply, client: Client, trying: Trying): Promise<void> {
  const { request, admission } = trying
  const { receipt } = admission
  const contentType = header(reply.headers, 'content-type')
  // An answer that does not say what it is is what was asked for.
  const meter = meterFor(request.dialect, contentType ?? (request.asked.stream ? 'text/event-stream' : undefined))
  receipt.metered = meter.metered
  if (request.intent.kind === 'realtime_call' && reply.status < 300) {
    meter.metered.responseId = callIdIn(header(reply.headers, 'location'))
  }
  receipt.requestId = header(reply.headers, 'x-request-id')?.slice(0, MAX_ID_CHARS) ?? request.facts.id
  const headers = replyHeaders(reply.headers, {
    callId: request.facts.id,
    requestedModel: request.asked.model,
    standing: admission.standing,
  })
  const strip = chatStrip(request, contentType)
  // What is taken out of the answer makes it shorter than upstream said.
  const stated = strip ? without(headers, 'content-length') : headers
  const whole = async (): Promise<'show' | 'cut'> => {
    receipt.ending = client.signal.aborted ? 'client-left' : 'complete'
    const judgement = noteEnd(reply, trying)
    await admission.settleSoon()
    return judgement && isStream(reply, request) && isOfPool(judgement) ? 'cut' : 'show'
  }
  const ending = await forward(reply, stated, client, { meter, strip, whole })
  if (admission.isSettled) return
  receipt.ending = ending
  // Its bytes have passed as they came, but an answer without its last event is none that is whole.
  if (receipt.ending === 'complete' && reply.status < 300 && meter.unfinished) receipt.ending = 'upstream-broke'
  noteEnd(reply, trying)
}

/** What came of the last try is known only now that its answer is over: also what went wrong after a good beginning. */
function noteEnd(reply: Reply, trying: Trying): Judgement | undefined {
  const { receipt } = trying.admission
  const last = receipt.attempts.pop()
  if (!receipt.upstream || !last) return undefined
  // What failed before it was passed on has been reported already.
  const judgement = last.errorClass === undefined ? reportEnd(trying, receipt.upstream, reply.status) : undefined
  const durationMs = trying.gateway.now() - last.startedAt
  receipt.attempts.push({ ...last, durationMs, errorClass: judgement?.errorClass ?? last.errorClass })
  return judgement
}

function outgoing(client: Client, request: CallRequest, gateway: Gateway): Outgoing {
  const { bytes, headers } = withUsage(request, upstreamHeaders(client.headers))
  const { headTimeoutMs, unaryTimeoutMs } = gateway.settings
  return {
    method: client.method,
    path: client.path,
    headers,
    body: bytes,
    headTimeoutMs: request.asked.stream ? headTimeoutMs : unaryTimeoutMs,
  }
}
