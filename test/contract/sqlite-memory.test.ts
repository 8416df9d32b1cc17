import { deepEqual, equal, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { CallId } from '../../src/core/units.ts'
import { newCall, newEntry, populate, T0 } from './bench.ts'
import { sqliteDatabase } from './sqlite-database.ts'

suite('sqlite: what the writer remembers', () => {
  test('gives way to what another process has changed', async () => {
    await using database = await sqliteDatabase()
    await using serving = await database.open({ now: () => T0 })
    await using command = await database.open({ role: 'cli', now: () => T0 })
    const world = await populate(serving, { fiveHourQuota: 100n, weeklyQuota: 0n })
    const spend = async (credits: bigint): Promise<string> => {
      const call = newCall(world, T0)
      const { state } = await serving.ledger.open(call, [], T0)
      if (state === 'admitted') await serving.ledger.settle(newEntry(call.id, T0, { credits }))
      return state
    }
    deepEqual([await spend(100n), await spend(1n)], ['admitted', 'spent'])
    const by = { who: 'root', why: undefined, window: '5h' } as const
    // Other processes see what is in the database.
    await serving.ledger.probe()
    await command.quotas.grant({ member: world.member.name, credits: 50n, until: undefined, ...by })
    deepEqual([await spend(50n), await spend(1n)], ['admitted', 'spent'])
    await serving.ledger.probe()
    await command.quotas.reset({ member: world.member.name, ...by })
    // The grant has ended with the window.
    deepEqual([await spend(99n), await spend(1n), await spend(1n)], ['admitted', 'admitted', 'spent'])
    for (const { running, summed } of await database.totals()) equal(running, summed)
  })

  test('is forgotten when a transaction is taken back', async () => {
    await using database = await sqliteDatabase()
    await using store = await database.open({ now: () => T0 })
    const world = await populate(store)
    const [one, two] = [newCall(world, T0), newCall(world, T0)]
    // All three go into one transaction, and one of them spoils it.
    const opened = store.ledger.open(one, [], T0)
    const spoilt = store.ledger.attempt('no such call' as CallId, world.upstream.id, T0)
    const also = store.ledger.open(two, [], T0)
    await rejects(spoilt, /not open/)
    deepEqual([(await opened).state, (await also).state], ['admitted', 'admitted'])
    const settled = [one, two].map((call) => store.ledger.settle(newEntry(call.id, T0, { credits: 7n })))
    const spoiltToo = store.ledger.settle(newEntry('nor this' as CallId, T0))
    await rejects(spoiltToo, /never opened/)
    const [, last] = await Promise.all(settled)
    deepEqual(
      last?.windows.map((window) => window.settled),
      [14n, 14n],
    )
    for (const { running, summed } of await database.totals()) deepEqual([running, summed], [14n, 14n])
  })
})
