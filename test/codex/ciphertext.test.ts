import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { COMPACTION_NAMES_SESSION } from '../support/codex-version.ts'
import { until } from '../support/stand.ts'
import {
  ALPHA,
  ALPHA_OTHER,
  ALPHA_TWIN,
  BETA,
  startCodexStand,
  type CodexStand,
  type CodexStandOptions,
} from '../support/codex-stand.ts'

/** Upstream's 429 for a key, once; its project rests for so long. */
const limited = (key: string, secs: number) =>
  ({
    key,
    status: 429,
    headers: { 'retry-after': String(secs) },
    body: { error: { code: 'rate_limit_exceeded' } },
  }) as const

suite('a codex session that holds ciphertext', () => {
  const sessions = {
    'of its reasoning': { expected: ['turn', 'turn'], codex: {} },
    ...(COMPACTION_NAMES_SESSION && {
      'of its compaction': {
        expected: ['turn', 'compaction', 'turn'],
        codex: { providerName: 'OpenAI', settings: 'model_auto_compact_token_limit = 2000' },
      },
    }),
  }
  for (const [name, { codex, expected }] of Object.entries(sessions)) {
    test(`${name} goes on with another project of the organization while its own cools`, async () => {
      await using line = await begun([ALPHA, ALPHA_TWIN, BETA, ALPHA_OTHER], codex)
      line.stand.simulator.script(limited('alpha', 60))
      const result = await line.codex.exec(['resume', '--last', 'Go on.'])
      equal(result.code, 0, result.stderr)
      equal(line.requests().length, expected.length)
      deepEqual((await line.stand.settled()).map((row) => row.kind).toReversed(), expected)
      const answers = line.stand.simulator.truth().map(({ key, status }) => `${key} ${status}`)
      deepEqual(answers, ['alpha 200', 'alpha 429', ...expected.slice(1).map(() => 'alpha-other 200')])
    })
  }

  test('waits for its organization rather than ask another, which new sessions may do', async () => {
    await using line = await begun([ALPHA, ALPHA_TWIN, BETA])
    line.stand.simulator.script(limited('alpha', 4))
    const resumed = line.codex.begin(['resume', '--last', 'Go on.'])
    const limit = await until(() => line.stand.simulator.truth()[1])
    const other = await line.codex.exec(['A new session.', '--ephemeral'])
    equal(other.code, 0, other.stderr)
    const result = await resumed.ended
    equal(result.code, 0, result.stderr)

    const calls = line.stand.simulator.truth()
    deepEqual(
      calls.map(({ organization, status }) => [organization, status]),
      [
        ['org-sim-a', 200],
        ['org-sim-a', 429],
        ['org-sim-b', 200],
        ['org-sim-a', 200],
      ],
    )
    ok((calls[3]?.startedAt ?? 0) - limit.startedAt >= 3900)
    equal(line.requests().length, 3)
  })

  test('stays at the organization that answered it where no key is labelled', async () => {
    await using line = await begun([{ name: 'alpha' }, { name: 'beta' }])
    line.stand.simulator.script(limited('alpha', 2))
    const result = await line.codex.exec(['resume', '--last', 'Go on.'])
    equal(result.code, 0, result.stderr)
    deepEqual(
      line.stand.simulator.truth().map(({ key, status }) => `${key} ${status}`),
      ['alpha 200', 'alpha 429', 'alpha 200'],
    )
    equal(line.requests().length, 2)
  })

  test('is told after one request that nobody can read it once its organization is gone', async () => {
    await using line = await begun([ALPHA, BETA])
    await line.stand.admin(({ registry }) => registry.setUpstream('alpha', { enabled: false }))
    await line.stand.heard()
    const result = await line.codex.exec(['resume', '--last', 'Go on.'])
    ok(result.code !== 0)
    match(
      result.stderr,
      /ERROR: This conversation was begun with an OpenAI organization whose keys the gateway no longer has/,
    )
    equal(line.requests().length, 2)
    equal(line.stand.simulator.requests().length, 1)
  })
})

/** A session whose first turn was answered by the key alpha. */
async function begun(
  upstreams: readonly { readonly name: string }[],
  codex: CodexStandOptions['codex'] = {},
): Promise<CodexStand> {
  const line = await startCodexStand({ upstreams, codex })
  const result = await line.codex.exec(['Begin.'])
  equal(result.code, 0, result.stderr)
  equal(line.stand.simulator.truth()[0]?.key, 'alpha')
  return line
}
