import { equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Fault } from '../../src/simulator/simulator.ts'
import { always, error, gatewayError, proves, triesAgainLater, type ErrorRow } from '../support/error-row.ts'
import { failureIn } from '../support/wire.ts'

const CALLERS_FAULTS: readonly (readonly [string, Fault, string])[] = [
  ['400', error(400, 'invalid_value'), 'bad_request'],
  ['400 context length', error(400, 'context_length_exceeded'), 'context_length'],
  ['400 content policy', error(400, 'content_policy_violation'), 'content_policy'],
  ['400 previous_response_not_found', error(400, 'previous_response_not_found'), 'previous_response'],
  ['404 that is no model', error(404, null, 'Item not found'), 'bad_request'],
  [
    '404 model_not_found of a model that is not served at this endpoint',
    error(404, 'model_not_found', "The requested model 'gpt-5.5' is not supported with the Responses API."),
    'bad_request',
  ],
  ['409', error(409, null), 'bad_request'],
  ['413', error(413, null), 'bad_request'],
  ['422', error(422, null), 'bad_request'],
  ['418 in plain text', { status: 418, body: 'a teapot\n' }, 'bad_request'],
]

const CALLERS: readonly ErrorRow[] = CALLERS_FAULTS.map(([name, fault, errorClass]) => ({
  name: `${name} is the caller's: no other try, untouched, and the key stays`,
  keys: ['alpha', 'beta'],
  faults: [fault],
  tries: [['alpha', errorClass]],
  sees: fault,
  afterwards: ['alpha', 'beta'],
}))

const NO_MODEL = error(404, 'model_not_found', 'The model `gpt-5.5` does not exist or you do not have access to it.')
const NO_MODEL_403 = error(403, 'model_not_found', 'Project does not have access to model gpt-5.5')
const NO_TIER: Fault = {
  status: 400,
  body: { error: { message: 'service_tier priority is not available', code: null, param: 'service_tier' } },
}
const FOREIGN = error(400, 'invalid_encrypted_content', 'The encrypted content gAAA...xx== could not be verified.')
const REGION = error(403, 'unsupported_country_region_territory', 'Country, region, or territory not supported')
const WRONG_KEY = error(401, 'invalid_api_key', 'Incorrect API key provided: sk-sim-a*****lpha.')
const LIMITED = error(429, 'rate_limit_exceeded', 'Rate limit reached.', { 'retry-after': '1' })
const LIMITED_LONG = error(429, 'rate_limit_exceeded', 'Rate limit reached.', { 'retry-after': '40' })
const NO_MONEY = error(429, 'insufficient_quota', 'You exceeded your current quota.')
const PROJECT_BUDGET = error(429, 'project_spend_limit_exceeded', 'Budget reached.')

const KEYS: readonly ErrorRow[] = [
  {
    name: '400 invalid_encrypted_content goes to another organization, and every key stays',
    keys: ['alpha', 'alpha-other', 'beta'],
    faults: [FOREIGN],
    tries: [
      ['alpha', 'encrypted_content'],
      ['beta', undefined],
    ],
    sees: 'answer',
    afterwards: ['alpha', 'alpha-other', 'beta'],
  },
  {
    name: '400 invalid_encrypted_content everywhere shows the last error untouched',
    keys: ['alpha', 'alpha-other', 'beta'],
    faults: [{ ...FOREIGN, times: 2 }],
    tries: [
      ['alpha', 'encrypted_content'],
      ['beta', 'encrypted_content'],
    ],
    sees: FOREIGN,
    afterwards: ['alpha', 'alpha-other', 'beta'],
  },
  {
    name: '404 model_not_found goes to another project, and the project is not asked for that model again',
    keys: ['alpha', 'alpha-twin', 'alpha-other'],
    faults: [NO_MODEL],
    tries: [
      ['alpha', 'model_not_found'],
      ['alpha-other', undefined],
    ],
    sees: 'answer',
    afterwards: ['alpha-other'],
  },
  {
    name: '403 model_not_found goes to another project',
    keys: ['alpha', 'alpha-twin', 'beta'],
    faults: [NO_MODEL_403],
    tries: [
      ['alpha', 'model_not_found'],
      ['beta', undefined],
    ],
    sees: 'answer',
    afterwards: ['beta'],
  },
  {
    name: '404 model_not_found everywhere shows the last error untouched',
    keys: ['alpha', 'beta'],
    faults: [always(NO_MODEL)],
    tries: [
      ['alpha', 'model_not_found'],
      ['beta', 'model_not_found'],
    ],
    sees: NO_MODEL,
    afterwards: [],
    seesThen: ({ text }) => {
      equal(failureIn(text)?.code, 'invalid_prompt')
      match(failureIn(text)?.message ?? '', /OpenAI gives the model gpt-5\.5 to none/)
    },
  },
  {
    name: '400 on service_tier goes to another project, and the tier alone is out',
    keys: ['alpha', 'beta'],
    faults: [NO_TIER],
    shape: { tier: 'priority' },
    tries: [
      ['alpha', 'service_tier'],
      ['beta', undefined],
    ],
    sees: 'answer',
    afterwards: ['beta'],
  },
  {
    name: '401 is confirmed once, goes to another key, and is never shown',
    keys: ['alpha', 'beta'],
    faults: [always({ ...WRONG_KEY, key: 'alpha' })],
    tries: [
      ['alpha', 'unauthorized'],
      ['beta', undefined],
    ],
    sees: 'answer',
    confirmations: 2,
    afterwards: ['beta'],
  },
  {
    name: '401 of the only key is a gateway error',
    keys: ['alpha'],
    faults: [always(WRONG_KEY)],
    tries: [
      ['alpha', 'unauthorized'],
      ['alpha', 'unauthorized'],
    ],
    sees: gatewayError,
    afterwards: [],
    seesThen: gatewayError,
  },
  {
    name: '403 of the region leaves the organization',
    keys: ['alpha', 'alpha-other', 'beta'],
    faults: [REGION],
    tries: [
      ['alpha', 'region'],
      ['beta', undefined],
    ],
    sees: 'answer',
    afterwards: ['beta'],
  },
  {
    name: '403 of the region with nowhere to go is a gateway error',
    keys: ['alpha', 'alpha-other'],
    faults: [REGION],
    tries: [['alpha', 'region']],
    sees: gatewayError,
    afterwards: [],
    seesThen: gatewayError,
  },
  {
    name: '429 rate_limit_exceeded goes to another project at once, and the twin cools too',
    keys: ['alpha', 'alpha-twin', 'alpha-other'],
    faults: [LIMITED_LONG],
    tries: [
      ['alpha', 'rate_limit'],
      ['alpha-other', undefined],
    ],
    sees: 'answer',
    afterwards: ['alpha-other'],
  },
  {
    name: '429 rate_limit_exceeded of the only project is waited for',
    keys: ['alpha', 'alpha-twin'],
    faults: [LIMITED],
    tries: [
      ['alpha', 'rate_limit'],
      ['alpha-twin', undefined],
    ],
    sees: 'answer',
    afterwards: ['alpha', 'alpha-twin'],
  },
  {
    name: '429 rate_limit_exceeded that takes too long is told with the wait of the soonest key',
    keys: ['alpha', 'beta'],
    faults: [
      { ...LIMITED_LONG, key: 'alpha' },
      { ...error(429, 'rate_limit_exceeded', 'x', { 'retry-after': '25' }), key: 'beta' },
    ],
    tries: [
      ['alpha', 'rate_limit'],
      ['beta', 'rate_limit'],
    ],
    sees: (answered) => {
      triesAgainLater(answered)
      ok(Math.abs(Number(answered.header('retry-after')) - 23) <= 3, answered.header('retry-after') ?? '')
    },
    afterwards: [],
  },
  {
    name: '429 insufficient_quota leaves the organization',
    keys: ['alpha', 'alpha-other', 'beta'],
    faults: [NO_MONEY],
    tries: [
      ['alpha', 'billing'],
      ['beta', undefined],
    ],
    sees: 'answer',
    afterwards: ['beta'],
  },
  {
    name: '429 of a project budget leaves the project only',
    keys: ['alpha', 'alpha-twin', 'alpha-other'],
    faults: [PROJECT_BUDGET],
    tries: [
      ['alpha', 'billing'],
      ['alpha-other', undefined],
    ],
    sees: 'answer',
    afterwards: ['alpha-other'],
  },
  {
    name: '429 insufficient_quota with nowhere to go is a gateway error without false hope',
    keys: ['alpha', 'alpha-other'],
    faults: [NO_MONEY],
    tries: [['alpha', 'billing']],
    sees: gatewayError,
    afterwards: [],
    seesThen: gatewayError,
  },
]

suite('the table of errors of callers and keys', { concurrency: 4 }, () => {
  for (const row of [...CALLERS, ...KEYS]) test(row.name, () => proves(row))
})
