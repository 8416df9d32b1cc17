import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { mock, suite, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { HOUR_MS } from '../../src/core/calendar.ts'
import { takeServeLock } from '../../src/adapters/store/instance-lock.ts'
import { STEPS } from '../../src/adapters/store/migrations.ts'
import { openStore, StoreRefused } from '../../src/adapters/store/store.ts'
import { LedgerUnavailable, type Log } from '../../src/ports.ts'
import { newMember, populate, silent, T0 } from './bench.ts'
import { seen } from './directory.contract.ts'
import { SEALING_KEY, sqliteDatabase } from './sqlite-database.ts'

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

suite('sqlite: what is refused', () => {
  test('is left as it was to the byte, in its own journal mode', async () => {
    for (const schema of [
      'CREATE TABLE recipes (name TEXT)',
      'CREATE TABLE schema_version (version INTEGER NOT NULL); INSERT INTO schema_version VALUES (9999)',
    ]) {
      await using database = await sqliteDatabase()
      const other = new DatabaseSync(database.path)
      other.exec(`PRAGMA journal_mode = DELETE; ${schema}`)
      other.close()
      const before = digest(database.path)
      for (const role of ['cli', 'serve'] as const) await rejects(database.open({ role }), StoreRefused)
      equal(digest(database.path), before, schema)
      equal(database.query('PRAGMA journal_mode')[0]?.['journal_mode'], 'delete')
    }
  })

  test('is a database that is not there, unless it is to be made', async () => {
    await using database = await sqliteDatabase()
    const { path } = database
    for (const role of ['cli', 'serve'] as const) {
      const opening = openStore({ path, durability: 'process', role, sealingKey: SEALING_KEY, log: silent })
      await rejects(opening, (error: Error) => {
        match(error.message, /^there is no database .*gateway\.db: run `codex-gateway admin init` first$/)
        return error instanceof StoreRefused
      })
      deepEqual(readdirSync(dirname(path)), [])
    }
  })
})

const NOBODY = 65_534
const STORE = new URL('../../src/adapters/store/store.ts', import.meta.url)

/** What a gateway of that user is told that begins to serve from the database: in a process of its own, for it stays that user's. */
function servedByNobody(path: string): string {
  const key = `new Uint8Array(32).fill(${SEALING_KEY[0]})`
  const options = `{ path: ${JSON.stringify(path)}, durability: 'process', role: 'serve', sealingKey: ${key}, log: console }`
  const script = `
    import('${STORE.href}').then(({ openStore }) => openStore(${options}))
      .then((store) => store.close()).then(() => 'opened', String).then((said) => console.log(said))`
  return execFileSync(process.execPath, ['-e', script], {
    uid: NOBODY,
    gid: NOBODY,
    encoding: 'utf8',
  })
}

/** Whether there is another user to be, who may read these sources. */
function canBeNobody(): boolean {
  if (process.geteuid?.() !== 0) return false
  const reading = ['-e', `import('${STORE.href}')`]
  return spawnSync(process.execPath, reading, { uid: NOBODY, gid: NOBODY }).status === 0
}

suite('sqlite: a database of another user', { skip: !canBeNobody() && 'needs another user' }, () => {
  for (const [what, shut, told] of [
    ['nothing', (): void => undefined, /^opened$/m],
    ['itself', (path: string) => chmodSync(path, 0o600), /the permissions of \S+gateway\.db do not let this user read/],
    [
      'its lock',
      (path: string) => chmodSync(`${path}.lock`, 0o600),
      /permissions of \S+\.lock do not let this user read/,
    ],
    ['its folder', (path: string) => chmodSync(dirname(path), 0o755), /the folder \S+ do not let this user make files/],
  ] as const) {
    test(`is judged by the permissions of ${what}`, async () => {
      await using database = await sqliteDatabase()
      await (await database.open({ role: 'serve' })).close()
      chmodSync(dirname(database.path), 0o777)
      for (const file of ['', '.lock']) chmodSync(database.path + file, 0o666)
      shut(database.path)
      const said = servedByNobody(database.path)
      match(said, told)
      match(said, /^opened$|^StoreRefused: cannot open \S+gateway\.db: /m)
    })
  }
})

suite('sqlite: a command', () => {
  test('leaves a database of an older version alone while a gateway serves from it, and brings it up to date else', async () => {
    await using database = await sqliteDatabase()
    const { path } = database
    const older = new DatabaseSync(path)
    older.exec('PRAGMA journal_mode = WAL; CREATE TABLE schema_version (version INTEGER NOT NULL)')
    for (const step of STEPS.slice(0, -1)) older.exec(step)
    older.exec(`INSERT INTO schema_version VALUES (${STEPS.length - 1})`)
    older.close()
    const versions = () => database.query('SELECT version FROM schema_version').map((row) => Number(row['version']))
    const serving = takeServeLock(path)
    try {
      for (const create of [true, false]) {
        const options = {
          path,
          create,
          durability: 'process',
          role: 'cli',
          sealingKey: SEALING_KEY,
          log: silent,
        } as const
        await rejects(openStore(options), (error: Error) => {
          match(
            error.message,
            /an older codex-gateway serves from it.*: stop it and start this version, or give commands/,
          )
          return error instanceof StoreRefused && error.busy
        })
      }
      deepEqual(versions(), [STEPS.length - 1])
      equal(database.query('SELECT key_fingerprint FROM meta')[0]?.['key_fingerprint'], null)
    } finally {
      serving.close()
    }
    await using store = await database.open({ role: 'cli' })
    deepEqual(await store.registry.members(), [])
    deepEqual(versions(), [STEPS.length])
    await using both = await database.open({ role: 'serve' })
    await using beside = await database.open({ role: 'cli' })
    deepEqual(await beside.registry.members(), await both.registry.members())
  })

  test('is told which file it is that does not work', async () => {
    await using database = await sqliteDatabase()
    await using store = await database.open({ role: 'cli' })
    const other = new DatabaseSync(database.path)
    try {
      other.exec('BEGIN IMMEDIATE')
      await rejects(store.registry.addMember(newMember()), (error: Error) => {
        equal(error.message, `${database.path}: the database does not work: database is locked`)
        return error instanceof LedgerUnavailable
      })
    } finally {
      other.close()
    }
  })
})

suite('sqlite: a store that has answered', () => {
  test('is heard though this process had no time for that until it was too late', async () => {
    await using database = await sqliteDatabase()
    await using store = await database.open()
    const now = process.hrtime.bigint.bind(process.hrtime)
    const asked = store.registry.members()
    const clock = mock.method(process.hrtime, 'bigint', now)
    try {
      // It was sent in this turn. Timers are next in Node's loop, and what has come meanwhile is read after them.
      setImmediate(() => {
        clock.mock.mockImplementation(() => now() + 60_000_000_000n)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
      })
      deepEqual(await asked, [])
    } finally {
      clock.mock.restore()
    }
  })
})

suite('sqlite: the background thread', () => {
  test('is replaced when it dies, and reports go on', async () => {
    await using database = await sqliteDatabase()
    const workers: Worker[] = []
    const started = (worker: Worker): void => void workers.push(worker)
    process.on('worker', started)
    const said: string[] = []
    const log: Log = { ...silent, warn: (event) => void said.push(event) }
    try {
      await using store = await database.open({ log })
      await populate(store)
      await seen(() => workers.length === 2)
      await store.reports.usage(T0, T0 + HOUR_MS)
      await workers[1]?.terminate()
      await seen(() => said.includes('store_background_lost'))
      deepEqual(await store.reports.usage(T0, T0 + HOUR_MS), [])
      await workers[2]?.terminate()
      // Without anybody asking: somebody has to move the log into the database.
      await seen(() => workers.length === 4)
    } finally {
      process.off('worker', started)
    }
  })
})
