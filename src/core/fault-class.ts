/** What went wrong with a try: a stable word for the ledger, the metrics and the log. */
export type FaultClass =
  /** The caller's request is at fault, in a way that needs no class of its own. */
  | 'bad_request'
  | 'context_length'
  | 'content_policy'
  /** Ciphertext that another organization made: the thread lost its key. */
  | 'encrypted_content'
  /** A continuation that this key or socket does not know. */
  | 'previous_response'
  /** Upstream's own limit on the age of a socket. */
  | 'connection_limit'
  | 'model_not_found'
  | 'service_tier'
  | 'unauthorized'
  /** A 403 that is neither of the region nor of the model. */
  | 'forbidden'
  /** The country or the address of the gateway is not served. */
  | 'region'
  | 'rate_limit'
  /** More tokens at once than the project's limit of a minute: waiting helps nobody. */
  | 'too_large'
  | 'billing'
  | 'overloaded'
  | 'server_error'
  /** No connection could be had; nothing was sent. */
  | 'connect'
  /** The connection went before the head of the answer. */
  | 'reset'
  | 'timeout'
  /** What came was no HTTP. */
  | 'bad_response'
  | 'client_left'
  /** The answer broke off after it had begun. */
  | 'broken_stream'

/** What upstream said of an error, as far as it said it. */
export interface ErrorWords {
  readonly errorCode: string | undefined
  readonly errorType: string | undefined
  readonly errorMessage: string | undefined
  readonly errorParam?: string | undefined
}

/** Codes that mean the same wherever they stand: in a body, in a frame or in `response.failed`. */
const CODES: ReadonlyMap<string, FaultClass> = new Map([
  ['insufficient_quota', 'billing'],
  ['credit_balance_exhausted', 'billing'],
  ['billing_hard_limit_reached', 'billing'],
  ['billing_not_active', 'billing'],
  // Another gateway's word, or that of a ChatGPT plan, for an account that has nothing left.
  ['usage_limit_reached', 'billing'],
  ['usage_not_included', 'billing'],
  ['model_not_found', 'model_not_found'],
  ['unsupported_country_region_territory', 'region'],
  ['ip_not_authorized', 'region'],
  ['rate_limit_exceeded', 'rate_limit'],
  ['slow_down', 'overloaded'],
  ['server_is_overloaded', 'overloaded'],
  ['overloaded', 'overloaded'],
  ['overloaded_error', 'overloaded'],
  ['engine_overloaded', 'overloaded'],
  ['invalid_encrypted_content', 'encrypted_content'],
  ['previous_response_not_found', 'previous_response'],
  ['websocket_connection_limit_reached', 'connection_limit'],
  ['context_length_exceeded', 'context_length'],
  ['content_policy_violation', 'content_policy'],
  ['content_filter', 'content_policy'],
  ['cyber_policy', 'content_policy'],
  ['invalid_api_key', 'unauthorized'],
])

/** "The requested model '…' is not supported with the Responses API." */
const WRONG_ENDPOINT = /\bnot supported (?:with|in|by|on|for) .{0,80}\b(?:API|endpoint)\b/is

/** "Request too large for gpt-5.5 in organization org-… on tokens per min (TPM): Limit 30000, Requested 31538. The input or …" */
const TOO_LARGE = /^Request too large for\b.{0,400}\bLimit \d+, Requested \d+\b/is

/** `organization_spend_limit_exceeded`, `project_usage_limit_exceeded`, … */
const BUDGET_CODE = /_(?:spend|usage)_limit_exceeded$/

const STATUSES: ReadonlyMap<number, (words: ErrorWords) => FaultClass> = new Map([
  [400, (words: ErrorWords) => (aboutTier(words) ? 'service_tier' : 'bad_request')],
  [401, () => 'unauthorized'],
  [402, () => 'billing'],
  [403, forbiddenClass],
  [404, (words: ErrorWords) => (aboutModel(words) ? 'model_not_found' : 'bad_request')],
  [408, () => 'server_error'],
  [429, limitClass],
  [503, () => 'overloaded'],
  [529, () => 'overloaded'],
])

/** The class of an error by what upstream calls it, else by its status. */
export function classOf(status: number, words: ErrorWords): FaultClass {
  const named = byName(words) ?? STATUSES.get(status)?.(words)
  return named ?? (status >= 500 ? 'server_error' : 'bad_request')
}

/** `error` is the name of the event, which says nothing. */
const THEIR_OWN = new Set(['server_error', 'internal_error', 'internal_server_error', 'vector_store_timeout', 'error'])

/** The class of an error that stands inside an answer whose status was good; an error frame has a status of its own. */
export function classInBand(status: number | undefined, words: ErrorWords): FaultClass {
  if (status !== undefined && status >= 400) return classOf(status, words)
  const named = byName(words)
  if (named !== undefined) return named
  // A code that nobody knows is about the request: a caller's trouble must never cool a key.
  const word = words.errorCode ?? words.errorType
  return word === undefined || THEIR_OWN.has(word.toLowerCase()) ? 'server_error' : 'bad_request'
}

/** What shares the trouble of a billing code. */
export function budgetScope(words: ErrorWords): 'organization' | 'project' {
  return words.errorCode?.toLowerCase().startsWith('project_') === true ? 'project' : 'organization'
}

function byName(words: ErrorWords): FaultClass | undefined {
  for (const word of [words.errorCode, words.errorType]) {
    const name = word?.toLowerCase()
    if (name === undefined) continue
    const known = CODES.get(name) ?? (BUDGET_CODE.test(name) ? 'billing' : undefined)
    if (known) return told(known, words.errorMessage)
  }
  return undefined
}

/** Upstream has one word for what is two things; its message tells them apart. */
function told(known: FaultClass, message = ''): FaultClass {
  // Who asks for a model where it is not served takes it away from nobody who asks for it where it is.
  if (known === 'model_not_found' && WRONG_ENDPOINT.test(message)) return 'bad_request'
  // A limit that lets in others, and this request never.
  if (known === 'rate_limit' && TOO_LARGE.test(message)) return 'too_large'
  return known
}

/**
 * Whether an error is about the model. Messages repeat what callers wrote, so they are believed only as far as the
 * parameter that upstream names does not speak against it, and by how they begin: what a caller makes up must not
 * take a model away from everybody.
 */
function aboutModel(words: ErrorWords): boolean {
  const { errorParam = 'model', errorMessage = '' } = words
  return errorParam === 'model' && MODEL_UNKNOWN.test(errorMessage)
}

const MODEL_UNKNOWN =
  /^(?:the )?(?:requested |specified )?model\b.{0,220}\b(?:does not exist|not found)\b|^(?:project|your organization|you)\b.{0,100}\bnot have access to (?:the )?model\b/is
const WRONG_COUNTRY = /country, region, or territory not supported/i
const WRONG_ADDRESS = /\bIP\b.{0,80}\bnot (?:authorized|allowed)\b|\bIP allowlist\b/i

function forbiddenClass(words: ErrorWords): FaultClass {
  const message = words.errorMessage ?? ''
  if (WRONG_COUNTRY.test(message) || WRONG_ADDRESS.test(message)) return 'region'
  return aboutModel(words) ? 'model_not_found' : 'forbidden'
}

const NO_MONEY = /exceeded your current quota|check your plan and billing/i

function limitClass(words: ErrorWords): FaultClass {
  const message = words.errorMessage ?? ''
  if (NO_MONEY.test(message)) return 'billing'
  if (TOO_LARGE.test(message)) return 'too_large'
  return /\bslow down\b|\boverloaded\b/i.test(message) ? 'overloaded' : 'rate_limit'
}

/** Whether a 400 is about the service tier. A value that no key could take is the caller's mistake. */
function aboutTier(words: ErrorWords): boolean {
  if (words.errorCode === 'invalid_type') return false
  if (words.errorParam !== undefined) return words.errorParam === 'service_tier'
  return /\bservice[_ ]tier\b/i.test(words.errorMessage ?? '')
}
