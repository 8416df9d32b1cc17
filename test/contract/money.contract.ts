import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { callUsd } from '../../src/core/call-usd.ts'
import { DAY_MS, HOUR_MS } from '../../src/core/calendar.ts'
import { NO_USAGE } from '../../src/core/usage.ts'
import { newCall, newEntry, newMember, populate, T0, type NewDatabase } from './bench.ts'

/** The first day of another price of gpt-5.6-luna: $0.20 a million tokens of input, before it $1. */
const CHANGE = Date.parse('2026-07-30T00:00:00Z')
const ANY_CALL = {
  member: undefined,
  model: undefined,
  upstream: undefined,
  kind: undefined,
  status: undefined,
  ending: undefined,
  since: undefined,
  until: undefined,
  limit: 50,
}

/** What every store keeps to where it shows dollars: they are the same everywhere, to the billionth. */
export function moneyContract(newDatabase: NewDatabase): void {
  suite('dollars', () => {
    test('of a call that ran over midnight are of the day on which it ended, in each report', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ now: () => T0 })
      const world = await populate(store, { fiveHourQuota: 0n })
      const usage = { ...NO_USAGE, inputTokens: 100_000 }
      for (const [startedAt, endedAt] of [
        [CHANGE - 2, CHANGE - 1],
        [CHANGE - 1, CHANGE],
        [CHANGE, CHANGE + DAY_MS],
      ] as const) {
        const call = newCall(world, startedAt, { model: 'gpt-5.6-luna' })
        await store.ledger.open(call, [], startedAt)
        await store.ledger.attempt(call.id, world.upstream.id, startedAt)
        await store.ledger.settle(newEntry(call.id, endedAt, { usage, upstream: world.upstream.id }))
      }
      const calls = await store.reports.calls(ANY_CALL)
      deepEqual(calls.map(callUsd), [20_000_000n, 20_000_000n, 100_000_000n])
      const days = await store.reports.usageBy({ from: CHANGE - DAY_MS, to: CHANGE + DAY_MS, by: ['day'] })
      deepEqual(
        days.map(({ usd, unpriced }) => [usd, unpriced]),
        [
          [120_000_000n, 0],
          [20_000_000n, 0],
        ],
      )
      const { sums: books } = await store.ledgerSums({ from: CHANGE - DAY_MS, to: CHANGE + DAY_MS })
      deepEqual(
        books.toSorted((one, other) => one.day - other.day).map(({ usd }) => usd?.proven),
        [120_000_000n, 20_000_000n],
      )
    })

    test('are told to be too few where a call may have cost what nobody knows, and only there', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ now: () => T0 })
      const world = await populate(store, { fiveHourQuota: 0n })
      const usage = { ...NO_USAGE, outputTokens: 10 }
      for (const [model, over, expected] of [
        ['gpt-5.5', { usage, precision: 'estimated' }, [300_000n, 0]],
        ['gpt-5.4', { usage: NO_USAGE, precision: 'exact' }, [0n, 0]],
        ['gpt-5.4-mini', { usage: NO_USAGE, precision: 'unknown' }, [0n, 1]],
        ['gpt-unheard-of', { usage, precision: 'exact' }, [0n, 1]],
        ['gpt-unheard-of-but-idle', { usage: NO_USAGE, precision: 'exact' }, [0n, 0]],
      ] as const) {
        const call = newCall(world, T0, { model })
        await store.ledger.open(call, [], T0)
        await store.ledger.settle(newEntry(call.id, T0 + 5, over))
        const sums = await store.reports.usageBy({ from: T0, to: T0 + HOUR_MS, by: ['model'] })
        const sum = sums.find((one) => one.model === model)
        deepEqual([sum?.usd, sum?.unpriced], expected, model)
      }
      const [whole] = await store.reports.usage(T0, T0 + HOUR_MS)
      deepEqual([whole?.usd, whole?.unpriced], [300_000n, 2])
    })

    test('are by the tier that was asked for where the answer named none, also for a call that had to be read again', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ now: () => T0 })
      const world = await populate(store, { fiveHourQuota: 0n })
      const usage = { ...NO_USAGE, outputTokens: 10 }
      for (const [serviceTier, expected] of [
        [undefined, 750_000n],
        ['default', 300_000n],
      ] as const) {
        for (const readAgain of [false, true]) {
          const call = newCall(world, T0, { serviceTier: 'priority' })
          await store.ledger.open(call, [], T0)
          if (readAgain) {
            // The writer forgets what it knows when another process has written; it has the call by then.
            await store.ledger.probe()
            await using other = await database.open({ role: 'cli', now: () => T0 })
            await other.registry.addMember(newMember())
          }
          const before = await dollars()
          await store.ledger.settle(newEntry(call.id, T0 + 5, { usage, serviceTier }))
          equal((await dollars()) - before, expected)
        }
      }
      async function dollars(): Promise<bigint> {
        const [usage] = await store.reports.usage(T0 - (T0 % HOUR_MS), T0 + HOUR_MS)
        return usage?.usd ?? 0n
      }
    })
  })
}
