import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite, test } from 'node:test'
import { backUp, openStore, restore, StoreRefused, type Store } from '../../src/adapters/store/store.ts'
import { newCall, newEntry, newMember, populate, silent, T0, type World } from './bench.ts'
import { SEALING_KEY, sqliteDatabase, type SqliteDatabase } from './sqlite-database.ts'

async function spend(store: Store, world: World): Promise<void> {
  const call = newCall(world, T0)
  await store.ledger.open(call, [], T0)
  await store.ledger.settle(newEntry(call.id, T0, { credits: 3n }))
}

function open(path: string): Promise<Store> {
  return openStore({ path, durability: 'process', role: 'serve', sealingKey: SEALING_KEY, log: silent, now: () => T0 })
}

const NOBODY = 65_534
const asRoot = { skip: process.geteuid?.() !== 0 && 'only root may give files away' }

/** As another user than root. */
async function as<T>(uid: number, work: () => Promise<T>): Promise<T> {
  process.seteuid?.(uid)
  try {
    return await work()
  } finally {
    process.seteuid?.(0)
  }
}

/** What stands in a database's folder beside its lock. */
function filesBeside(database: SqliteDatabase): readonly string[] {
  return readdirSync(dirname(database.path)).filter((name) => !name.endsWith('.lock'))
}

suite('sqlite: a backup', () => {
  test('is one instant of a database that is written to meanwhile, for its owner alone', async () => {
    await using database = await sqliteDatabase()
    const copies = [0, 1, 2].map((n) => join(dirname(database.path), `copy-${n}.db`))
    let done = false
    {
      await using store = await database.open({ now: () => T0 })
      const world = await populate(store, { fiveHourQuota: 0n })
      const load = Promise.all(
        Array.from({ length: 4 }, async () => {
          while (!done) await spend(store, world)
        }),
      )
      for (const copy of copies) {
        await spend(store, world)
        // What is promised in the journal alone is not in a copy.
        await store.ledger.probe()
        equal(backUp(database.path, copy), statSync(copy).size)
      }
      done = true
      await load
    }
    for (const copy of copies) {
      equal(statSync(copy).mode & 0o777, 0o600)
      await using store = await open(copy)
      const db = new DatabaseSync(copy, { readOnly: true, readBigInts: true })
      const row = db
        .prepare(`
          SELECT (SELECT SUM(credits) FROM calls) AS calls, (SELECT SUM(credits) FROM sums WHERE cube = 6) AS sums,
            (SELECT SUM(settled) / 2 FROM windows) AS windows`)
        .get()
      db.close()
      ok(BigInt(String(row?.['calls'])) > 0n)
      deepEqual([row?.['sums'], row?.['windows']], [row?.['calls'], row?.['calls']])
      await store.ledger.probe()
    }
  })

  test('overwrites nothing, and copies nothing that is not a gateway’s', async () => {
    await using database = await sqliteDatabase()
    const folder = dirname(database.path)
    const there = join(folder, 'there')
    writeFileSync(there, 'precious')
    throws(() => backUp(database.path, join(folder, 'copy')), /there is no database/)
    await (await database.open({ role: 'cli' })).close()
    throws(() => backUp(database.path, there), /there is there already: nothing is overwritten/)
    equal(readFileSync(there, 'utf8'), 'precious')
    throws(() => backUp(database.path, join(folder, 'no', 'copy')), /folder .* does not exist/)
    const other = join(folder, 'other.db')
    new DatabaseSync(other).exec('CREATE TABLE recipes (name TEXT)')
    throws(() => backUp(other, join(folder, 'copy')), /database of another program/)
    throws(
      () => backUp(folder, join(folder, 'copy')),
      (error: Error) =>
        error instanceof StoreRefused && error.message.startsWith(`cannot open ${folder}: unable to open`),
    )
    equal(existsSync(join(folder, 'copy')), false)
  })
})

suite('sqlite: a restored backup', () => {
  test('takes the place of the database, which is kept with all that stood in its log', async () => {
    await using database = await sqliteDatabase()
    const copy = join(dirname(database.path), 'copy.db')
    await using first = await database.open({ role: 'cli', now: () => T0 })
    await first.registry.addMember(newMember({ name: 'before' }))
    backUp(database.path, copy)
    // Left open, so that this stands in the log alone.
    await first.registry.addMember(newMember({ name: 'after' }))
    ok(statSync(`${database.path}-wal`).size > 0)
    const { aside } = restore(database.path, copy, SEALING_KEY, 'now')
    equal(aside, `${database.path}.replaced-now`)
    await first.close()
    const names = async (path: string): Promise<readonly string[]> => {
      await using store = await open(path)
      return (await store.registry.members()).map(({ name }) => name)
    }
    deepEqual(await names(database.path), ['before'])
    deepEqual(await names(aside ?? ''), ['after', 'before'])
    equal(statSync(database.path).mode & 0o777, 0o600)
  })

  test('takes the place of nothing, and of a database that is damaged', async () => {
    await using database = await sqliteDatabase()
    const folder = dirname(database.path)
    const copy = join(folder, 'copy.db')
    await (await database.open({ role: 'cli' })).close()
    backUp(database.path, copy)
    const fresh = join(folder, 'fresh.db')
    deepEqual(restore(fresh, copy, SEALING_KEY, 'now'), { aside: undefined, warnings: [] })
    await (await open(fresh)).close()
    writeFileSync(database.path, 'rubbish')
    writeFileSync(`${database.path}-wal`, 'more rubbish')
    const { aside } = restore(database.path, copy, SEALING_KEY, 'now')
    equal(readFileSync(aside ?? '', 'utf8'), 'rubbish')
    await (await open(database.path)).close()
  })

  test('belongs to the user of the database that it replaces, or else of its folder', asRoot, async () => {
    await using database = await sqliteDatabase()
    const folder = dirname(database.path)
    await (await database.open({ role: 'cli' })).close()
    const copy = join(folder, 'copy.db')
    backUp(database.path, copy)
    for (const file of [folder, ...filesBeside(database).map((name) => join(folder, name))]) chownSync(file, NOBODY, 7)
    chownSync(copy, 0, 0)
    const fresh = join(folder, 'fresh.db')
    for (const path of [database.path, fresh]) {
      deepEqual(restore(path, copy, SEALING_KEY, 'now').warnings, [])
      deepEqual([statSync(path).uid, statSync(path).gid, statSync(path).mode & 0o777], [NOBODY, 7, 0o600])
      await as(NOBODY, async () => await (await open(path)).close())
    }
  })

  test('leaves nothing that is root’s where it is refused', asRoot, async () => {
    await using database = await sqliteDatabase()
    const folder = dirname(database.path)
    await (await database.open({ role: 'cli' })).close()
    const [copy, junk] = [join(folder, 'copy.db'), join(folder, 'junk.db')]
    backUp(database.path, copy)
    writeFileSync(junk, 'junk')
    for (const file of [folder, database.path, copy]) chownSync(file, NOBODY, 7)
    for (const path of [database.path, join(folder, 'fresh.db')]) {
      throws(() => restore(path, junk, SEALING_KEY, 'now'), /no database of a gateway's/)
      await as(NOBODY, async () => {
        restore(path, copy, SEALING_KEY, 'later')
        await (await open(path)).close()
      })
      chownSync(`${path}.lock`, 0, 0)
      await as(NOBODY, async () =>
        throws(() => restore(path, copy, SEALING_KEY, 'last'), /^StoreRefused: cannot lock /),
      )
    }
  })

  test('says so where it may not be given to that user', asRoot, async () => {
    await using database = await sqliteDatabase()
    const folder = dirname(database.path)
    await (await database.open({ role: 'cli' })).close()
    const copy = join(folder, 'copy.db')
    backUp(database.path, copy)
    chownSync(copy, NOBODY, NOBODY)
    chmodSync(folder, 0o777)
    const { warnings } = await as(NOBODY, async () => restore(join(folder, 'fresh.db'), copy, SEALING_KEY, 'now'))
    equal(warnings.length, 2)
    match(warnings[0] ?? '', /belongs to user 65534, and not to user 0 as before: chown it/)
  })

  test('is refused, with nothing changed, unless it is sound, a gateway’s, known and of this key', async () => {
    await using database = await sqliteDatabase()
    const folder = dirname(database.path)
    const good = join(folder, 'good.db')
    {
      await using store = await database.open({ role: 'cli', now: () => T0 })
      const world = await populate(store, { fiveHourQuota: 0n })
      for (let i = 0; i < 200; i += 1) await spend(store, world)
    }
    backUp(database.path, good)
    const made = (name: string, change: (path: string) => void): string => {
      const path = join(folder, name)
      copyFileSync(good, path)
      change(path)
      return path
    }
    const told = (sql: string) => (path: string) => {
      const db = new DatabaseSync(path, { enableForeignKeyConstraints: false })
      db.exec(sql)
      db.close()
    }
    const cases: readonly (readonly [string, RegExp])[] = [
      [join(folder, 'none.db'), /there is no file/],
      [made('text.db', (path) => writeFileSync(path, 'not a database'.repeat(100))), /no database of a gateway's/],
      [made('empty.db', (path) => truncateSync(path, 0)), /is empty/],
      [made('short.db', (path) => truncateSync(path, 20_480)), /damaged/],
      [made('newer.db', told('UPDATE schema_version SET version = 99')), /schema version 99, made by a newer/],
      [made('stray.db', told('DELETE FROM members')), /belong to rows that are not there/],
      [made('other.db', told('DROP TABLE schema_version')), /database of another program/],
      [database.path, /is the database itself/],
    ]
    const before = [readFileSync(database.path), filesBeside(database)]
    for (const [file, message] of cases) {
      throws(
        () => restore(database.path, file, SEALING_KEY, 'now'),
        (error: Error) => {
          match(error.message, message)
          return error instanceof StoreRefused
        },
      )
    }
    throws(() => restore(database.path, good, new Uint8Array(32).fill(9), 'now'), /sealed with the key of fingerprint/)
    deepEqual([readFileSync(database.path), filesBeside(database)], before)
    await using serving = await database.open()
    throws(() => restore(database.path, good, SEALING_KEY, 'now'), /already serves from .*gateway\.db: stop it first/)
    await serving.ledger.probe()
  })
})
