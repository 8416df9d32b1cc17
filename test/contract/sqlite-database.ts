import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openStore, type Store } from '../../src/adapters/store/store.ts'
import { journalApplied } from '../support/journal-applied.ts'
import { silent, type Database } from './bench.ts'

export const SEALING_KEY: Uint8Array = new Uint8Array(32).fill(7)

export interface SqliteDatabase extends Database {
  readonly path: string
}

/** A database file in a folder of its own. */
export async function sqliteDatabase(): Promise<SqliteDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'codex-gateway-store-'))
  const path = join(folder, 'gateway.db')
  const query = (text: string): Record<string, unknown>[] => {
    const db = new DatabaseSync(path, { readBigInts: true })
    try {
      return db.prepare(text).all()
    } finally {
      db.close()
    }
  }
  return {
    path,
    query,
    open: ({ role = 'serve', now, log = silent, quota } = {}): Promise<Store> => {
      const options = { path, create: true, durability: 'process', role, sealingKey: SEALING_KEY, log, quota } as const
      return openStore({ ...options, ...(now && { now }) })
    },
    settled: async () => {
      await journalApplied(path)
      return query(`
        SELECT c.*, m.name AS member_name, k.prefix AS prefix, u.name AS upstream_name FROM calls c
        JOIN members m ON m.id = c.member JOIN gateway_keys k ON k.id = c.gateway_key
        LEFT JOIN upstreams u ON u.id = c.upstream
        WHERE ended_at IS NOT NULL AND ending <> 'refused'`)
    },
    totals: async () => {
      await journalApplied(path)
      return query(`
        SELECT w.settled AS running,
          (SELECT COALESCE(SUM(c.credits), 0) FROM calls c WHERE w.id IN (c.window_5h, c.window_daily, c.window_weekly, c.window_monthly)) AS summed
        FROM windows w`).map((row) => ({
        running: BigInt(String(row['running'])),
        summed: BigInt(String(row['summed'])),
      }))
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}
