import { deepEqual, ok } from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { SUMS_ANEW } from '../../bench/sums-anew.ts'
import { foldFresh } from '../../src/adapters/store/rollups.ts'
import { Sqlite } from '../../src/adapters/store/sqlite.ts'
import type { CallId } from '../../src/core/units.ts'
import { T0 } from './bench.ts'
import { House, step } from './rollups-house.ts'
import { expected, numbers, question } from './rollups-truth.ts'
import { sqliteDatabase } from './sqlite-database.ts'

suite('sqlite: sums', () => {
  test('look the same to readers before, while and after they are moved to where reports look for them', async () => {
    await using database = await sqliteDatabase()
    // A writer of the command line moves nothing by itself.
    const house = await House.open({ ...database, open: (how) => database.open({ ...how, role: 'cli' }) })
    for (const one of fc.sample(step, 60)) await house.take(one)
    await house.store.close()
    const read = (): unknown =>
      database.query(`
        SELECT cube, at, member, gateway_key, model, upstream, kind, SUM(requests), SUM(messages), SUM(inexact),
          SUM(input_tokens), SUM(cached_input_tokens), SUM(cache_write_tokens), SUM(output_tokens),
          SUM(reasoning_tokens), SUM(credits), SUM(usd), SUM(unpriced)
        FROM sums GROUP BY 1, 2, 3, 4, 5, 6, 7`)
    const before = read()
    const db = new Sqlite(database.path)
    let moved = 0
    for (let some = 8; some === 8; moved += some) {
      some = db.transaction('write', () => db.run(foldFresh(8)))
      deepEqual(read(), before)
    }
    db.close()
    ok(moved > 8, `${moved} moved`)
    deepEqual(database.query('SELECT * FROM fresh_sums'), [])
  })

  test('add up to the same reports whatever part of them has been moved', async () => {
    await using database = await sqliteDatabase()
    await using house = await House.open({ ...database, open: (how) => database.open({ ...how, role: 'cli' }) })
    for (const one of fc.sample(step, 200)) await house.take(one)
    const calls = await database.settled()
    const questions = fc.sample(question, 150)
    const check = async (moved: string): Promise<void> => {
      for (const { by, from, to } of questions) {
        const sums = await house.store.reports.usageBy({ from, to, by })
        deepEqual(sums.map(numbers), expected(calls, from, to, by), JSON.stringify({ moved, by, from, to }))
      }
    }
    const db = new Sqlite(database.path)
    await check('none')
    db.transaction('write', () => db.run(foldFresh(40)))
    await check('some')
    db.transaction('write', () => db.run(foldFresh(10_000)))
    db.close()
    deepEqual(database.query('SELECT * FROM fresh_sums'), [])
    await check('all')
  })

  test('of a ledger that is older than they are come out as if they had always been kept', async () => {
    await using database = await sqliteDatabase()
    const house = await House.open(database)
    for (const one of fc.sample(step, 120)) await house.take(one)
    for (const [i, world] of house.worlds.entries()) {
      const facts = { member: world.member.id, key: world.key.id, path: '/', sessionId: undefined, threadId: undefined }
      const id = `socket ${i}` as CallId
      await house.store.ledger.connected({ id, ...facts, upstream: undefined, startedAt: T0 + i })
      const closed = { upstream: undefined, endedAt: T0 + 9, reason: 'idle', code: 1000 }
      if (i > 0) await house.store.ledger.disconnected({ id, ...closed, clientMessages: i, upstreamMessages: 7 })
    }
    await house.store.close()
    const read = (): unknown => ({
      calls: database.query(`
        SELECT cube, at, member, gateway_key, model, upstream, kind, SUM(requests), SUM(messages), SUM(inexact),
          SUM(input_tokens), SUM(cached_input_tokens), SUM(cache_write_tokens), SUM(output_tokens),
          SUM(reasoning_tokens), SUM(credits)
        FROM sums GROUP BY 1, 2, 3, 4, 5, 6, 7`),
      connections: database.query('SELECT * FROM connection_rollups'),
    })
    const kept = read()
    const money = `SELECT SUM(usd) AS usd, SUM(unpriced) AS unpriced, SUM(requests) AS requests FROM sums`
    const [before] = database.query(money)
    ok(Number(before?.['usd']) > 0 && Number(before?.['unpriced']) < Number(before?.['requests']))
    ok(database.query('SELECT * FROM sums').length > 60)
    const db = new DatabaseSync(database.path)
    db.exec(SUMS_ANEW)
    db.close()
    deepEqual(read(), kept)
    // No dollars can be told of them: none are.
    deepEqual({ ...database.query(money)[0] }, { ...before, usd: 0n, unpriced: before?.['requests'] })
  })
})
