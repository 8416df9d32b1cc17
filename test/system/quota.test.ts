import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { DEFAULT_MODELS } from '../../src/simulator/models.ts'
import { untilStill } from '../contract/upstream-kit.ts'
import { rowsIn } from '../support/ledger-file.ts'
import { startStand, until, type StandOptions } from '../support/stand.ts'
import { ask, says, stream, turn } from '../support/wire.ts'

const CREDIT = 1_000_000_000n
const SIMULATOR = { tokens: 'bytes', text: 'Hello.', reasoningTokens: 0 } as const
/** The rate card does not know it. */
const UNKNOWN = 'gpt-unheard-of'
const MUCH = 10n ** 15n
const stand = (options: StandOptions): ReturnType<typeof startStand> => startStand({ simulator: SIMULATOR, ...options })

suite('a member’s quota', { concurrency: 4 }, () => {
  test('may be overdrawn by one call, and the next is refused, in either window', async () => {
    for (const quota of ['fiveHourQuota', 'weeklyQuota'] as const) {
      await using on = await stand({ member: { [quota]: 1000n } })
      match((await ask(on.url, turn(on.key))).text, /response\.completed/)
      const [row] = await on.settled()
      ok((row?.credits ?? 0n) > 1000n)
      const refused = await ask(on.url, turn(on.key))
      equal(refused.status, 429)
      match(refused.text, quota === 'weeklyQuota' ? /member_weekly_quota/ : /member_5h_quota/)
      await on.admin(({ registry }) => registry.setMember('alice', { [quota]: MUCH }))
      await until(async () => ((await ask(on.url, turn(on.key))).status === 200 ? true : undefined))
    }
  })

  test('lets few calls through at its edge, however many come at once', async () => {
    // A call holds about 1.01 credits and costs far less: three holds fill the window.
    await using on = await stand({
      member: { fiveHourQuota: 6n * CREDIT, maxConcurrent: 0 },
      toml: '[limits]\ncodex_queue_secs = 60\n',
    })
    on.simulator.script({ headDelayMs: 1500, times: null })
    const answers = Promise.all(Array.from({ length: 20 }, () => ask(on.url, turn(on.key))))
    await until(() => on.simulator.truth()[0])
    const admitted = await untilStill(() => on.simulator.truth().length, 500)
    const [held] = await rowsIn(on.folder, 'SELECT MIN(hold) AS hold FROM calls')
    const hold = BigInt(held?.['hold'] ?? 1)
    ok(BigInt(admitted - 1) * hold < 6n * CREDIT, `${admitted} calls of ${hold} were let in`)
    ok(BigInt(admitted) * hold >= 6n * CREDIT, `only ${admitted} calls of ${hold} were let in`)
    for (const { text } of await answers) match(text, /response\.completed/)
    equal((await on.settled()).length, 20)
  })

  test('stands in the windows as the sum of what was settled, and the headers show it', async () => {
    await using on = await stand({ member: { fiveHourQuota: CREDIT, weeklyQuota: 2n * CREDIT } })
    let answered = await ask(on.url, turn(on.key))
    equal(answered.header('x-codex-primary-used-percent'), '0')
    for (let i = 0; i < 3; i++) {
      const rows = await on.settled()
      answered = await ask(on.url, turn(on.key))
      const spent = rows.reduce((sum, { credits }) => sum + credits, 0n)
      const percent = (limit: bigint): string => String(Number((spent * 10_000n) / limit) / 100)
      equal(answered.header('x-codex-primary-used-percent'), percent(CREDIT))
      equal(answered.header('x-codex-secondary-used-percent'), percent(2n * CREDIT))
    }
    const total = (await on.settled()).reduce((sum, { credits }) => sum + credits, 0n)
    const windows = await rowsIn(on.folder, 'SELECT name, CAST(settled AS TEXT) AS settled FROM windows ORDER BY name')
    deepEqual(
      windows.map((row) => ({ ...row })),
      ['5h', 'weekly'].map((name) => ({ name, settled: String(total) })),
    )
  })

  test('is not begun by a call that is refused after all, for want of a key', async () => {
    await using on = await stand({
      member: { fiveHourQuota: MUCH, weeklyQuota: MUCH },
      upstreams: [{ name: 'alpha', maxConcurrent: 1 }],
      toml: '[limits]\ncodex_queue_secs = 3\n',
    })
    const bob = await on.addMember({ name: 'bob' })
    await until(async () => ((await ask(on.url, turn(bob))).status === 200 ? true : undefined))
    on.simulator.script({ stall: { afterEvents: 3 } })
    const busy = await stream(on.url, turn(bob))
    await busy.events(3)
    const refused = await ask(on.url, turn(on.key))
    match(refused.text, /keys are busy/)
    equal(refused.header('x-codex-primary-used-percent'), '0')
    equal(refused.header('x-codex-primary-reset-at'), undefined)
    const begun = async (): Promise<unknown> =>
      (
        await rowsIn(
          on.folder,
          "SELECT COUNT(*) AS n FROM windows w JOIN members m ON m.id = w.member WHERE m.name = 'alice' AND w.resets_at > w.opened_at",
        )
      )[0]?.['n']
    equal(Number(await begun()), 0)
    busy.kill()
    await until(async () => (await ask(on.url, turn(on.key))).text.includes('response.completed') || undefined)
    equal(Number(await begun()), 2)
    const models = await ask(on.url, {
      method: 'GET',
      path: '/v1/models',
      headers: ['authorization', `Bearer ${on.key}`],
    })
    equal(models.header('x-codex-primary-window-minutes'), '300')
    ok(models.header('x-codex-primary-reset-at'))
  })

  test('is not shown where there is none', async () => {
    await using on = await stand({})
    const answered = await ask(on.url, turn(on.key))
    ok(!answered.rawHeaders.some((name) => name.startsWith('x-codex-')))
  })
})

suite('the price of a call', { concurrency: 4 }, () => {
  test('is that of its tokens, its tier and its model', async () => {
    await using on = await stand({ simulator: { ...SIMULATOR, models: [...DEFAULT_MODELS, { id: UNKNOWN }] } })
    const price = async (shape: Parameters<typeof turn>[1]): Promise<bigint> => {
      match((await ask(on.url, turn(on.key, { stream: false, ...shape }))).text, /"completed"/)
      const [row] = await on.settled()
      const fresh = BigInt((row?.inputTokens ?? 0) - (row?.cachedInputTokens ?? 0))
      ok(row && row.cachedInputTokens === 0 && fresh > 0n)
      const rates: Record<string, readonly [bigint, bigint]> = {
        'gpt-5.5': [125_000n, 750_000n],
        'gpt-5.4-mini': [18_750n, 113_000n],
      }
      const [input, output] = rates[row.model ?? ''] ?? [43_750n, 350_000n]
      const plain = fresh * input + BigInt(row.outputTokens) * output
      return (row.credits * 10n) / plain
    }
    equal(await price({}), 10n)
    equal(await price({ tier: 'priority' }), 25n)
    equal(await price({ tier: 'flex' }), 5n)
    equal(await price({ model: 'gpt-5.4-mini' }), 10n)
    equal(await price({ model: 'gpt-5.4-mini', tier: 'priority' }), 20n)
    equal(await price({ model: UNKNOWN }), 10n)
    const [row] = await rowsIn(on.folder, 'SELECT rate FROM calls ORDER BY seq DESC LIMIT 1')
    equal(row?.['rate'], 'fallback')
    // The administrator hears of it, but not with every call.
    await price({ model: UNKNOWN })
    equal(await price({ tier: 'scale' }), 10n)
    deepEqual(
      on.log.filter((line) => /priced by the fallback|standard tier/.test(line)),
      [
        `warn priced by the fallback {"what":"model ${UNKNOWN}"}`,
        'warn charged as the standard tier {"what":"service tier scale"}',
      ],
    )
  })

  test('is the configured one where a whole answer states no usage', async () => {
    await using on = await stand({ toml: '[credit]\nunknown_usage_credits = 3\n' })
    on.simulator.script({ omitUsage: true })
    await ask(on.url, turn(on.key))
    const [row] = await on.settled()
    deepEqual([row?.precision, row?.credits], ['unknown', 3n * CREDIT])
  })

  test('is taken once a turn where messages are charged', async () => {
    await using on = await stand({
      toml: '[credit]\naccounting = "message_average"\n',
      member: { fiveHourQuota: MUCH },
    })
    for (let i = 0; i < 3; i++) await ask(on.url, turn(on.key, { thread: 't', turn: 'turn-1' }))
    await ask(on.url, turn(on.key, { thread: 't', turn: 'turn-2' }))
    await ask(
      on.url,
      turn(on.key, { input: [says('Hi'), { type: 'function_call_output', call_id: 'c', output: 'ok' }] }),
    )
    await ask(on.url, turn(on.key))
    const credits = (await on.settled()).map((row) => row.credits / CREDIT)
    deepEqual(credits, [14n, 0n, 14n, 0n, 0n, 14n])
    const [usage] = await on.usage()
    deepEqual([usage?.messages, usage?.requests, usage?.credits], [3, 6, 42n * CREDIT])
  })
})
