import { equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { booksOn, DailyReconciliation } from '../../src/app-daily.ts'
import { startGateway, withStore } from '../../src/app.ts'
import { DAY_MS } from '../../src/core/reconcile.ts'
import type { Log } from '../../src/ports.ts'
import { openStore } from '../../src/adapters/store/store.ts'
import { readSealingKey } from '../../src/config-sealing-key.ts'
import { oneDay } from '../support/one-day.ts'
import { startStand, until, type Stand } from '../support/stand.ts'
import { ask, turn } from '../support/wire.ts'

const USAGE = '/v1/organization/usage/completions'

function memoryLog(lines: string[], heard: () => void = () => undefined): Log {
  const at =
    (level: string) =>
    (event: string, fields: object = {}): void => {
      lines.push(`${level} ${event} ${JSON.stringify(fields)}`)
      heard()
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

async function stand(): Promise<Stand> {
  await oneDay()
  const on = await startStand({
    simulator: { tokens: 'bytes' },
    upstreams: [{ name: 'alpha', apiKeyId: 'key_sim_alpha', project: 'proj_sim_a1' }],
  })
  await on.admin(({ adminKeys }) => adminKeys.set('main', 'sk-admin-sim'))
  return on
}

/** One gateway, begun `first` days from today. Lets so many of its days go by in no time, each run half a second after the last one; gives what was logged. */
async function days(
  on: Stand,
  count: number,
  between: (day: number) => void = () => undefined,
  first = 1,
): Promise<string[]> {
  const { path, durability } = on.config.database
  const lines: string[] = []
  const options = {
    path,
    durability,
    role: 'cli',
    sealingKey: readSealingKey(on.config, { create: false }).key,
  } as const
  await using store = await openStore({ ...options, log: memoryLog([]) })
  const { adminKeys, registry, ledgerSums, dueDay } = store
  const both = { adminKeys, registry, ledgerSums, books: booksOn(store, on.config) }
  // Tomorrow and later: what is in the books of today is final.
  let shift = first * DAY_MS
  const dailyAtMs = (Date.now() % DAY_MS) + 500
  const settings = { dailyAtMs, threshold: 2, settleMs: 0 }
  // When a day's outcome is told it is the next day, half a second before its time.
  const log = memoryLog(lines, () => {
    shift = (first + lines.length) * DAY_MS - (Date.now() % DAY_MS) + dailyAtMs - 500
  })
  const daily = new DailyReconciliation({ both, dueDay, settings, log, now: () => Date.now() + shift })
  for (let day = 1; day <= count; day++) {
    between(day)
    await until(() => (lines.length >= day ? true : undefined))
  }
  await daily.stop()
  return lines
}

suite('the daily reconciliation', () => {
  test('tells that ledger and books agree, and as an error that they do not', async () => {
    await using on = await stand()
    await ask(on.url, turn(on.key))
    await on.settled()
    match((await days(on, 1))[0] ?? '', /^info ledger and books agree .*"drift_percent":0,.*"requests":1,/)
    // Somebody else uses the key.
    const direct = { authorization: 'Bearer sk-sim-alpha', 'content-type': 'application/json' }
    const body = JSON.stringify({ model: 'gpt-5.5', input: 'mine', stream: true })
    await (await fetch(`${on.simulator.url}/v1/responses`, { method: 'POST', headers: direct, body })).text()
    match((await days(on, 1))[0] ?? '', /^error ledger and books drift apart .*"requests":2,.*"explained":false/)
  })

  test('survives books that cannot be read, and makes up for the day', async () => {
    await using on = await stand()
    await ask(on.url, turn(on.key))
    await on.settled()
    const [failed, made] = await days(on, 2, (day) => {
      if (day === 1) on.simulator.script({ on: 'books', path: USAGE, status: 403, body: {} })
    })
    match(failed ?? '', /^error books not reconciled .*answers 403/)
    match(made ?? '', /^info ledger and books agree .*"requests":1,/)
    ok(made?.includes(`"from":"${new Date().toISOString().slice(0, 10)}"`))
  })

  test('makes up for days that were not compared before a restart, and for those on which no gateway ran', async () => {
    await using on = await stand()
    const at = Date.now()
    const day = (after: number): string => new Date(at + after * DAY_MS).toISOString().slice(0, 10)
    on.simulator.script({ on: 'books', path: USAGE, status: 403, body: {} })
    const [failed] = await days(on, 1)
    match(failed ?? '', /^error books not reconciled/)
    const [made] = await days(on, 1, undefined, 4)
    match(made ?? '', new RegExp(`^info ledger and books agree .*"from":"${day(0)}","to":"${day(3)}"`))
    const [next] = await days(on, 1, undefined, 6)
    match(next ?? '', new RegExp(`^info ledger and books agree .*"from":"${day(4)}","to":"${day(5)}"`))
    // So many cannot be asked for any more.
    const [skipped, rest] = await days(on, 2, undefined, 40)
    equal(skipped, `warn days not reconciled {"from":"${day(6)}","to":"${day(8)}"}`)
    match(rest ?? '', new RegExp(`^info ledger and books agree .*"from":"${day(9)}","to":"${day(39)}"`))
  })

  test('runs in a gateway that serves, beside its calls, and ends with it', async () => {
    await using on = await stand()
    await on.gateway.stop(AbortSignal.abort())
    const lines: string[] = []
    const dailyAtMs = ((Date.now() % DAY_MS) + 300) % DAY_MS
    const config = { ...on.config, reconcile: { dailyAtMs, threshold: 2, settleMs: 0 } }
    // OpenAI lets it wait: calls go on all the while.
    const slow = { on: 'books', status: 429, body: {}, headers: { 'retry-after': '20' }, times: null } as const
    on.simulator.script(slow)
    const gateway = await startGateway(config, memoryLog(lines))
    await new Promise((resolve) => setTimeout(resolve, 600))
    const answered = await ask(gateway.url, turn(on.key))
    ok(answered.whole)
    await gateway.stop(AbortSignal.abort())
    // Neither has waited for the books, or these would have been told to have failed.
    equal(lines.filter((line) => line.includes('books')).length, 0)
    on.simulator.clear()
    // Late enough that a slow machine has started it by then.
    const later = ((Date.now() % DAY_MS) + 10_000) % DAY_MS
    const again = { ...config, reconcile: { ...config.reconcile, dailyAtMs: later } }
    await using next = await startGateway(again, memoryLog(lines))
    ok(next.url)
    await until(() => lines.find((line) => line.startsWith('info ledger and books agree')))
    equal((await withStore(again, async ({ adminKeys }) => await adminKeys.list())).length, 1)
  })
})
