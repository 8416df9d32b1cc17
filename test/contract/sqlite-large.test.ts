import { equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { DatabaseSync } from 'node:sqlite'
import { newCall, newEntry, populate, T0 } from './bench.ts'
import { sqliteDatabase } from './sqlite-database.ts'

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

suite('sqlite: a large ledger', () => {
  test('closes the window of a call that was refused after all without looking at every call', async () => {
    await using database = await sqliteDatabase()
    await using store = await database.open({ role: 'cli', now: () => T0 })
    const world = await populate(store)
    const db = new DatabaseSync(database.path)
    db.exec(`
      INSERT INTO calls (id, instance, member, gateway_key, kind, transport, path, started_at, admitted_at, hold,
        ended_at, ending)
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000)
      SELECT i, 'dead', ${world.member.id}, ${world.key.id}, 'turn', 'sse', '/v1/responses', 1, 1, 1, 2, 'complete' FROM n`)
    db.close()
    const took: number[] = []
    for (let i = 0; i < 5; i++) {
      const call = newCall(world, T0 + i)
      await store.ledger.open(call, [], T0 + i)
      const began = cpuMs()
      const { windows } = await store.ledger.settle(newEntry(call.id, T0 + i, { ending: 'refused' }))
      took.push(cpuMs() - began)
      equal(windows[0]?.openedAt, undefined)
    }
    const median = took.toSorted((one, other) => one - other)[2] ?? 0
    ok(median < 25, `took ${took.map((ms) => ms.toFixed(1)).join(', ')} ms of CPU`)
  })
})
