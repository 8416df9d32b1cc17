import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { GATEWAY_KEY_BYTES, newGatewayKey } from '../../src/core/gateway-key.ts'
import type { KeyHash } from '../../src/core/units.ts'
import { rowsIn } from '../support/ledger-file.ts'
import { startStand, until, type Stand } from '../support/stand.ts'
import { ask, eventsIn, failureIn, turn, type Answered, type Ask } from '../support/wire.ts'

/** OpenAI's error shape, with our codes. */
function expectPlain(answered: Answered, status: number, code: string, words: RegExp): void {
  equal(answered.status, status, answered.text)
  equal(answered.header('content-type'), 'application/json')
  const { error } = JSON.parse(answered.text) as { error: Record<string, unknown> }
  deepEqual(Object.keys(error).toSorted().slice(0, 4), [
    'code',
    'message',
    'param',
    error['resets_at'] === undefined ? 'type' : 'resets_at',
  ])
  equal(error['code'], code)
  equal(error['param'], null)
  match(String(error['message']), words)
  match(answered.header('x-request-id') ?? '', /^[0-9a-f-]{36}$/)
}

function expectFailed(answered: Answered, code: string, words: RegExp): void {
  equal(answered.status, 200, answered.text)
  match(answered.header('content-type') ?? '', /^text\/event-stream/)
  const [event, ...others] = eventsIn(answered.text)
  equal(others.length, 0)
  match(answered.text, /^event: response\.failed\ndata: /)
  equal(event?.['type'], 'response.failed')
  equal(failureIn(answered.text)?.code, code)
  match(failureIn(answered.text)?.message ?? '', words)
  match(answered.header('x-request-id') ?? '', /^[0-9a-f-]{36}$/)
}

async function keyOf(on: Stand, expiresAt?: number): Promise<{ secret: string; prefix: string }> {
  const { secret, prefix } = newGatewayKey(randomBytes(GATEWAY_KEY_BYTES))
  const hash = createHash('sha256').update(secret).digest('hex') as KeyHash
  await on.admin(({ registry }) => registry.addGatewayKey({ member: 'alice', hash, prefix, expiresAt }))
  return { secret, prefix }
}

/** The code of a refusal, once the directory has followed. */
async function refusedWith(on: Stand, key: string, status: number): Promise<Answered> {
  return await until(async () => {
    const answered = await ask(on.url, turn(key))
    return answered.status === status ? answered : undefined
  }, 2000)
}

suite('a caller who is not known', { concurrency: 4 }, () => {
  test('is told which thing is wrong with its key, and leaves no row', async () => {
    await using on = await startStand()
    const unknown = newGatewayKey(randomBytes(GATEWAY_KEY_BYTES)).secret
    const mistyped = on.key.slice(0, -1) + (on.key.endsWith('a') ? 'b' : 'a')
    const strangers: readonly (readonly [string, RegExp])[] = [
      ['', /^No gateway key was given/],
      ['hello', /not a gateway key/],
      ['sk-proj-abcdefghijklmnopqrstuvwx', /key for the OpenAI API itself/],
      ['eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl', /token of a ChatGPT login/],
      [mistyped, /mistyped/],
      [unknown, /unknown/],
    ]
    for (const [key, words] of strangers) {
      const answered = await ask(on.url, turn(key))
      expectPlain(answered, 401, 'unauthorized', words)
      equal(answered.header('www-authenticate'), 'Bearer')
    }
    deepEqual(await on.calls(), [])
    deepEqual(on.simulator.truth(), [])
  })

  test('is told that its key is expired or disabled, or that the member is', async () => {
    await using on = await startStand()
    const expired = await keyOf(on, Date.now() + 1000)
    const { secret, prefix } = await keyOf(on)
    await until(async () => ((await ask(on.url, turn(secret))).status === 200 ? true : undefined))
    const answered = await until(async () => {
      const again = await ask(on.url, turn(expired.secret))
      return again.text.includes('expired') ? again : undefined
    })
    expectPlain(answered, 401, 'unauthorized', /expired at 20/)
    await on.admin(({ registry }) => registry.setGatewayKey(prefix, { enabled: false }))
    expectPlain(await refusedWith(on, secret, 401), 401, 'unauthorized', /is disabled/)
    await on.admin(({ registry }) => registry.setMember('alice', { enabled: false }))
    expectPlain(await refusedWith(on, on.key, 403), 403, 'forbidden', /The member alice is disabled/)
  })
})

interface Case {
  readonly name: string
  readonly ask: (key: string) => Ask
  readonly expect: (answered: Answered) => void
  readonly refusal: string
}

const plainTurn = (key: string, shape: Parameters<typeof turn>[1] = {}): Ask => turn(key, { stream: false, ...shape })
const withBody = (asked: Ask, body: string): Ask => ({ ...asked, body })

const CASES: readonly Case[] = [
  {
    name: 'who is not Codex',
    ask: (key) => turn(key, { codex: false }),
    expect: (answered) => expectPlain(answered, 403, 'codex_only', /serves Codex only/),
    refusal: 'codex_only',
  },
  {
    name: 'a model that the member may not use, plain',
    ask: (key) => plainTurn(key, { model: 'gpt-6-sol' }),
    expect: (answered) => expectPlain(answered, 403, 'model_not_allowed', /gpt-6-sol is not allowed to you.*gpt-5\.5/),
    refusal: 'model_not_allowed',
  },
  {
    name: 'a model that the member may not use, to Codex',
    ask: (key) => turn(key, { model: 'gpt-6-sol' }),
    expect: (answered) => expectFailed(answered, 'invalid_prompt', /gpt-6-sol is not allowed to you.*admin/),
    refusal: 'model_not_allowed',
  },
  {
    name: 'a model that no key serves, plain',
    ask: (key) => plainTurn(key, { model: 'gpt-5.4' }),
    expect: (answered) => expectPlain(answered, 404, 'model_not_found', /keys serves the model gpt-5\.4/),
    refusal: 'model_not_found',
  },
  {
    name: 'a model that no key serves, to Codex',
    ask: (key) => turn(key, { model: 'gpt-5.4' }),
    expect: (answered) => expectFailed(answered, 'invalid_prompt', /gpt-5\.4.*Ask your gateway admin/),
    refusal: 'model_not_found',
  },
  {
    name: 'a body that is no JSON, plain',
    ask: (key) => withBody(turn(key, { path: '/v1/responses/compact' }), '{"model":'),
    expect: (answered) => expectPlain(answered, 400, 'invalid_request', /one JSON object/),
    refusal: 'invalid_request',
  },
  {
    name: 'a body that is no JSON, to Codex',
    ask: (key) => withBody(turn(key), '{"model":'),
    expect: (answered) => {
      equal(answered.status, 400)
      match(answered.header('content-type') ?? '', /^text\/plain/)
      match(answered.text, /^The request body is not readable/)
    },
    refusal: 'invalid_request',
  },
  {
    name: 'background work, to Codex',
    ask: (key) => withBody(turn(key), '{"model":"gpt-5.5","stream":true,"background":true}'),
    expect: (answered) => {
      equal(answered.status, 400)
      match(answered.text, /"background" must be false/)
    },
    refusal: 'invalid_request',
  },
]

const STATUS: Readonly<Record<string, number>> = {
  codex_only: 403,
  model_not_allowed: 403,
  model_not_found: 404,
  invalid_request: 400,
}

suite('a member is refused', { concurrency: 4 }, () => {
  test('in the words that its client understands, for nothing', async () => {
    await using on = await startStand({
      member: { models: ['gpt-5.5', 'gpt-5.4'] },
      upstreams: [{ name: 'alpha', models: ['gpt-5.5', 'gpt-6-sol'] }],
    })
    for (const { name, ask: askOf, expect, refusal } of CASES) {
      expect(await ask(on.url, askOf(on.key)))
      const [row] = await on.settled()
      const { ending, status, credits, attempts } = row ?? {}
      deepEqual([ending, row?.refusal, credits, attempts], ['refused', refusal, 0n, 0], name)
      equal(status, STATUS[refusal], `${name}: by its code, also where Codex is told it below 200`)
    }
    equal((await on.calls()).length, CASES.length)
    deepEqual(on.simulator.truth(), [])
    deepEqual(await rowsIn(on.folder, 'SELECT 1 FROM windows'), [], 'refusals open no window')
  })

  test('with the standing of its windows, where it has any', async () => {
    await using on = await startStand({ member: { models: ['gpt-6-sol'], fiveHourQuota: 10n ** 15n } })
    for (const stream of [true, false]) {
      const answered = await ask(on.url, turn(on.key, { stream }))
      equal(answered.header('x-codex-primary-used-percent'), '0')
      equal(answered.header('x-codex-primary-window-minutes'), '300')
      equal(answered.header('x-codex-secondary-used-percent'), undefined)
    }
    equal((await ask(on.url, turn('nobody'))).header('x-codex-primary-used-percent'), undefined)
  })

  test('where there is no such route', async () => {
    await using on = await startStand()
    for (const [method, path] of [
      ['GET', '/v1/unknown'],
      ['POST', '/v1/models'],
      ['HEAD', '/v1/responses'],
      ['GET', '/'],
    ] as const) {
      const answered = await ask(on.url, { method, path })
      equal(answered.status, 404)
      if (method === 'HEAD') equal(answered.text, '')
      else expectPlain(answered, 404, 'not_found', /POST \/v1\/responses, .*GET \/v1\/models/)
    }
  })

  test('when its window is spent, with the reset, in both dialects', async () => {
    await using on = await startStand({ member: { fiveHourQuota: 1n, weeklyQuota: 10n ** 15n } })
    ok((await ask(on.url, turn(on.key))).whole)
    await on.settled()
    for (const stream of [true, false]) {
      const now = Date.now() / 1000
      const answered = await ask(on.url, turn(on.key, { stream }))
      expectPlain(
        answered,
        429,
        'member_5h_quota_exceeded',
        /Your 5-hour quota is used up: [\d.]+ of 0\.000000001 credits\. It resets at 20[\dT:.-]+Z\. Ask your gateway admin for more quota\.$/,
      )
      const { error } = JSON.parse(answered.text) as { error: Record<string, unknown> }
      equal(error['type'], 'usage_limit_reached')
      ok(!('plan_type' in error))
      const resetsAt = Number(error['resets_at'])
      ok(Math.abs(resetsAt - now - 5 * 3600) < 60)
      ok(Math.abs(Number(answered.header('retry-after')) - 5 * 3600) < 60)
      equal(answered.header('x-codex-promo-message'), stream ? 'Ask your gateway admin for more quota' : undefined)
      equal(answered.header('x-codex-primary-used-percent'), '100')
      equal(answered.header('x-codex-primary-reset-at'), String(resetsAt))
      equal(answered.header('x-codex-secondary-window-minutes'), '10080')
      equal(answered.header('x-codex-limit-name'), 'codex')
    }
    await on.admin(({ registry }) => registry.setMember('alice', { weeklyQuota: 1n }))
    const answered = await until(async () => {
      const again = await ask(on.url, turn(on.key))
      return again.text.includes('weekly') ? again : undefined
    })
    expectPlain(answered, 429, 'member_weekly_quota_exceeded', /weekly quota/)
    equal(on.simulator.truth().length, 1)
  })
})
