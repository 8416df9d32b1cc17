import { match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { DailyReconciliation, type DailyOptions } from './app-daily.ts'
import { DAY_MS, NOTHING, type BookedUsage, type LedgerSums } from './core/reconcile.ts'
import type { UpstreamId } from './core/units.ts'
import type { Days, Log } from './ports.ts'

const TODAY = Date.parse('2026-11-23T00:00:00Z')
const TALLY = { requests: 100, input: 100_000, cached: 0, output: 10_000 }
const KEY = { apiKeyId: 'key_1', project: 'proj_1' }

/** What is told when as many days are made up for as there are factors: OpenAI has so many times what the ledger has. */
async function told(factors: readonly number[]): Promise<string> {
  const from = TODAY - factors.length * DAY_MS
  const booked = factors.map((factor, i): BookedUsage => {
    return { day: from + i * DAY_MS, ...KEY, model: 'gpt-new', ...TALLY, output: TALLY.output * factor }
  })
  const ledgerSums = ({ from: day }: Days) => {
    const rest = { unproven: NOTHING, failed: 0, overMidnight: 0, usd: undefined }
    const sums: LedgerSums[] = [{ day, upstream: 1 as UpstreamId, model: 'gpt-new', proven: TALLY, ...rest }]
    return Promise.resolve({ sums, lost: [] })
  }
  const books = {
    keys: () => Promise.resolve({ projects: [KEY.project], found: new Map() }),
    usage: () => Promise.resolve(booked),
    costs: () => Promise.resolve([]),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
  const { promise, resolve } = Promise.withResolvers<string>()
  const at =
    (level: string) =>
    (event: string, fields: object = {}) =>
      resolve(`${level} ${event} ${JSON.stringify(fields)}`)
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  const options = {
    both: {
      adminKeys: { list: () => Promise.resolve([{ enabled: true, organization: 'main' }]) },
      registry: { upstreams: () => Promise.resolve([{ id: 1, name: 'main', ...KEY }]) },
      ledgerSums,
      books,
    },
    dueDay: { get: () => Promise.resolve(from), set: () => Promise.resolve() },
    settings: { dailyAtMs: 1_000, threshold: 2, settleMs: 0 },
    log,
    now: () => TODAY + 999,
  } as unknown as DailyOptions
  const daily = new DailyReconciliation(options)
  const line = await promise
  await daily.stop()
  return line
}

suite('the daily reconciliation of several days', () => {
  test('judges each by itself: many that are right do not make a wrong one so', async () => {
    const wrong = await told([1, 1, 1.2, ...Array.from({ length: 17 }, () => 1)])
    match(
      wrong,
      /^error ledger and books drift apart .*"to":"2026-11-22","drift_percent":16.67,"worst_day":"2026-11-05"/,
    )
    match(await told([1, 1.01, 1]), /^info ledger and books agree .*"drift_percent":0.99,"worst_day":"2026-11-21"/)
    match(await told([1, 1]), /^info ledger and books agree .*"drift_percent":0,"threshold_percent"/)
    match(await told([1.2]), /^error ledger and books drift apart .*"drift_percent":16.67,"threshold_percent"/)
  })
})
