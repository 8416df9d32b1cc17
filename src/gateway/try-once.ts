import type { Choice } from '../core/choice.ts'
import { readErrorBody } from '../core/error-body.ts'
import { BROKEN_STREAM, judgeNoReply, judgeReply, type Judgement } from '../core/fault.ts'
import { header, without } from '../core/headers.ts'
import { NoReply, type Reply, type Upstream, type UpstreamRequest } from '../ports.ts'
import type { Admission } from './admit.ts'
import type { Gateway } from './gateway.ts'
import type { CallRequest } from './identify.ts'
import { lasting } from './read-on.ts'
import type { Patience } from './patience.ts'
import { peek } from './peek.ts'
import { judgeFailure } from './report.ts'

/** What a try came to that gave no good answer. */
export interface Failure {
  readonly judgement: Judgement
  /** Upstream's own answer, read whole; undefined when there was none. */
  readonly reply: Reply | undefined
}

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

/** Makes one try at one key: an answer to pass on, or what went wrong. Every try stands in the receipt. */
export async function tryOnce(trying: Trying, upstream: Upstream, chosen: Choice): Promise<Reply | Failure> {
  const { outgoing, gateway, patience, admission, request } = trying
  const startedAt = gateway.now()
  const since = performance.now()
  const { receipt } = admission
  // Of an earlier try nothing is passed on.
  receipt.upstream = undefined
  receipt.organization = undefined
  const note = (status: number | undefined, errorClass: string | undefined, sent: boolean): void => {
    const durationMs = gateway.now() - startedAt
    receipt.attempts.push({ upstream: upstream.id, status, errorClass, sent, chosen, startedAt, durationMs })
  }
  try {
    const reply = await gateway.upstream.open(outgoing, upstream, lasting(patience.client, gateway))
    learn(reply, upstream, gateway)
    receipt.upstream = upstream
    receipt.organization = header(reply.headers, 'openai-organization') ?? upstream.organization
    const withinMs = Math.min(outgoing.headTimeoutMs, ERROR_BODY_MS)
    if (reply.status < 400) {
      const result =
        reply.status < 300 && isStream(reply, request) ? await begun(reply, trying, { since, withinMs }) : reply
      const errorClass = 'judgement' in result ? result.judgement.errorClass : undefined
      // A head alone is no answer.
      note(errorClass === 'timeout' ? undefined : reply.status, errorClass, true)
      return result
    }
    const { bytes, whole } = await readError(reply, withinMs)
    const error = readErrorBody(bytes)
    const judgement = judgeReply({
      status: reply.status,
      headers: reply.headers,
      errorCode: error.code,
      errorType: error.type,
      errorMessage: error.message,
      errorParam: error.param,
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

/** However late the head came, its first event may come so much later. */
const FIRST_EVENT_MS = 1000
/** How long a failure's stream may take to end behind its last event. */
const TAIL_MS = 1000

/** Waits until a stream begins to answer: a failure, silence or an end before that is a failed try. */
async function begun(
  reply: Reply,
  trying: Trying,
  { since, withinMs }: { readonly since: number; readonly withinMs: number },
): Promise<Reply | Failure> {
  const leftMs = trying.outgoing.headTimeoutMs - (performance.now() - since)
  const { reply: whole, trouble } = await peek(reply, Math.max(leftMs, FIRST_EVENT_MS))
  if (trouble === undefined) return whole
  if (trouble === 'silent') {
    reply.cancel()
    return { judgement: judgeNoReply('timeout', true), reply: undefined }
  }
  // Where there is no other key, its client sees how it ended.
  if (trouble === 'broken') return { judgement: { ...BROKEN_STREAM, next: 'elsewhere' }, reply: whole }
  const judgement = judgeFailure(trouble, trying, { begun: false })
  // Its last event is there: what comes behind that is passed on, but not waited for long, and not missed.
  const { bytes, whole: ended } = await readError(whole, Math.min(withinMs, TAIL_MS))
  const headers = ended ? reply.headers : without(reply.headers, 'content-length')
  return { judgement, reply: canned({ status: reply.status, headers }, bytes) }
}

/** Whether it is a stream of Responses events. */
export function isStream(reply: Reply, { dialect }: CallRequest): boolean {
  return dialect === 'responses' && /^\s*text\/event-stream\b/i.test(header(reply.headers, 'content-type') ?? '')
}

/** Remembers to whom upstream says that a key belongs. */
export function learn(reply: Pick<Reply, 'headers'>, upstream: Upstream, gateway: Gateway): void {
  const organization = header(reply.headers, 'openai-organization')
  const project = header(reply.headers, 'openai-project')
  const { learned } = upstream
  const isNew =
    (organization !== undefined && organization !== learned.organization) ||
    (project !== undefined && project !== learned.project)
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
function canned({ status, headers }: Pick<Reply, 'status' | 'headers'>, bytes: Uint8Array): Reply {
  return {
    status,
    headers,
    pump: (sink) => {
      sink(bytes)
      return Promise.resolve()
    },
    cancel: () => undefined,
  }
}
