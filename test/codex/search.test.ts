import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { HAS_SEARCH } from '../support/codex-version.ts'
import { ALPHA, BETA, startCodexStand, type CodexStand } from '../support/codex-stand.ts'
import { trueCredits } from '../support/true-credits.ts'

const SEARCHES = { model: 'gpt-6.1-sol', providerSettings: 'supports_standalone_web_search = true' }

async function line(toml = ''): Promise<CodexStand> {
  const simulator = { agent: 'web-search', searchCiphertext: true } as const
  return await startCodexStand({ simulator, upstreams: [ALPHA, BETA], codex: SEARCHES, toml })
}

const searches = (): void => {
  test('finds what upstream found, by the key of its turns, and pays for its turns alone', async () => {
    await using session = await line()
    const result = await session.codex.exec(['What is new?'])
    equal(result.code, 0, result.stderr)
    match(result.stdout, /I searched the web\.[^]*Nothing new about "what is new in Node\.js"/)

    const rows = (await session.stand.settled()).toReversed()
    deepEqual(
      rows.map(({ kind, path, status, ending, precision }) => [kind, path, status, ending, precision]),
      [
        ['turn', '/v1/responses', 200, 'complete', 'exact'],
        ['search', '/v1/alpha/search', 200, 'complete', 'unknown'],
        ['turn', '/v1/responses', 200, 'complete', 'exact'],
      ],
    )
    equal(rows[1]?.credits, 0n)
    deepEqual(
      [new Set(rows.map(({ upstream }) => upstream)).size, new Set(rows.map((row) => row.threadId)).size],
      [1, 1],
    )
    const truth = session.stand.simulator.truth()
    deepEqual(
      truth.map(({ path, model }) => [path, model]),
      rows.map(({ path, model }) => [path, model]),
    )
    const [usage] = await session.stand.usage()
    const turns = truth.filter(({ path }) => path === '/v1/responses')
    deepEqual([usage?.requests, usage?.messages, usage?.credits], [3, 1, trueCredits(turns)])
  })

  test('goes on without searching where that is switched off', async () => {
    await using session = await line('[routes]\nsearch = false\n')
    const result = await session.codex.exec(['What is new?'])
    equal(result.code, 0, result.stderr)
    match(result.stdout, /I searched the web\.[^]*switched off at this gateway[^]*search = true under \[routes\]/)
    deepEqual(
      session.requests().map(({ path }) => path),
      ['/v1/responses', '/v1/alpha/search', '/v1/responses'],
    )
    equal(session.stand.simulator.truth().length, 2)
  })
}
if (HAS_SEARCH) suite('a codex session that searches the web', searches)
