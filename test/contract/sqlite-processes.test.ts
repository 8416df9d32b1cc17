import { equal, ok, rejects } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { symlink } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { suite, test } from 'node:test'
import { setImmediate as pause, setTimeout as sleep } from 'node:timers/promises'
import { LedgerUnavailable } from '../../src/ports.ts'
import { takeServeLock } from '../../src/adapters/store/instance-lock.ts'
import { journalPathOf } from '../../src/adapters/store/journal.ts'
import { openStore, StoreRefused, type Store } from '../../src/adapters/store/store.ts'
import { newCall, populate, silent } from './bench.ts'
import { start } from './child.ts'
import { seen } from './directory.contract.ts'
import { SEALING_KEY, sqliteDatabase, type SqliteDatabase } from './sqlite-database.ts'

suite('sqlite: several processes', () => {
  test('brings a new database up to date though six processes open it at once', async () => {
    await using database = await sqliteDatabase()
    const children = Array.from({ length: 6 }, () => start('open', database))
    for (const child of children) equal(await child.ended, 0, child.said())
    equal(database.query('SELECT version FROM schema_version').length, 1)
  })

  test('refuses a second serve on one file, and accepts it once the first was killed', async () => {
    await using database = await sqliteDatabase()
    await using first = start('serve', database)
    await first.says('serving')
    await rejects(database.open({ role: 'serve' }), /another codex-gateway already serves from .*gateway\.db: stop it/)
    await using command = await database.open({ role: 'cli' })
    await command.ledger.probe()
    await first.kill()
    await using second = await database.open({ role: 'serve' })
    await second.ledger.probe()
    await rejects(database.open({ role: 'serve' }), /already serves/)
  })

  test('leaves the journal to the next serve, which may begin as soon as the first lets go', async () => {
    await using database = await sqliteDatabase()
    const store = await database.open()
    const closing = store.close()
    using _lock = await lockGot(database.path)
    equal(existsSync(journalPathOf(database.path)), false, 'removed while the lock was held')
    await closing
  })

  test('refuses a second serve on one file under any other name', async () => {
    await using database = await sqliteDatabase()
    await using first = start('serve', database)
    await first.says('serving')
    const folder = dirname(database.path)
    const link = join(folder, 'other.db')
    await symlink(database.path, link)
    await symlink(folder, join(folder, 'folder'))
    const names = [link, join(folder, 'folder', basename(database.path)), join(folder, '.', 'folder', 'other.db')]
    for (const path of [...names, relative('.', link)]) {
      await rejects(serve(path), /another codex-gateway already serves from .*\/gateway\.db: stop it/, path)
    }
    await first.kill()
    await using second = await serve(link)
    await second.ledger.probe()
    await rejects(database.open({ role: 'serve' }), /already serves/)
  })

  test('loses no acknowledged commit and recovers every call once, through twenty kills', async () => {
    await using database = await sqliteDatabase()
    const acknowledged = await killTwentyTimes(database)
    await using store = await database.open()
    await store.ledger.probe()
    const rows = new Map(database.query('SELECT * FROM calls').map((row) => [String(row['id']), row]))
    for (const id of acknowledged.opened) ok(rows.get(id)?.['ended_at'], `call ${id} is there and has ended`)
    for (const id of acknowledged.attempted) ok(Number(rows.get(id)?.['credits']) >= 7, `call ${id} was charged`)
    for (const id of acknowledged.settled) equal(rows.get(id)?.['ending'], 'complete')
    const interrupted = [...rows.values()].filter((row) => row['ending'] === 'interrupted')
    ok(interrupted.length >= 10, `kills hit calls: ${interrupted.length} of ${rows.size}`)
    ok(interrupted.every((row) => row['credits'] === (row['precision'] === 'estimated' ? 11n : 0n)))
    for (const { running, summed } of await database.totals()) equal(running, summed)
  })

  test('sees by itself what a command in another process has changed', async () => {
    await using database = await sqliteDatabase()
    await using store = await database.open()
    await using child = start('add', database, 'alice')
    await child.says('added')
    await seen(() => store.directory.upstreams().length === 1)
    equal(await child.ended, 0)
  })

  test('waits out a lock of 3 s held elsewhere without stopping the event loop', async () => {
    await using database = await sqliteDatabase()
    await using store = await database.open()
    const world = await populate(store)
    await using child = start('lock', database, '3000')
    await child.says('locked')
    let longest = 0
    let last = performance.now()
    const ticking = setInterval(() => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }, 5)
    const from = performance.now()
    const now = Date.now()
    const verdict = await store.ledger.open(newCall(world, now), [], now)
    clearInterval(ticking)
    longest = Math.max(longest, performance.now() - last)
    equal(verdict.state, 'admitted')
    const waited = performance.now() - from
    ok(waited > 2_000, 'the lock was in the way')
    // A loop that waits for the lock stops for most of that time.
    ok(longest < waited / 2, `the event loop stopped for ${longest} ms of ${waited}`)
  })

  test('says that the ledger is unavailable when a lock outlasts its patience', async () => {
    await using database = await sqliteDatabase()
    await using store = await database.open()
    const world = await populate(store)
    await using child = start('lock', database, '7000')
    await child.says('locked')
    const now = Date.now()
    const call = newCall(world, now)
    await rejects(store.ledger.open(call, [], now), LedgerUnavailable)
    await child.says('unlocked')
    equal((await store.ledger.open(call, [], now)).state, 'admitted')
  })
})

async function serve(path: string): Promise<Store> {
  return await openStore({ path, durability: 'process', role: 'serve', sealingKey: SEALING_KEY, log: silent })
}

type Acknowledged = Record<'opened' | 'attempted' | 'settled', Set<string>>

async function killTwentyTimes(database: SqliteDatabase): Promise<Acknowledged> {
  const acknowledged: Acknowledged = { opened: new Set(), attempted: new Set(), settled: new Set() }
  for (let round = 0; round < 20; round += 1) {
    await using child = start('load', database)
    await child.says('settled')
    await sleep(Math.random() * 40)
    await child.kill()
    for (const line of child.said().split('\n')) {
      const [what, id = ''] = line.split(' ')
      if (what === 'opened' || what === 'attempted' || what === 'settled') acknowledged[what].add(id)
    }
  }
  return acknowledged
}

/** Takes the serve lock in the first moment in which it is free. */
async function lockGot(path: string): Promise<Disposable> {
  for (;;) {
    try {
      const lock = takeServeLock(path)
      return { [Symbol.dispose]: () => lock.close() }
    } catch (cause) {
      if (!(cause instanceof StoreRefused)) throw cause
      await pause()
    }
  }
}
