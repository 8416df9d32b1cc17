import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { DAY_MS } from '../../core/reconcile.ts'
import type { AdminKeyId, UpstreamId } from '../../core/units.ts'
import { BooksUnavailable, type AdminKey, type Upstream } from '../../ports.ts'
import { startSimulator, type Simulator } from '../../simulator/simulator.ts'
import { OpenAiBooks } from './books.ts'
import { trillionthsOf } from './dollars.ts'
import { isShownAs } from './redacted.ts'

const ADMIN: AdminKey = { id: 1 as AdminKeyId, organization: 'a', enabled: true, createdAt: 0 }
const NOW = Date.now()
const TODAY = NOW - (NOW % DAY_MS)
const DAYS = { from: TODAY - DAY_MS, to: TODAY + 2 * DAY_MS }
const USAGE = '/v1/organization/usage/completions'
const NEVER = new AbortController().signal

const SECRETS = ['sk-sim-alpha-twin', 'sk-sim-alpha', 'sk-sim-alpha-other', 'sk-sim-beta-and-more']

function booksOf(on: Simulator, adminSecret = 'sk-admin-sim'): OpenAiBooks {
  return new OpenAiBooks({
    baseUrl: on.url,
    maxHeaderBytes: 65_536,
    connectTimeoutMs: 5_000,
    proxy: undefined,
    ca: undefined,
    adminSecretOf: async () => adminSecret,
    vault: { secretOf: (id) => SECRETS[id] ?? '' },
    pauseMs: 5,
  })
}

async function ask(on: Simulator, secret: string, model = 'gpt-5.5'): Promise<void> {
  const answer = await fetch(`${on.url}/v1/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, input: 'Hello', stream: true }),
  })
  await answer.text()
}

function upstream(id: number, project: string | undefined): Upstream {
  return { id: id as UpstreamId, name: `u${id}`, project, apiKeyId: undefined } as Upstream
}

suite('the books of OpenAI', () => {
  test('are read to their last page, by day, project, key and model', async () => {
    await using on = await startSimulator({ tokens: 'bytes' })
    await using books = booksOf(on)
    await ask(on, 'sk-sim-alpha')
    await ask(on, 'sk-sim-alpha')
    await ask(on, 'sk-sim-alpha-other', 'gpt-6.1-sol')
    // 200 days are seven pages of each.
    const days = { from: TODAY - 198 * DAY_MS, to: DAYS.to }
    const lines = await books.usage(ADMIN, days, NEVER)
    const [first, second, third] = on.truth()
    ok(first && second && third)
    const day = first.startedAt - (first.startedAt % DAY_MS)
    deepEqual(lines, [
      {
        day,
        project: 'proj_sim_a1',
        apiKeyId: 'key_sim_alpha',
        model: 'gpt-5.5-2026-04-23',
        requests: 2,
        input: first.inputTokens + second.inputTokens,
        cached: first.cachedInputTokens + second.cachedInputTokens,
        output: first.outputTokens + second.outputTokens,
      },
      {
        day,
        project: 'proj_sim_a2',
        apiKeyId: 'key_sim_alpha-other',
        model: 'gpt-6.1-sol',
        requests: 1,
        input: third.inputTokens,
        cached: third.cachedInputTokens,
        output: third.outputTokens,
      },
    ])
    const costs = await books.costs(ADMIN, days, NEVER)
    const line = costs.find(({ lineItem }) => lineItem === 'gpt-6.1-sol, output')
    deepEqual(line, {
      day,
      project: 'proj_sim_a2',
      apiKeyId: 'key_sim_alpha-other',
      lineItem: 'gpt-6.1-sol, output',
      cost: BigInt(third.outputTokens) * 10_000_000n,
    })
  })

  test('are asked for again after what is wrong for a moment', async () => {
    await using on = await startSimulator({ tokens: 'bytes' })
    await using books = booksOf(on)
    await ask(on, 'sk-sim-alpha')
    on.script({ on: 'books', path: USAGE, status: 429, body: {}, headers: { 'retry-after': '0.01' } })
    on.script({ on: 'books', path: USAGE, status: 503, body: 'busy' })
    on.script({ on: 'books', path: USAGE, reset: 'before-head' })
    on.script({ on: 'books', path: USAGE, status: 200, body: 'not JSON' })
    equal((await books.usage(ADMIN, DAYS, NEVER)).length, 1)
    on.script({ on: 'books', path: USAGE, status: 500, body: {}, times: 5 })
    await rejects(books.usage(ADMIN, DAYS, NEVER), /usage\/completions: OpenAI answers 500/)
    equal((await books.usage(ADMIN, DAYS, NEVER)).length, 1)
  })

  test('are not taken for whole where they say that there is more, and not where', async () => {
    await using on = await startSimulator({ tokens: 'bytes' })
    await using books = booksOf(on)
    for (const next_page of [undefined, null, '']) {
      on.script({ on: 'books', path: USAGE, status: 200, body: { data: [], has_more: true, next_page } })
      await rejects(books.usage(ADMIN, DAYS, NEVER), (error: Error) => {
        ok(error instanceof BooksUnavailable)
        equal(error.message, `${USAGE}: there are more pages, and nothing says where`)
        return true
      })
    }
  })

  test('are not asked for again with a key that may not read them, and the key is not told', async () => {
    await using on = await startSimulator({ tokens: 'bytes' })
    for (const [secret, status] of [
      ['sk-nobody-knows-this-one', '401 invalid_api_key'],
      ['sk-sim-alpha', '403'],
    ] as const) {
      await using books = booksOf(on, secret)
      await rejects(books.usage(ADMIN, DAYS, NEVER), (error: Error) => {
        ok(error instanceof BooksUnavailable)
        equal(
          error.message,
          `${USAGE}: OpenAI answers ${status}: it needs an admin key of the organization that may read its usage`,
        )
        return true
      })
    }
  })

  test('are put away at once when nobody wants them any more', async () => {
    await using on = await startSimulator({ tokens: 'bytes' })
    await using books = booksOf(on)
    on.script({ on: 'books', status: 429, body: {}, headers: { 'retry-after': '30' }, times: null })
    const startedMs = performance.now()
    await rejects(books.usage(ADMIN, DAYS, AbortSignal.timeout(100)))
    // Not after the pause that OpenAI asked for.
    ok(performance.now() - startedMs < 20_000)
  })

  test('tell which of the listed keys are ours, where the ends of secrets tell them apart', async () => {
    await using on = await startSimulator({ tokens: 'bytes' })
    await using books = booksOf(on)
    const { projects, found } = await books.keys(
      ADMIN,
      [upstream(0, 'proj_sim_a1'), upstream(1, 'proj_sim_a1'), upstream(2, undefined), upstream(3, undefined)],
      NEVER,
    )
    deepEqual(projects, ['proj_sim_a1', 'proj_sim_a2'])
    deepEqual(
      Array.from(found, ([id, { apiKeyId, project }]) => [id, apiKeyId, project]),
      [
        [0, 'key_sim_alpha-twin', 'proj_sim_a1'],
        [2, 'key_sim_alpha-other', 'proj_sim_a2'],
      ],
    )
  })
})

suite('a key with its middle left out', () => {
  const secret = 'sk-proj-0123456789abcdefWXYZ'
  for (const [shown, is] of [
    ['sk-proj-****************WXYZ', true],
    ['sk-...XYZ', true],
    ['sk-pro…WXYZ', true],
    ['***WXYZ', true],
    ['sk-proj-****************wxyz', false],
    ['sk-abc-****************WXYZ', false],
    ['sk-proj-***YZ', false],
    ['****************', false],
    [secret, false],
    ['', false],
  ] as const) {
    test(`${shown} is ${is ? 'ours' : 'not known to be ours'}`, () => equal(isShownAs(secret, shown), is))
  }
})

suite('an amount of dollars', () => {
  for (const [text, amount] of [
    ['0.0001050000000000000000000000000000000', 105_000_000n],
    ['0E-6176', 0n],
    ['1.5e-7', 150_000n],
    ['12', 12_000_000_000_000n],
    ['0.06', 60_000_000_000n],
    ['-0.5', -500_000_000_000n],
    ['1e-13', 0n],
    ['1E3', 1_000_000_000_000_000n],
    ['abc', undefined],
    ['', undefined],
    ['1e99999', undefined],
  ] as const) {
    test(`${text} is ${amount}`, () => equal(trillionthsOf(text), amount))
  }
})
