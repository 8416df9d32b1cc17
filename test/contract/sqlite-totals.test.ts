import { deepEqual, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { DatabaseSync } from 'node:sqlite'
import { STEPS } from '../../src/adapters/store/migrations.ts'
import { windowsFor } from '../../src/core/member-windows.ts'
import { NO_RULES } from '../../src/core/quota.ts'
import type { MemberId } from '../../src/core/units.ts'
import { T0 } from './bench.ts'
import { sqliteDatabase } from './sqlite-database.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

suite('sqlite: a ledger that is older than the running totals', () => {
  test('gets them from its calls', async () => {
    await using database = await sqliteDatabase()
    const older = STEPS.findIndex((step) => step.includes('CREATE TABLE spend'))
    ok(older > 0)
    const db = new DatabaseSync(database.path)
    db.exec(STEPS.slice(0, older).join(';\n'))
    db.exec(`CREATE TABLE schema_version (version INTEGER NOT NULL); INSERT INTO schema_version VALUES (${older})`)
    for (const member of [1, 2]) {
      db.exec(`
        INSERT INTO members (name, enabled, weight, max_concurrent, five_hour_quota, weekly_quota, created_at)
          VALUES ('m${member}', 1, 1.0, 4, 0, 0, 0);
        INSERT INTO gateway_keys (member, hash, prefix, enabled, created_at)
          VALUES (${member}, 'h${member}', 'p${member}', 1, 0)`)
    }
    const call = db.prepare(`
      INSERT INTO calls (id, instance, member, gateway_key, kind, transport, path, started_at, admitted_at, hold,
        ended_at, credits)
      VALUES (?, 'dead', ?, ?, 'turn', 'sse', '/v1/responses', 0, 0, 0, ?, ?)`)
    const ends = [T0 - 40 * 24 * HOUR, T0 - 6 * HOUR, T0 - HOUR, T0 - HOUR + 1, T0]
    for (const [i, end] of ends.entries()) {
      for (const member of [1, 2]) call.run(`${member}-${i}`, member, member, end, member * 10 ** i)
    }
    db.close()
    await using store = await database.open({ role: 'cli', now: () => T0 })
    const rules = { ...NO_RULES, window: 'rolling', monthly: 1n } as const
    for (const member of [1, 2]) {
      const windows = windowsFor({ fiveHourQuota: 0n, weeklyQuota: 0n }, rules)
      const standing = await store.ledger.standing(member as MemberId, windows, T0)
      deepEqual(
        standing.windows.map(({ name, settled }) => [name, settled]),
        [
          ['5h', BigInt(member) * 11_100n],
          ['weekly', BigInt(member) * 11_110n],
          ['monthly', BigInt(member) * 11_110n],
        ],
      )
    }
  })
})
