import { equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { DatabaseSync } from 'node:sqlite'
import type { EpochMs } from '../../src/core/units.ts'
import type { Store } from '../../src/adapters/store/store.ts'
import { newCall, newEntry, populate, T0, type World } from './bench.ts'
import { sqliteDatabase } from './sqlite-database.ts'

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Milliseconds of processor time that it takes to settle a call which is refused after all: the median of some. */
async function refusing(store: Store, world: World, from: EpochMs): Promise<number> {
  const took: number[] = []
  for (let i = 0; i < 5; i++) {
    const call = newCall(world, from + i)
    await store.ledger.open(call, [], from + i)
    const began = cpuMs()
    const { windows } = await store.ledger.settle(newEntry(call.id, from + i, { ending: 'refused' }))
    took.push(cpuMs() - began)
    equal(windows[0]?.openedAt, undefined)
  }
  return took.toSorted((one, other) => one - other)[2] ?? 0
}

suite('sqlite: a large ledger', () => {
  test('closes the window of a call that was refused after all without looking at every call', async () => {
    await using database = await sqliteDatabase()
    await using store = await database.open({ role: 'cli', now: () => T0 })
    const world = await populate(store)
    await refusing(store, world, T0)
    const small = await refusing(store, world, T0 + 100)
    const db = new DatabaseSync(database.path)
    db.exec(`
      INSERT INTO calls (id, instance, member, gateway_key, kind, transport, path, started_at, admitted_at, hold,
        ended_at, ending)
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000)
      SELECT i, 'dead', ${world.member.id}, ${world.key.id}, 'turn', 'sse', '/v1/responses', 1, 1, 1, 2, 'complete' FROM n`)
    db.close()
    const large = await refusing(store, world, T0 + 200)
    ok(large < 10 * small, `${large.toFixed(1)} ms instead of ${small.toFixed(1)}`)
  })
})
