import { deepEqual, equal, match, ok, rejects, throws } from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, existsSync, statSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Worker } from 'node:worker_threads'
import { HOUR_MS } from '../../src/core/calendar.ts'
import { LedgerUnavailable } from '../../src/ports.ts'
import { fingerprintOf, openStore, StoreRefused } from '../../src/adapters/store/store.ts'
import { newCall, newEntry, newUpstream, populate, silent, T0 } from './bench.ts'
import { SEALING_KEY, sqliteDatabase, type SqliteDatabase } from './sqlite-database.ts'

suite('sqlite: the file', () => {
  test('refuses a database of a newer version, and names both versions', async () => {
    await using database = await sqliteDatabase()
    await (await database.open({ role: 'cli' })).close()
    write(database, 'UPDATE schema_version SET version = 99')
    for (const role of ['serve', 'cli'] as const) {
      await rejects(database.open({ role }), (error: Error) => {
        ok(error instanceof StoreRefused)
        match(
          error.message,
          /gateway\.db has schema version 99, made by a newer codex-gateway; this one knows versions up to \d+:/,
        )
        return true
      })
    }
  })

  test('refuses another sealing key, and tells both fingerprints but neither key', async () => {
    await using database = await sqliteDatabase()
    await (await database.open({ role: 'cli' })).close()
    const other = new Uint8Array(32).fill(9)
    for (const role of ['serve', 'cli'] as const) {
      const opening = openStore({ path: database.path, durability: 'process', role, sealingKey: other, log: silent })
      await rejects(opening, (error: Error) => {
        ok(error instanceof StoreRefused)
        ok(error.message.includes(fingerprintOf(SEALING_KEY)) && error.message.includes(fingerprintOf(other)))
        ok(!error.message.includes(Buffer.from(other).toString('hex')))
        return true
      })
    }
    await (await database.open({ role: 'serve' })).close()
  })

  test('refuses a folder that does not exist by its name', async () => {
    const path = '/nonexistent/folder/gateway.db'
    for (const role of ['serve', 'cli'] as const) {
      const key = { sealingKey: SEALING_KEY, log: silent }
      const opening = openStore({ path, create: true, durability: 'process', role, ...key })
      await rejects(opening, /cannot create .*gateway\.db: the folder \/nonexistent\/folder does not exist/)
    }
  })

  test('refuses a file that is no database, or the database of another program', async () => {
    await using database = await sqliteDatabase()
    await writeFile(database.path, 'not a database, but some text that is long enough to have a header'.repeat(20))
    await using other = await sqliteDatabase()
    write(other, 'CREATE TABLE members (name TEXT)')
    for (const role of ['serve', 'cli'] as const) {
      await rejects(database.open({ role }), /cannot open .*gateway\.db: .*not a database/)
      await rejects(other.open({ role }), /is the database of another program \(it has a table members\)/)
    }
    await rm(database.path)
    await (await database.open({ role: 'serve' })).close()
  })

  test('keeps secrets out of the file, and gives out none that was altered or moved', async () => {
    await using database = await sqliteDatabase()
    const [one, two, three] = await withThreeUpstreams(database)
    for (const path of filesOf(database)) {
      if (existsSync(path)) throws(() => execFileSync('grep', ['-c', 'sk-secret-', path]), 'grep found a secret')
    }
    write(database, `UPDATE upstreams SET secret = (SELECT secret FROM upstreams WHERE id = ${two}) WHERE id = ${one}`)
    write(database, `UPDATE upstreams SET secret = CAST(substr(secret, 1, 30) || x'00' AS BLOB) WHERE id = ${two}`)
    await using store = await database.open({ role: 'serve' })
    throws(() => store.vault.secretOf(one), /secret of upstream key .* cannot be decrypted: set it again/)
    throws(() => store.vault.secretOf(two), /cannot be decrypted/)
    match(store.vault.secretOf(three), /^sk-secret-/)
  })

  test('creates its files for the owner alone, whatever the umask, and warns of a wider mode', async () => {
    for (const umask of [0o000, 0o777]) {
      await using fresh = await sqliteDatabase()
      const before = process.umask(umask)
      try {
        await using store = await fresh.open()
        await store.ledger.probe()
        deepEqual(store.warnings, [])
        for (const path of filesOf(fresh)) equal(statSync(path).mode & 0o777, 0o600, path)
      } finally {
        process.umask(before)
      }
    }
    await using database = await sqliteDatabase()
    await (await database.open()).close()
    chmodSync(database.path, 0o644)
    await using store = await database.open({ role: 'cli' })
    ok(
      store.warnings.some(
        (line) => line === `${database.path} has mode 0644, others may read it: chmod 600 ${database.path}`,
      ),
    )
  })

  test('warns when the clock is behind the ledger', async () => {
    await using database = await sqliteDatabase()
    {
      await using store = await database.open({ now: () => T0 })
      await store.ledger.open(newCall(await populate(store), T0), [], T0)
    }
    await using store = await database.open({ role: 'cli', now: () => T0 - 120_000 })
    deepEqual(store.warnings, [`the ledger's newest row is of 2027-01-15T08:00:00.000Z, ahead of this machine's clock`])
  })

  test('answers the questions of the request path from an index', async () => {
    await using database = await sqliteDatabase()
    await (await database.open({ role: 'cli' })).close()
    const asked: readonly [string, string][] = [
      [
        'member = 1 AND response_id = ? AND stored IS NOT 0 AND upstream IS NOT NULL ORDER BY seq DESC',
        'calls_by_stored',
      ],
      ['member = 1 AND turn_id = ? AND messages = 1', 'calls_by_message'],
      ['ended_at IS NULL AND instance <> ?', 'calls_open'],
      ['member = 1 ORDER BY started_at DESC, seq DESC', 'calls_by_member'],
      ['1 ORDER BY started_at DESC, seq DESC', 'calls_by_time'],
    ]
    for (const [where, index] of asked) {
      const plan = database.query(`EXPLAIN QUERY PLAN SELECT * FROM calls WHERE ${where.replace('?', `'x'`)}`)
      const text = plan.map((row) => String(row['detail'])).join('; ')
      ok(text.includes(index) && !text.includes('TEMP B-TREE'), `${where}: ${text}`)
    }
  })
})

suite('sqlite: trouble', () => {
  test('rejects what waits and what comes later when its worker dies', async () => {
    await using database = await sqliteDatabase()
    const started = new Promise<Worker>((resolve) => process.once('worker', resolve))
    await using store = await database.open()
    const world = await populate(store)
    const worker = await started
    const waiting = Array.from({ length: 5 }, () => store.ledger.open(newCall(world, T0), [], T0))
    const results = Promise.allSettled(waiting)
    await worker.terminate()
    match(await store.lost, /worker has ended/)
    for (const result of await results) {
      ok(result.status === 'fulfilled' || result.reason instanceof LedgerUnavailable)
    }
    await rejects(store.ledger.probe(), LedgerUnavailable)
    await rejects(store.registry.members(), LedgerUnavailable)
    equal(store.directory.upstreams().length, 1)
  })

  test('carries out what was asked before it closes, and nothing after', async () => {
    await using database = await sqliteDatabase()
    const store = await database.open()
    const world = await populate(store)
    const asked = Array.from({ length: 50 }, () => store.ledger.open(newCall(world, T0), [], T0))
    const closing = store.close()
    equal((await Promise.all(asked)).length, 50)
    await rejects(store.ledger.probe(), LedgerUnavailable)
    await closing
    await store.close()
    equal(database.query('SELECT seq FROM calls').length, 50)
  })

  test('says that the ledger is unavailable when the disk is full, and loses nothing that it acknowledged', async () => {
    await using database = await sqliteDatabase()
    await (await database.open()).close()
    // A limit on the size of files stands in for the full disk: the write-ahead log cannot grow past it.
    const script = fileURLToPath(new URL('./sqlite-child.ts', import.meta.url))
    const command = `ulimit -f 600; exec "$0" "$1" fill "$2"`
    const { stdout } = await promisify(execFile)('sh', ['-c', command, process.execPath, script, database.path])
    const [, count, name] = /^settled (\d+), then (\w+)$/m.exec(stdout) ?? []
    equal(name, 'LedgerUnavailable', stdout)
    match(stdout, /^probe LedgerUnavailable$/m)
    await using store = await database.open()
    equal(database.query(`SELECT seq FROM calls WHERE ending = 'complete'`).length, Number(count))
    await store.ledger.probe()
    for (const { running, summed } of await database.totals()) equal(running, summed)
  })

  test('reports while calls go on, from a thread of its own', async () => {
    await using database = await sqliteDatabase()
    await using store = await database.open()
    const world = await populate(store, { fiveHourQuota: 0n })
    const calls = Array.from({ length: 100 }, async () => {
      const call = newCall(world, T0)
      await store.ledger.open(call, [], T0)
      await store.ledger.settle(newEntry(call.id, T0, { credits: 1n }))
    })
    const during = await store.reports.usage(T0, T0 + HOUR_MS)
    await Promise.all(calls)
    ok((during[0]?.requests ?? 0) <= 100)
    equal((await store.reports.usage(T0, T0 + HOUR_MS))[0]?.requests, 100)
  })
})

function filesOf(database: SqliteDatabase): string[] {
  return ['', '-wal', '-shm', '.lock'].map((ending) => database.path + ending)
}

function write(database: SqliteDatabase, text: string): void {
  const db = new DatabaseSync(database.path)
  try {
    db.exec(text)
  } finally {
    db.close()
  }
}

async function withThreeUpstreams(database: SqliteDatabase) {
  await using store = await database.open({ role: 'cli' })
  const add = async () => (await store.registry.addUpstream(newUpstream())).id
  return [await add(), await add(), await add()] as const
}
