import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startStand } from '../support/stand.ts'
import { ask, says, turn, type Ask } from '../support/wire.ts'

const PATH = '/v1/alpha/search'

/** A search as codex 0.169.0 makes it: its thread stands in the turn metadata alone. */
function search(key: string, { thread = 'thread-1', model = 'gpt-6.1-sol', query = 'probe query' } = {}): Ask {
  const metadata = { session_id: thread, thread_id: thread, turn_id: `${thread}-turn`, model, thread_source: 'user' }
  return {
    path: PATH,
    headers: [
      'x-codex-turn-metadata',
      JSON.stringify(metadata),
      'authorization',
      `Bearer ${key}`,
      'content-type',
      'application/json',
      'originator',
      'codex_exec',
      'user-agent',
      'codex_exec/0.169.0 (Debian 12.0.0; x86_64) dumb (codex_exec; 0.169.0)',
    ],
    body: JSON.stringify({
      id: thread,
      model,
      input: [says('say hello')],
      commands: { search_query: [{ q: query }] },
      settings: { allowed_callers: ['direct'], external_web_access: true },
      max_output_tokens: 10_000,
    }),
  }
}

const KEYS = [
  { name: 'alpha', organization: 'org-sim-a' },
  { name: 'beta', organization: 'org-sim-b' },
]

function errorIn(text: string): { readonly code: string; readonly message: string } {
  return (JSON.parse(text) as { error: { code: string; message: string } }).error
}

suite('a web search', { concurrency: 4 }, () => {
  test('passes byte for byte, stands in the ledger at no price, and is no message', async () => {
    await using on = await startStand({ simulator: { tokens: 'bytes' }, member: { fiveHourQuota: 10n ** 12n } })
    const asked = search(on.key)
    const answered = await ask(on.url, asked)
    equal(answered.status, 200)
    match(answered.text, /^\{"output":"Nothing new about \\"probe query\\"/)
    ok(answered.header('x-codex-primary-used-percent') !== undefined)
    const [request] = on.simulator.requests()
    deepEqual([request?.url, request?.body.toString()], [PATH, asked.body])
    ok(!request?.rawHeaders.join('\n').includes(on.key))

    const [row] = await on.settled()
    const { kind, path, transport, model, precision, credits, threadId, requestId } = row ?? {}
    deepEqual(
      [kind, path, transport, model, precision, credits, threadId, requestId],
      ['search', PATH, 'http', 'gpt-6.1-sol', 'unknown', 0n, 'thread-1', on.simulator.truth()[0]?.requestId],
    )
    const [usage] = await on.usage()
    deepEqual([usage?.requests, usage?.messages, usage?.credits], [1, 0, 0n])
  })

  test('is metered where upstream states its usage', async () => {
    await using on = await startStand({ simulator: { tokens: 'bytes' } })
    const usage = { input_tokens: 1000, output_tokens: 10, total_tokens: 1010 }
    on.simulator.script({ path: PATH, status: 200, body: { output: 'found', encrypted_output: null, usage } })
    equal((await ask(on.url, search(on.key))).status, 200)
    const [row] = await on.settled()
    deepEqual([row?.precision, row?.inputTokens, row?.outputTokens], ['exact', 1000, 10])
    ok((row?.credits ?? 0n) > 0n)
  })

  test('is refused in the shape of the API, and the refusal stands in the ledger', async () => {
    await using on = await startStand({ simulator: { tokens: 'bytes' }, member: { models: ['gpt-6.1-sol'] } })
    const refusals: readonly (readonly [Ask, number, string])[] = [
      [search('sk-codex-gw-nobody'), 401, 'unauthorized'],
      [search(on.key, { model: 'gpt-5.5' }), 403, 'model_not_allowed'],
      [{ ...search(on.key), body: '[' }, 400, 'invalid_request'],
    ]
    for (const [asked, status, code] of refusals) {
      const answered = await ask(on.url, asked)
      deepEqual([answered.status, errorIn(answered.text).code], [status, code])
    }
    deepEqual(on.simulator.requests(), [])
    deepEqual(
      (await on.settled()).map(({ kind, refusal }) => [kind, refusal]),
      [
        ['search', 'invalid_request'],
        ['search', 'model_not_allowed'],
      ],
    )
  })

  test('of a member whose quota is spent is refused, in plain words', async () => {
    await using on = await startStand({ simulator: { tokens: 'bytes' }, member: { fiveHourQuota: 1n } })
    equal((await ask(on.url, turn(on.key))).status, 200)
    await on.settled()
    const answered = await ask(on.url, search(on.key))
    deepEqual([answered.status, errorIn(answered.text).code], [429, 'member_5h_quota_exceeded'])
    equal(answered.header('x-codex-promo-message'), undefined)
  })

  test('stays with the organization of its thread, though another has room', async () => {
    await using on = await startStand({
      simulator: { tokens: 'bytes' },
      upstreams: KEYS,
      toml: '[limits]\nqueue_secs = 0\n',
    })
    equal((await ask(on.url, turn(on.key, { thread: 'one', model: 'gpt-6.1-sol' }))).status, 200)
    const [first] = on.simulator.truth()
    const broken = { path: PATH, key: first?.key ?? '', status: 401, body: { error: { code: 'invalid_api_key' } } }
    on.simulator.script({ ...broken, times: null })
    const answered = await ask(on.url, search(on.key, { thread: 'one' }))
    deepEqual([answered.status, errorIn(answered.text).code], [502, 'upstream_error'])
    deepEqual(new Set(on.simulator.truth().map(({ key }) => key)), new Set([first?.key]))
    equal((await ask(on.url, search(on.key, { thread: 'another' }))).status, 200)
  })

  test('that is switched off is told so, before a key is looked at', async () => {
    await using on = await startStand({ simulator: { tokens: 'bytes' }, toml: '[routes]\nsearch = false\n' })
    const answered = await ask(on.url, search(on.key))
    deepEqual([answered.status, answered.header('content-type')], [404, 'application/json'])
    const { code, message } = errorIn(answered.text)
    equal(code, 'not_found')
    match(message, /^POST \/v1\/alpha\/search is switched off at this gateway\..*search = true under \[routes\]\.$/)
    deepEqual([on.simulator.requests(), await on.settled()], [[], []])
  })
})
