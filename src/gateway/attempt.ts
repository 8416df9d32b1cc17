import { readErrorBody } from '../core/error-body.ts'
import { BROKEN_STREAM, judgeInBand, judgeNoReply, judgeReply, type Judgement } from '../core/fault.ts'
import { header } from '../core/headers.ts'
import { Refusal } from '../core/refusal.ts'
import {
  NoReply,
  NoSeat,
  type Ending,
  type Reply,
  type Seat,
  type Upstream,
  type UpstreamRequest,
  type Wish,
} from '../ports.ts'
import { tried, type Admission } from './admit.ts'
import { reportFailure } from './alert.ts'
import { eligible } from './eligible.ts'
import type { Gateway } from './gateway.ts'
import type { CallRequest } from './identify.ts'
import { ClientLeft, type Patience } from './patience.ts'

/** What a try came to that gave no good answer. */
interface Failure {
  readonly judgement: Judgement
  /** Upstream's own answer, read whole; undefined when there was none. */
  readonly reply: Reply | undefined
}

/** However short upstream's waits are, one call does not try for ever. */
const MAX_TRIES = 20

/** What goes upstream. Its body is let go at the response head, when there can be no other try. */
export type Outgoing = Omit<UpstreamRequest, 'body'> & { body: UpstreamRequest['body'] }

/** Everything that the tries of one call share. */
export interface Trying {
  readonly request: CallRequest
  readonly outgoing: Outgoing
  readonly gateway: Gateway
  readonly patience: Patience
  readonly admission: Admission
}

/**
 * Tries upstream keys by the error table until one gives an answer to pass on: a good one, or an error that is the
 * caller's own or that no other key would better. Retries only before the response head, with the very bytes that
 * came. Throws a Refusal when there is none, or when what went wrong is the administrator's business.
 */
export async function attempt(trying: Trying): Promise<Reply> {
  const { request, gateway, patience, admission } = trying
  let candidates = await tried(() => eligible(request, gateway), patience)
  let counted = 0
  let last: Failure | undefined
  while (admission.receipt.attempts.length < MAX_TRIES) {
    const seat = await seated(trying, candidates, last)
    if (!seat) break
    const result = await patience.during(() => tryOnce(trying, seat.upstream))
    if (!('judgement' in result)) {
      gateway.coordinator.report(seat.upstream, { kind: 'answering' })
      return result
    }
    last = result
    const { judgement } = result
    reportFailure(request.facts.id, seat.upstream, judgement, gateway)
    await admission.rise()
    if (judgement.errorClass === 'client_left') throw new ClientLeft('the client left')
    if (judgement.counts) counted++
    if (judgement.next === 'pass' || judgement.next === 'never') break
    candidates = narrowed(candidates, seat.upstream, judgement)
    const enough = judgement.counts && counted >= gateway.settings.retryAttempts
    if (candidates.length === 0 || enough) break
  }
  return finish(last, trying)
}

/** Reports what came of an answer once its end is known, and where it hid an error. */
export function reportEnd(trying: Trying, upstream: Upstream, ending: Ending): Judgement | undefined {
  const { request, gateway, admission } = trying
  const { metered } = admission.receipt
  const model = request.asked.model
  if (metered?.error) {
    const judgement = judgeInBand({
      status: undefined,
      headers: [],
      errorCode: metered.error.code,
      errorType: metered.error.type,
      errorMessage: metered.error.message,
      model,
      serviceTier: request.asked.serviceTier,
      now: gateway.now(),
      begun: true,
    })
    reportFailure(request.facts.id, upstream, judgement, gateway)
    return judgement
  }
  const broke = ending === 'upstream-broke' || ending === 'timed-out'
  if (broke) reportFailure(request.facts.id, upstream, BROKEN_STREAM, gateway)
  else if (ending !== 'complete') gateway.coordinator.report(upstream, { kind: 'neutral' })
  else
    gateway.coordinator.report(upstream, {
      kind: 'ok',
      organization: upstream.organization,
      project: upstream.project,
      model,
    })
  return broke ? BROKEN_STREAM : undefined
}

/** Takes an upstream's place within `patience` and commits its name; undefined when no candidate can be had any more. */
async function seated(
  trying: Trying,
  candidates: readonly Upstream[],
  last: Failure | undefined,
): Promise<Seat | undefined> {
  const { request, gateway, patience, admission } = trying
  const { intent, asked, holder, facts } = request
  const conversation = intent.threadId ?? intent.sessionId
  const wish: Wish = {
    call: facts.id,
    candidates,
    model: asked.model,
    serviceTier: asked.serviceTier,
    sticky: conversation === undefined ? undefined : `${holder.member.id}:${conversation}`,
  }
  patience.waitFor('seat', () => gateway.coordinator.soonest(wish))
  try {
    if (last?.judgement.counts) await patience.sleep(jitterMs())
    const seat = await gateway.coordinator.seat(wish, patience.signal)
    admission.sit(seat)
    await tried(() => gateway.ledger.attempt(facts.id, seat.upstream.id, gateway.now()), patience)
    return seat
  } catch (cause) {
    // What upstream itself answered tells more than that nobody else could be had in time.
    const hostsTrouble = last?.judgement.whoseTrouble === 'upstream' && last.judgement.errorClass !== 'rate_limit'
    if (cause instanceof Refusal && hostsTrouble) return undefined
    if (!(cause instanceof NoSeat)) throw cause
    if (last) return undefined
    throw noSeat(wish, gateway, cause)
  }
}

/** Keys that are well are out for this call's model or tier only. */
function noSeat({ candidates, model, serviceTier }: Wish, gateway: Gateway, cause: NoSeat): Refusal {
  const pulses = gateway.coordinator.survey()
  const enabled = gateway.directory.upstreams().filter((u) => u.enabled && candidates.some(({ id }) => id === u.id))
  if (enabled.every(({ id }) => pulses.get(id)?.state === 'disabled')) {
    return new Refusal('upstream_error', `${KEYS_TROUBLE} Ask your gateway admin.`, { cause })
  }
  const tier = serviceTier === undefined ? '' : ` in the service tier ${serviceTier}`
  const what = `the model ${model ?? '(none named)'}${tier}`
  return new Refusal(
    'model_not_found',
    `OpenAI gives ${what} to none of the gateway’s upstream keys. Ask your gateway admin for it, or take another model.`,
    { cause },
  )
}

const KEYS_TROUBLE =
  'None of the gateway’s upstream keys can serve this call at the moment: OpenAI does not accept them.'

async function tryOnce(trying: Trying, upstream: Upstream): Promise<Reply | Failure> {
  const { outgoing, gateway, patience, admission, request } = trying
  const startedAt = gateway.now()
  const { receipt } = admission
  // Of an earlier try nothing is passed on.
  receipt.upstream = undefined
  receipt.organization = undefined
  const note = (status: number | undefined, errorClass: string | undefined, sent: boolean): void => {
    const durationMs = gateway.now() - startedAt
    receipt.attempts.push({ upstream: upstream.id, status, errorClass, sent, startedAt, durationMs })
  }
  try {
    const reply = await gateway.upstream.open(outgoing, upstream, patience.client)
    learn(reply, upstream, gateway)
    receipt.upstream = upstream
    receipt.organization = header(reply.headers, 'openai-organization') ?? upstream.organization
    if (reply.status < 400) {
      note(reply.status, undefined, true)
      return reply
    }
    const { bytes, whole } = await readError(reply, Math.min(outgoing.headTimeoutMs, ERROR_BODY_MS))
    const error = readErrorBody(bytes)
    const judgement = judgeReply({
      status: reply.status,
      headers: reply.headers,
      errorCode: error.code,
      errorType: error.type,
      errorMessage: error.message,
      model: request.asked.model,
      serviceTier: request.asked.serviceTier,
      now: gateway.now(),
    })
    note(reply.status, judgement.errorClass, true)
    return { judgement, reply: whole ? canned(reply, bytes) : undefined }
  } catch (cause) {
    if (!(cause instanceof NoReply)) {
      note(undefined, 'internal', true)
      throw cause
    }
    const judgement = judgeNoReply(cause.reason, cause.sent)
    note(undefined, judgement.errorClass, cause.sent)
    return { judgement, reply: undefined }
  }
}

function learn(reply: Reply, upstream: Upstream, gateway: Gateway): void {
  const organization = header(reply.headers, 'openai-organization')
  const project = header(reply.headers, 'openai-project')
  const isNew =
    (organization !== undefined && upstream.organization === undefined) ||
    (project !== undefined && upstream.project === undefined)
  if (isNew) gateway.learn(upstream, organization, project)
}

const MAX_ERROR_BYTES = 1_048_576
const ERROR_BODY_MS = 10_000

/** An error's body, up to a size and within a time that no error takes. */
async function readError(reply: Reply, withinMs: number): Promise<{ bytes: Uint8Array; whole: boolean }> {
  const chunks: Uint8Array[] = []
  let length = 0
  let broken = false
  const timer = setTimeout(() => reply.cancel(), withinMs)
  const sink = (chunk: Uint8Array): boolean => {
    length += chunk.length
    if (length <= MAX_ERROR_BYTES) chunks.push(chunk)
    else reply.cancel()
    return true
  }
  try {
    await reply.pump(sink, () => Promise.resolve())
  } catch {
    // What came of it still tells what went wrong, but it cannot be passed on as a whole.
    broken = true
  } finally {
    clearTimeout(timer)
  }
  return { bytes: Buffer.concat(chunks), whole: !broken && length <= MAX_ERROR_BYTES }
}

/** An answer that has been read already, to be passed on as it came. */
function canned(reply: Reply, bytes: Uint8Array): Reply {
  return {
    status: reply.status,
    headers: reply.headers,
    pump: (sink) => {
      sink(bytes)
      return Promise.resolve()
    },
    cancel: () => undefined,
  }
}

function narrowed(candidates: readonly Upstream[], tried: Upstream, judgement: Judgement): readonly Upstream[] {
  // The coordinator cools or disables what must not be tried again now; a cooled key may come back within patience.
  const { kind } = judgement.outcome
  if (kind !== 'penalty' && kind !== 'neutral') return candidates
  return candidates.filter((candidate) => candidate.id !== tried.id)
}

function finish(last: Failure | undefined, { outgoing, patience }: Trying): Reply {
  if (last?.reply && last.judgement.whoseTrouble !== 'key') return last.reply
  if (last === undefined || last.judgement.whoseTrouble === 'key') {
    throw new Refusal('upstream_error', `${KEYS_TROUBLE} Ask your gateway admin.`)
  }
  const timeout = last.judgement.errorClass === 'timeout'
  const message = timeout
    ? `OpenAI did not answer within ${outgoing.headTimeoutMs / 1000} s.`
    : `OpenAI could not be reached, or broke off before it answered (${last.judgement.errorClass}).`
  throw new Refusal(timeout ? 'upstream_timeout' : 'upstream_error', message, { retryAfterMs: patience.retryAfterMs() })
}

/** So that many calls that failed together do not come back together. */
function jitterMs(): number {
  return 50 + Math.random() * 200
}
