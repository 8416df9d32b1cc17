import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { Folder } from '../support/cli-folder.ts'
import { rowsIn } from '../support/ledger-file.ts'
import { startStand, until, type Stand } from '../support/stand.ts'
import { ask, turn } from '../support/wire.ts'

const MODEL = 'gpt-unheard-of'
const SIMULATOR = { tokens: 'bytes', text: 'Hello.', reasoningTokens: 0, models: [{ id: MODEL }] } as const

async function call(on: Stand): Promise<void> {
  match((await ask(on.url, turn(on.key, { model: MODEL }))).text, /response\.completed/)
}

async function ratesIn(on: Stand): Promise<readonly string[]> {
  const rows = await rowsIn(on.folder, 'SELECT rate FROM calls WHERE ended_at IS NOT NULL ORDER BY seq')
  return rows.map(({ rate }) => String(rate))
}

/** The keys that docs/json.md promises for a command. */
function documentedKeys(command: string): readonly string[] {
  const page = readFileSync(new URL('../../docs/json.md', import.meta.url), 'utf8')
  const section = page.split(/^## /m).find((part) => part.startsWith(command)) ?? ''
  return [...section.matchAll(/^\| `(\w+)`/gm)].map(([, key = '']) => key)
}

suite('rates that an administrator sets', { concurrency: 2 }, () => {
  test('price messages where those are charged, over the configuration, and those before them on demand', async () => {
    const toml = `[credit]\naccounting = "message_average"\n[credit.messages]\n${MODEL} = 3\n`
    await using on = await startStand({ simulator: SIMULATOR, member: { fiveHourQuota: 10n ** 15n }, toml })
    await using folder = new Folder()
    const admin = (line: string): Promise<string> => folder.ok(`admin ${line} --config ${on.configFile}`)
    await call(on)
    await on.settled()
    deepEqual(await ratesIn(on), [`${MODEL}@message/config`])
    await admin(`rates set ${MODEL} --message 4.5`)
    await until(async () => {
      await call(on)
      await on.settled()
      return (await ratesIn(on)).at(-1) === `${MODEL}@message/admin-1` ? true : undefined
    })
    const today = new Date(Date.now() - 60_000).toISOString().slice(0, 10)
    await admin(`rates reprice --from ${today} --yes`)
    const rows = await on.settled()
    deepEqual(new Set(rows.map(({ credits }) => credits)), new Set([4_500_000_000n]))
    deepEqual(new Set(await ratesIn(on)), new Set([`${MODEL}@message/admin-1`]))
    const { repricings } = (await on.admin(({ reports }) => reports.call(rows.at(-1)?.id ?? ''))) ?? { repricings: [] }
    deepEqual(
      repricings.map(({ before, after, rateBefore }) => [before, after, rateBefore]),
      [[3_000_000_000n, 4_500_000_000n, `${MODEL}@message/config`]],
    )
  })

  test('price the calls of a running server within a second, and on demand those before them', async () => {
    await using on = await startStand({ simulator: SIMULATOR, member: { fiveHourQuota: 10n ** 15n } })
    await using folder = new Folder()
    const admin = (line: string): Promise<string> => folder.ok(`admin ${line} --config ${on.configFile}`)
    await call(on)
    await on.settled()
    deepEqual(await ratesIn(on), ['fallback'])
    ok(
      on.log.some((line) => line.includes('priced by the fallback') && line.includes(MODEL)),
      on.log.join('\n'),
    )

    const ready = await ask(on.url, { method: 'GET', path: '/readyz', headers: ['accept', 'application/json'] })
    deepEqual((JSON.parse(ready.text) as Record<string, unknown>)['priced_by_fallback'], [`model ${MODEL}`])
    match(await admin('doctor'), new RegExp(`^rates: warning: ${MODEL}: 1 calls, .*; see admin rates set$`, 'm'))

    await admin(`rates set ${MODEL} --input 20 --cached 2 --output 200`)
    await until(async () => {
      await call(on)
      await on.settled()
      return (await ratesIn(on)).at(-1) === `${MODEL}@always/admin-1` ? true : undefined
    })

    const today = new Date(Date.now() - 60_000).toISOString().slice(0, 10)
    const truth = on.simulator
      .truth()
      .map(
        (each) =>
          BigInt(each.inputTokens - each.cachedInputTokens) * 20_000n +
          BigInt(each.cachedInputTokens) * 2_000n +
          BigInt(each.outputTokens) * 200_000n,
      )
    const right = truth.reduce((sum, credits) => sum + credits, 0n)
    const spent = async (): Promise<bigint> => (await on.usage())[0]?.credits ?? 0n
    const before = await spent()
    ok(before > right)
    match(
      await admin(`rates reprice --from ${today}`),
      /^model=gpt-unheard-of member=alice calls=\d+ .*\nall: .*\nnothing was changed/,
    )
    equal(await spent(), before)
    match(await admin(`rates reprice --from ${today} --yes`), /\ncalls adjusted: \d+\n$/)
    equal(await spent(), right)
    const [window] = await rowsIn(on.folder, "SELECT CAST(settled AS TEXT) AS settled FROM windows WHERE name = '5h'")
    equal(BigInt(String(window?.['settled'])), right)
    ok(!(await ratesIn(on)).includes('fallback'))
    match(await admin('doctor'), /^rates: ok: the fallback priced no call/m)
    match(await admin(`rates reprice --from ${today} --yes`), /no call would have another price\n$/)
    const kept = await rowsIn(
      on.folder,
      'SELECT CAST(SUM(old_credits - new_credits) AS TEXT) AS saved FROM adjustments',
    )
    equal(BigInt(String(kept[0]?.['saved'])), before - right)
  })

  test('answer in JSON with the keys that are documented', async () => {
    await using folder = new Folder()
    await folder.ok('admin init')
    const answers: readonly [string, string][] = [
      ['admin rates list', ''],
      ['admin rates show', 'gpt-5.5'],
      ['admin rates set', 'gpt-9 --input 1 --cached 1 --output 1'],
      ['admin rates reprice', '--from 2026-01-01'],
    ]
    for (const [command, rest] of answers) {
      const answer: unknown = await folder.json(`${command} ${rest}`.trim())
      const first: unknown = Array.isArray(answer) ? answer[0] : answer
      deepEqual(Object.keys(first as object), documentedKeys(command), command)
    }
    const doctor = await folder.run('admin doctor --json')
    equal(doctor.code, 1) // Nobody can be served yet.
    deepEqual(Object.keys((JSON.parse(doctor.out) as object[])[0] ?? {}), documentedKeys('admin doctor'))
  })

  test('of the configuration win over those that are published', async () => {
    const toml = `[credit.rates]\n"${MODEL}" = { input = 20, cached = 2, output = 200, cache_write = 25 }\n`
    await using on = await startStand({ simulator: SIMULATOR, toml })
    await call(on)
    await on.settled()
    deepEqual(await ratesIn(on), [`${MODEL}@always/config`])
  })

  test('are multiplied by the tiers of the name that was asked for, and names that nobody knows are told of', async () => {
    const toml = `[credit.tiers]\n"gpt-5.6/priority" = 9\n"${MODEL}/priority" = 3\n`
    const models = [{ id: 'gpt-5.6' }, { id: 'gpt-5.6-sol' }]
    await using on = await startStand({ simulator: { ...SIMULATOR, models }, toml })
    const told = on.log.filter((line) => line.includes('[credit] tiers'))
    equal(told.length, 1)
    match(told[0] ?? '', new RegExp(`no rate of a model "${MODEL}"`))
    for (const { id } of models) {
      for (const tier of [undefined, 'priority']) await ask(on.url, turn(on.key, { model: id, ...(tier && { tier }) }))
    }
    const rows = (await on.settled()).toReversed()
    // By the very tokens of each call at the one rate of both names: 100 / 10 / 500.
    const standard = rows.map(
      ({ inputTokens, cachedInputTokens, outputTokens }) =>
        BigInt(inputTokens - cachedInputTokens) * 100_000n +
        BigInt(cachedInputTokens) * 10_000n +
        BigInt(outputTokens) * 500_000n,
    )
    deepEqual(
      rows.map(({ credits }, at) => Number(credits) / Number(standard[at])),
      [1, 9, 1, 2],
    )
  })
})
