import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { FIVE_HOURS_MS, NO_RULES } from '../../src/core/quota.ts'
import type { CallId } from '../../src/core/units.ts'
import { newCall, newEntry, populate, T0, type NewDatabase } from './bench.ts'

/** What every store keeps to about warnings that are not delivered yet. */
export function outboxContract(newDatabase: NewDatabase): void {
  suite('the outbox', () => {
    test('has each warning from its settlement on until it is crossed off, whoever opens the store', async () => {
      await using database = await newDatabase()
      const quota = { ...NO_RULES, warnAt: [50, 80] }
      const told = []
      let name
      let last: CallId | undefined
      {
        await using store = await database.open({ now: () => T0, quota })
        const world = await populate(store, { fiveHourQuota: 100n })
        name = world.member.name
        const entries = []
        for (const credits of [49n, 1n, 40n, 9n]) {
          const call = newCall(world, T0)
          await store.ledger.open(call, [], T0)
          entries.push(newEntry(call.id, T0 + 5, { credits }))
          last = call.id
        }
        deepEqual(await store.outbox.due(), [])
        for (const entry of entries) told.push(...((await store.ledger.settle(entry)).warnings ?? []))
        // Whoever settles again heard no answer: it is told what was not delivered, and of its member only.
        for (const entry of entries) deepEqual((await store.ledger.settle(entry)).warnings, told)
        const other = newCall(await populate(store, { fiveHourQuota: 0n }), T0)
        await store.ledger.open(other, [], T0)
        for (let i = 0; i < 2; i++) deepEqual((await store.ledger.settle(newEntry(other.id, T0 + 5))).warnings, [])
      }
      const common = {
        id: undefined,
        at: T0 + 5,
        member: name,
        window: '5h',
        limit: 100n,
        resetsAt: T0 + FIVE_HOURS_MS,
      }
      deepEqual(
        told.map((warning) => ({ ...warning, id: undefined })),
        [
          { ...common, percent: 50, settled: 50n },
          { ...common, percent: 80, settled: 90n },
        ],
      )
      await using store = await database.open({ now: () => T0, quota })
      deepEqual(await store.outbox.due(), told)
      await store.outbox.crossOff(told[0]?.id ?? '')
      await store.outbox.crossOff(told[0]?.id ?? '')
      deepEqual(await store.outbox.due(), told.slice(1))
      await store.outbox.crossOff(told[1]?.id ?? '')
      equal((await store.outbox.due()).length, 0)
      ok(last)
      deepEqual((await store.ledger.settle(newEntry(last, T0 + 5))).warnings, [])
    })
  })
}
