import { deepEqual, equal, notEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { readErrorBody } from './error-body.ts'
import { asksToWait, BROKEN_STREAM, judgeInBand, judgeNoReply, judgeReply } from './fault.ts'
import type { InBandError, Judgement, ReplyError } from './fault.ts'
import type { FaultClass } from './fault-class.ts'

const MODEL = 'gpt-5.5'

function error(status: number, code?: string, rest: Partial<ReplyError> = {}): ReplyError {
  return {
    status,
    headers: [],
    errorCode: code,
    errorType: undefined,
    errorMessage: undefined,
    model: MODEL,
    serviceTier: undefined,
    now: 0,
    ...rest,
  }
}

/** Class, outcome, next, counts, what must differ, whose trouble. */
type Expected = readonly [FaultClass, string, Judgement['next'], boolean, Judgement['elsewhereOf'], string]

function summary(judgement: Judgement): Expected {
  const { errorClass, outcome, next, counts, elsewhereOf, whoseTrouble } = judgement
  const kind = outcome.kind === 'disable' ? `${outcome.reason} of ${outcome.scope}` : outcome.kind
  return [errorClass, kind, next, counts, elsewhereOf, whoseTrouble]
}

const caller = (errorClass: FaultClass): Expected => [errorClass, 'neutral', 'pass', false, 'key', 'caller']
const excluded = (errorClass: FaultClass): Expected => [errorClass, 'exclude', 'elsewhere', false, 'project', 'caller']
const billing = (scope: 'organization' | 'project'): Expected => {
  return ['billing', `billing of ${scope}`, 'elsewhere', false, scope, 'key']
}
const REGION: Expected = ['region', 'region of organization', 'elsewhere', false, 'organization', 'key']
const TOO_LARGE =
  'Request too large for gpt-5.5 in organization org-x on tokens per min (TPM): Limit 30000, Requested 31538. The input or output tokens must be reduced in order to run successfully.'
const TOO_MUCH: Expected = ['too_large', 'neutral', 'elsewhere', false, 'project', 'caller']
const RATE: Expected = ['rate_limit', 'cool', 'elsewhere', false, 'project', 'upstream']
const BUSY: Expected = ['overloaded', 'overloaded', 'again', true, 'key', 'upstream']
const TOO_MANY: Expected = ['overloaded', 'overloaded', 'again', false, 'key', 'upstream']
const BROKEN: Expected = ['server_error', 'penalty', 'elsewhere', true, 'key', 'upstream']

const REPLIES: readonly (readonly [ReplyError, Expected])[] = [
  // The caller's own.
  [error(400), caller('bad_request')],
  [error(400, 'unsupported_parameter', { errorType: 'invalid_request_error' }), caller('bad_request')],
  [error(404), caller('bad_request')],
  [error(404, undefined, { errorMessage: 'No route' }), caller('bad_request')],
  [error(404, undefined, { errorMessage: "Conversation with id 'c' not found." }), caller('bad_request')],
  [error(405), caller('bad_request')],
  [error(409), caller('bad_request')],
  [error(413), caller('bad_request')],
  [error(415), caller('bad_request')],
  [error(422), caller('bad_request')],
  [error(400, 'context_length_exceeded'), caller('context_length')],
  [error(400, 'content_policy_violation'), caller('content_policy')],
  [error(400, 'content_filter'), caller('content_policy')],
  [error(403, 'cyber_policy'), caller('content_policy')],
  [
    error(404, 'model_not_found', {
      errorMessage: "The requested model 'gpt-4o-search-preview' is not supported with the Responses API.",
    }),
    caller('bad_request'),
  ],
  [
    error(404, 'model_not_found', {
      errorMessage: 'This is not a chat model and thus not supported in the v1/chat/completions endpoint.',
    }),
    caller('bad_request'),
  ],
  // The model, or its tier, is not this project's.
  [error(404, 'model_not_found'), excluded('model_not_found')],
  [error(403, 'model_not_found'), excluded('model_not_found')],
  [error(400, 'model_not_found'), excluded('model_not_found')],
  [
    error(404, undefined, { errorMessage: 'The model `gpt-5.5` does not exist or you do not have access to it.' }),
    excluded('model_not_found'),
  ],
  [
    error(403, undefined, { errorMessage: 'Project `p` does not have access to model `gpt-5.5`' }),
    excluded('model_not_found'),
  ],
  [error(400, undefined, { errorParam: 'service_tier', serviceTier: 'flex' }), excluded('service_tier')],
  [
    error(400, undefined, { errorMessage: 'Invalid service_tier argument', serviceTier: 'flex' }),
    excluded('service_tier'),
  ],
  [error(400, 'invalid_type', { errorParam: 'service_tier' }), caller('bad_request')],
  // Affinity.
  [
    error(400, 'invalid_encrypted_content'),
    ['encrypted_content', 'neutral', 'elsewhere', false, 'organization', 'caller'],
  ],
  [error(400, 'previous_response_not_found'), caller('previous_response')],
  [error(404, 'previous_response_not_found'), caller('previous_response')],
  // The key.
  [error(401), ['unauthorized', 'unauthorized', 'elsewhere', false, 'key', 'key']],
  [error(401, 'invalid_api_key'), ['unauthorized', 'unauthorized', 'elsewhere', false, 'key', 'key']],
  [error(403), ['forbidden', 'penalty', 'elsewhere', false, 'project', 'key']],
  [error(403, 'unsupported_country_region_territory'), REGION],
  [error(403, undefined, { errorMessage: 'Country, region, or territory not supported' }), REGION],
  [error(401, 'ip_not_authorized'), REGION],
  [error(403, undefined, { errorMessage: 'Your IP is not authorized.' }), REGION],
  // Rate limits.
  [error(429), RATE],
  [error(429, 'rate_limit_exceeded'), RATE],
  [error(429, 'rate_limit_exceeded', { errorType: 'tokens' }), RATE],
  [error(429, 'rate_limit_exceeded', { errorType: 'tokens', errorMessage: TOO_LARGE }), TOO_MUCH],
  [error(429, 'rate_limit_exceeded', { errorMessage: 'Request too large for now. Try again in 2s.' }), RATE],
  [error(429, undefined, { errorType: 'requests', errorMessage: 'Rate limit reached' }), RATE],
  // Billing.
  [error(429, 'insufficient_quota'), billing('organization')],
  [error(429, undefined, { errorType: 'insufficient_quota' }), billing('organization')],
  [error(429, 'credit_balance_exhausted'), billing('organization')],
  [error(429, 'organization_spend_limit_exceeded'), billing('organization')],
  [error(429, 'project_spend_limit_exceeded'), billing('project')],
  [error(429, 'organization_usage_limit_exceeded'), billing('organization')],
  [error(429, 'project_usage_limit_exceeded'), billing('project')],
  [error(429, 'billing_hard_limit_reached'), billing('organization')],
  [error(400, 'billing_hard_limit_reached'), billing('organization')],
  [error(429, 'billing_not_active'), billing('organization')],
  [error(429, undefined, { errorType: 'usage_limit_reached' }), billing('organization')],
  [error(429, undefined, { errorMessage: 'You exceeded your current quota, please check…' }), billing('organization')],
  [error(402), billing('organization')],
  // Overload.
  [error(429, 'slow_down'), TOO_MANY],
  [error(503, 'slow_down'), BUSY],
  [error(503), BUSY],
  [error(503, undefined, { errorType: 'server_error', errorMessage: 'Overloaded' }), BUSY],
  [error(503, 'server_is_overloaded'), BUSY],
  [error(529), BUSY],
  [error(529, undefined, { errorType: 'overloaded_error' }), BUSY],
  [error(429, undefined, { errorMessage: 'The engine is currently overloaded' }), TOO_MANY],
  // Upstream's own.
  [error(500), BROKEN],
  [error(500, 'server_error'), BROKEN],
  [error(502), BROKEN],
  [error(504), BROKEN],
  [error(520), BROKEN],
  [error(408), BROKEN],
]

suite('a fault', () => {
  test('in a reply is judged by the table', () => {
    for (const [from, expected] of REPLIES) deepEqual(summary(judgeReply(from)), expected, JSON.stringify(from))
  })

  test('without a reply is judged by whether the request went out', () => {
    for (const reason of ['refused', 'unreachable', 'tls'] as const) {
      deepEqual(summary(judgeNoReply(reason, false)), ['connect', 'overloaded', 'elsewhere', false, 'key', 'upstream'])
    }
    deepEqual(summary(judgeNoReply('reset', true)), ['reset', 'penalty', 'elsewhere', true, 'key', 'upstream'])
    deepEqual(summary(judgeNoReply('reset', false)), ['reset', 'penalty', 'elsewhere', false, 'key', 'upstream'])
    deepEqual(summary(judgeNoReply('timeout', true)), ['timeout', 'penalty', 'elsewhere', true, 'key', 'upstream'])
    deepEqual(summary(judgeNoReply('unsendable', false)), ['bad_request', 'neutral', 'pass', false, 'key', 'caller'])
    equal(judgeNoReply('bad-response', true).errorClass, 'bad_response')
    deepEqual(summary(judgeNoReply('aborted', true)), ['client_left', 'neutral', 'never', true, 'key', 'caller'])
    deepEqual(summary(BROKEN_STREAM), ['broken_stream', 'penalty', 'never', true, 'key', 'upstream'])
  })

  test('is one to be waited for where upstream limits, by whatever name, and not where an account is empty', () => {
    for (const word of [undefined, 'rate_limit_exceeded', 'slow_down'])
      equal(asksToWait(judgeReply(error(429, word))), true)
    equal(asksToWait(judgeInBand({ ...error(429, 'slow_down'), begun: true })), true)
    for (const code of ['insufficient_quota', 'context_length_exceeded'])
      equal(asksToWait(judgeReply(error(429, code))), false)
    equal(asksToWait(judgeReply(error(503, 'server_is_overloaded'))), false)
  })

  test('carries the wait that upstream asked for', () => {
    const limited = judgeReply(error(429, 'rate_limit_exceeded', { headers: ['retry-after-ms', '1500'] }))
    deepEqual(limited.outcome, { kind: 'cool', model: MODEL, forMs: 1500 })
    equal(limited.waitMs, 1500)
    const resets = ['x-ratelimit-reset-tokens', '6m0s']
    deepEqual(judgeReply(error(429, undefined, { headers: resets })).outcome, {
      kind: 'cool',
      model: MODEL,
      forMs: 360_000,
    })
    // The limits of a call that met an overload are no answer to when the overload ends.
    deepEqual(judgeReply(error(503, undefined, { headers: resets })).outcome, { kind: 'overloaded', forMs: undefined })
    equal(judgeReply(error(503, undefined, { headers: ['retry-after', '3'] })).waitMs, 3000)
  })

  test('excludes the model, and the tier only where the tier is at fault', () => {
    deepEqual(judgeReply(error(404, 'model_not_found', { serviceTier: 'flex' })).outcome, {
      kind: 'exclude',
      model: MODEL,
      serviceTier: undefined,
    })
    deepEqual(judgeReply(error(400, undefined, { errorParam: 'service_tier' })).outcome, { kind: 'neutral' })
    deepEqual(judgeReply(error(400, undefined, { errorParam: 'service_tier', serviceTier: 'flex' })).outcome, {
      kind: 'exclude',
      model: MODEL,
      serviceTier: 'flex',
    })
  })

  test('of the caller never touches a key, and a refusal of a key never counts', () => {
    for (const [from] of REPLIES) {
      const judgement = judgeReply(from)
      if (judgement.next === 'pass') equal(judgement.outcome.kind, 'neutral')
      if ([401, 403, 429].includes(from.status)) equal(judgement.counts, false)
      if (judgement.whoseTrouble === 'key') notEqual(judgement.next, 'pass')
    }
  })
})

suite('a fault inside a good answer', () => {
  const inBand = (code: string | undefined, rest: Partial<InBandError> = {}): Judgement => {
    return judgeInBand({ ...error(200, code), status: undefined, begun: false, ...rest })
  }

  test('is judged by its code', () => {
    deepEqual(summary(inBand('rate_limit_exceeded')), RATE)
    deepEqual(inBand('rate_limit_exceeded', { errorMessage: 'Please try again in 1.054s.' }).outcome, {
      kind: 'cool',
      model: MODEL,
      forMs: 1054,
    })
    deepEqual(summary(inBand('insufficient_quota')), billing('organization'))
    deepEqual(summary(inBand('project_spend_limit_exceeded')), billing('project'))
    deepEqual(summary(inBand('server_is_overloaded')), BUSY)
    deepEqual(summary(inBand('slow_down')), BUSY)
    deepEqual(summary(inBand('server_error')), BROKEN)
    deepEqual(summary(inBand(undefined)), BROKEN)
    // An event of this name that says no more.
    deepEqual(summary(inBand(undefined, { errorType: 'error' })), BROKEN)
    deepEqual(summary(inBand('context_length_exceeded')), caller('context_length'))
    deepEqual(summary(inBand('cyber_policy')), caller('content_policy'))
    deepEqual(summary(inBand('websocket_connection_limit_reached')), caller('connection_limit'))
    deepEqual(summary(inBand('previous_response_not_found')), caller('previous_response'))
    for (const code of ['invalid_prompt', 'invalid_image', 'never_heard_of']) {
      deepEqual(summary(inBand(code)), caller('bad_request'))
    }
    deepEqual(summary(inBand(undefined, { errorType: 'invalid_request_error' })), caller('bad_request'))
  })

  test('is judged by the status of its frame where it has one', () => {
    deepEqual(summary(inBand(undefined, { status: 429 })), RATE)
    deepEqual(summary(inBand(undefined, { status: 400 })), caller('bad_request'))
    deepEqual(summary(inBand('model_not_found', { status: 404 })), excluded('model_not_found'))
  })

  test('is never tried again once something has gone to the client', () => {
    for (const code of ['rate_limit_exceeded', 'insufficient_quota', 'server_error', 'slow_down', 'invalid_prompt']) {
      equal(inBand(code, { begun: true }).next, 'never')
    }
    equal(inBand('rate_limit_exceeded', { begun: true }).outcome.kind, 'cool')
  })
})

suite('the body of an error', () => {
  const read = (text: string) => readErrorBody(new TextEncoder().encode(text))
  const nothing = { code: undefined, type: undefined, message: undefined, param: undefined }

  test('is read in the forms that upstreams use', () => {
    const whole = { message: 'm', type: 't', code: 'c', param: 'p' }
    deepEqual(read(JSON.stringify({ error: whole })), whole)
    deepEqual(read(JSON.stringify({ type: 'response.failed', response: { id: 'r', error: whole } })), whole)
    deepEqual(read('{"type":"error","code":"c","message":"m","param":null}'), { ...nothing, code: 'c', message: 'm' })
    deepEqual(read('{"error":"text"}'), { ...nothing, message: 'text' })
    deepEqual(read('{"error":{"code":429,"message":null}}'), { ...nothing, code: '429' })
    deepEqual(read('{"detail":"Not Found"}'), { ...nothing, message: 'Not Found' })
    deepEqual(read('{"error":null}'), nothing)
    deepEqual(read('{"error":[1]}'), nothing)
  })

  test('may be no JSON, or nothing', () => {
    deepEqual(read(''), nothing)
    deepEqual(read(' <html>bad gateway</html> '), { ...nothing, message: '<html>bad gateway</html>' })
    deepEqual(read('null'), { ...nothing, message: 'null' })
    deepEqual(readErrorBody(Uint8Array.of(0xff, 0xfe, 0)).code, undefined)
  })

  test('is read as far as it goes when it is cut short or huge', () => {
    equal(read('{"error":{"code":"insufficient_quota","message":"You exc').code, 'insufficient_quota')
    const huge = read(`{"error":{"code":"c","message":"${'x'.repeat(2_000_000)}","param":"p"}}`)
    equal(huge.code, 'c')
    equal(read(`{"error":{"message":"${'x'.repeat(50_000)}"}}`).message?.length, 4000)
    equal(read('{"error":{"code":"a"}').code, 'a')
    equal(read('{not json').code, undefined)
  })
})
