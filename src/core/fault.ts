import { budgetScope, classInBand, classOf } from './fault-class.ts'
import type { ErrorWords, FaultClass } from './fault-class.ts'
import type { HeaderList } from './headers.ts'
import type { Outcome } from './health.ts'
import { loggable } from './loggable.ts'
import { waitOf } from './retry-after.ts'
import type { EpochMs } from './units.ts'

/** What follows from a try that failed. */
export interface Judgement {
  readonly errorClass: FaultClass
  /** What it says about the key. */
  readonly outcome: Outcome
  /**
   * `pass`: the answer is the client's. `elsewhere`: another candidate may answer. `again`: any candidate may, the
   * same one too, after `waitMs`. `never`: something has gone to the client, or nobody listens.
   */
  readonly next: 'pass' | 'elsewhere' | 'again' | 'never'
  /** Whether the try may have run upstream, and so counts against `retry_attempts`. */
  readonly counts: boolean
  /** What the next candidate must differ in. */
  readonly elsewhereOf: 'key' | 'project' | 'organization'
  /** A `key`'s trouble is the administrator's: it is never shown to a member as upstream put it. */
  readonly whoseTrouble: 'caller' | 'key' | 'upstream'
  /** How long upstream asked to wait, in ms. */
  readonly waitMs: number | undefined
  /** What upstream said, for the log; undefined where it said nothing. */
  readonly told: Told | undefined
}

/** An error in upstream's words, fit for the log. */
export interface Told {
  readonly status: number | undefined
  readonly said: string | undefined
}

/** An error as upstream told it, and what it answered to. */
export interface ReplyError extends ErrorWords {
  readonly status: number
  readonly headers: HeaderList
  readonly model: string | undefined
  readonly serviceTier: string | undefined
  readonly now: EpochMs
}

/** An error inside an answer with a good status: `response.failed`, an `error` event, an error frame (which has a status). */
export interface InBandError extends Omit<ReplyError, 'status'> {
  readonly status: number | undefined
  /** Whether anything of the answer has gone to the client. */
  readonly begun: boolean
}

type Asked = Omit<ReplyError, 'status'>

interface Rule extends Pick<Judgement, 'next' | 'counts' | 'elsewhereOf' | 'whoseTrouble'> {
  readonly outcome: (error: Asked | undefined, waitMs: number | undefined) => Outcome
}

const neutral = (): Outcome => ({ kind: 'neutral' })
const penalty = (): Outcome => ({ kind: 'penalty' })
const overloaded = (_error: Asked | undefined, forMs: number | undefined): Outcome => ({ kind: 'overloaded', forMs })

const CALLERS: Rule = { next: 'pass', counts: false, elsewhereOf: 'key', whoseTrouble: 'caller', outcome: neutral }
const KEYS: Rule = { next: 'elsewhere', counts: false, elsewhereOf: 'key', whoseTrouble: 'key', outcome: penalty }
const UPSTREAMS: Rule = {
  next: 'elsewhere',
  counts: true,
  elsewhereOf: 'key',
  whoseTrouble: 'upstream',
  outcome: penalty,
}

const RULES: Readonly<Record<FaultClass, Rule>> = {
  bad_request: CALLERS,
  context_length: CALLERS,
  content_policy: CALLERS,
  // Where nobody knew whose it is (Codex 0.100 compacts without naming its session), another organization may read it.
  encrypted_content: { ...CALLERS, next: 'elsewhere', elsewhereOf: 'organization' },
  previous_response: CALLERS,
  connection_limit: CALLERS,
  // Another project may have the model; when none has, the caller sees why.
  model_not_found: {
    ...CALLERS,
    next: 'elsewhere',
    elsewhereOf: 'project',
    outcome: (error) => ({ kind: 'exclude', model: error?.model, serviceTier: undefined }),
  },
  service_tier: {
    ...CALLERS,
    next: 'elsewhere',
    elsewhereOf: 'project',
    // Without a tier it would be the whole model that is out.
    outcome: (error) =>
      error?.serviceTier === undefined
        ? neutral()
        : { kind: 'exclude', model: error.model, serviceTier: error.serviceTier },
  },
  unauthorized: { ...KEYS, outcome: () => ({ kind: 'unauthorized' }) },
  forbidden: { ...KEYS, elsewhereOf: 'project' },
  region: {
    ...KEYS,
    elsewhereOf: 'organization',
    outcome: () => ({ kind: 'disable', scope: 'organization', reason: 'region' }),
  },
  billing: {
    ...KEYS,
    elsewhereOf: 'organization',
    outcome: (error) => ({ kind: 'disable', scope: error ? budgetScope(error) : 'organization', reason: 'billing' }),
  },
  // Keys of one project share its limits.
  rate_limit: {
    ...UPSTREAMS,
    counts: false,
    elsewhereOf: 'project',
    outcome: (error, forMs) => ({ kind: 'cool', model: error?.model, forMs }),
  },
  // Another project may have a higher limit; it says nothing about the key's room for smaller ones.
  too_large: { ...CALLERS, next: 'elsewhere', elsewhereOf: 'project' },
  overloaded: { ...UPSTREAMS, next: 'again', outcome: overloaded },
  server_error: UPSTREAMS,
  // A host that takes no connection is as good as one that says it is overloaded: all its keys pause a little.
  connect: { ...UPSTREAMS, outcome: overloaded },
  reset: UPSTREAMS,
  timeout: UPSTREAMS,
  bad_response: UPSTREAMS,
  client_left: { ...CALLERS, next: 'never' },
  broken_stream: { ...UPSTREAMS, next: 'never' },
}

/** Judges an answer with a bad status, before anything of it has gone to the client. */
export function judgeReply(error: ReplyError): Judgement {
  const errorClass = classOf(error.status, error)
  const waitMs = waitOf(error.headers, error.errorMessage, error.now, error.status === 429)
  const judgement = { ...judged(errorClass, error, waitMs), told: toldBy(error) }
  // What was turned away for lack of room has not run, whatever the lack is called.
  return error.status === 429 ? { ...judgement, counts: false } : judgement
}

/** Whether upstream wants to be asked later: of whichever limit of the account's or the host's, never of the member's. */
export function asksToWait({ errorClass, whoseTrouble, told }: Judgement): boolean {
  return errorClass === 'rate_limit' || (told?.status === 429 && whoseTrouble === 'upstream')
}

/** Judges an error found inside a good answer. Once something has gone to the client there is no other try. */
export function judgeInBand(error: InBandError): Judgement {
  const errorClass = classInBand(error.status, error)
  const limited = error.status === 429 || errorClass === 'rate_limit'
  const waitMs = waitOf(error.headers, error.errorMessage, error.now, limited)
  const judgement = { ...judged(errorClass, error, waitMs), told: toldBy(error) }
  return error.begun ? { ...judgement, next: 'never', counts: true } : judgement
}

/** Why there is no response head. */
type NoReplyReason = 'refused' | 'reset' | 'timeout' | 'unreachable' | 'aborted' | 'tls' | 'bad-response' | 'unsendable'

const NO_REPLY: Readonly<Record<NoReplyReason, FaultClass>> = {
  refused: 'connect',
  unreachable: 'connect',
  tls: 'connect',
  reset: 'reset',
  timeout: 'timeout',
  'bad-response': 'bad_response',
  aborted: 'client_left',
  unsendable: 'bad_request',
}

/** Judges a try without a response head; `sent` tells whether upstream may have got any of the request. */
export function judgeNoReply(reason: NoReplyReason, sent: boolean): Judgement {
  return { ...judged(NO_REPLY[reason], undefined, undefined), counts: sent }
}

/** The answer broke off after it had begun. */
export const BROKEN_STREAM: Judgement = judged('broken_stream', undefined, undefined)

function judged(errorClass: FaultClass, error: Asked | undefined, waitMs: number | undefined): Judgement {
  const { outcome: outcomeOf, ...rule } = RULES[errorClass]
  const outcome = outcomeOf(error, waitMs)
  return {
    ...rule,
    elsewhereOf: outcome.kind === 'disable' ? outcome.scope : rule.elsewhereOf,
    errorClass,
    outcome,
    waitMs,
    told: undefined,
  }
}

function toldBy({ status, errorMessage }: InBandError | ReplyError): Told {
  return { status, said: errorMessage === undefined ? undefined : loggable(errorMessage) }
}
