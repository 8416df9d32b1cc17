import { deepEqual, equal, throws } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import {
  big,
  change,
  inserted,
  int,
  maybeText,
  maybeWords,
  only,
  real,
  sql,
  text,
  wordsText,
  type Script,
  type Statement,
} from './sql.ts'
import { Sqlite } from './sqlite.ts'

suite('sqlite', () => {
  test('gives every value back as it went in, integers exactly', () => {
    using given = database()
    const row = given.db.run(
      only(sql`SELECT ${2n ** 62n} AS a, ${5} AS b, ${0.5} AS c, ${"o'x"} AS d, ${undefined} AS e, ${true} AS f`),
    )
    deepEqual([big(row, 'a'), int(row, 'b'), real(row, 'c')], [2n ** 62n, 5, 0.5])
    deepEqual([text(row, 'd'), maybeText(row, 'e'), int(row, 'f')], ["o'x", undefined, 1])
  })

  test('refuses to read a column as what it is not, and keeps its value out of the message', () => {
    using given = database()
    const row = given.db.run(only(sql`SELECT ${'sk-secret'} AS a, ${2n ** 60n} AS b`))
    throws(() => int(row, 'a'), { message: 'column a should be an integer but is string' })
    throws(() => text(row, 'b'), /column b should be text/)
    throws(() => int(row, 'b'), /below 2\^53/)
    throws(() => maybeText(row, 'missing'), /column missing should be in the row/)
  })

  test('syncs each commit to the disk where it is to survive a power cut, and only there', () => {
    for (const [durability, synchronous] of [
      ['process', 1],
      ['power', 2],
    ] as const) {
      const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-sqlite-'))
      const db = new Sqlite(join(folder, 'power.db'))
      db.keepLog(durability)
      // NORMAL (1) syncs at checkpoints, FULL (2) at every commit (sqlite.org/pragma.html#pragma_synchronous).
      const setting = db.run(only(sql`PRAGMA synchronous`))
      const journal = db.run(only(sql`PRAGMA journal_mode`))
      db.close()
      rmSync(folder, { recursive: true })
      deepEqual([int(setting, 'synchronous'), text(journal, 'journal_mode')], [synchronous, 'wal'], durability)
    }
  })

  test('keeps what a change stores as integers, to the last one that a double has, and adds to them', () => {
    using given = database()
    given.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, m INTEGER, yes INTEGER, none TEXT) STRICT')
    const most = Number.MAX_SAFE_INTEGER
    for (const id of [1, 2])
      given.db.run(
        done(change`
          INSERT INTO t (id, n, m, yes, none) VALUES (${1}, ${most}, ${2n ** 62n}, ${true}, ${undefined})
          ON CONFLICT DO UPDATE SET n = n + excluded.n, yes = yes + excluded.yes, m = m + ${BigInt(id)}`),
      )
    const row = given.db.run(only(sql`SELECT *, typeof(n) || typeof(m) || typeof(yes) AS kinds FROM t`))
    deepEqual([text(row, 'kinds'), big(row, 'n')], ['integerintegerinteger', 2n * BigInt(most)])
    deepEqual([big(row, 'm'), int(row, 'yes'), maybeText(row, 'none')], [2n ** 62n + 2n, 2, undefined])
    throws(() => given.db.run(done(change`UPDATE t SET n = ${0.5} WHERE id = ${1}`)), /cannot store REAL/)
  })

  test('tells the number of a row that was inserted, and that there was one before', () => {
    using given = database()
    given.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE) STRICT')
    const add = (name: string): number | undefined =>
      given.db.run(inserted(change`INSERT INTO t (name) VALUES (${name}) ON CONFLICT DO NOTHING`))
    deepEqual([add('a'), add('b'), add('a'), add('c')], [1, 2, undefined, 3])
  })

  test('keeps lists of words', () => {
    using given = database()
    const row = given.db.run(only(sql`SELECT ${wordsText(['a', 'b"'])} AS words, ${wordsText(undefined)} AS none`))
    deepEqual([maybeWords(row, 'words'), maybeWords(row, 'none')], [['a', 'b"'], undefined])
  })

  test('lets a script handle the failure of its own statement', () => {
    using given = database()
    given.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)')
    equal(given.db.run(insertTwice()), 'caught')
  })

  test('takes everything back when the work of a transaction throws', () => {
    using given = database()
    given.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)')
    throws(() =>
      given.db.transaction('write', () => {
        given.db.run(insert())
        throw new Error('no')
      }),
    )
    equal(given.db.inTransaction, false)
    equal(int(given.db.run(only(sql`SELECT COUNT(*) AS n FROM t`)), 'n'), 0)
  })
})

function* insert(): Script<void> {
  yield sql`INSERT INTO t (id) VALUES (${1})`
}

function* done(statement: Statement): Script<void> {
  yield statement
}

function* insertTwice(): Script<string> {
  yield* insert()
  try {
    yield* insert()
    return 'missed'
  } catch {
    return 'caught' // The statement failed inside the script, which goes on.
  }
}

function database(): { db: Sqlite } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-sqlite-'))
  const db = new Sqlite(join(folder, 'a.db'))
  db.keepLog('process')
  const end = (): void => {
    db.close()
    rmSync(folder, { recursive: true })
  }
  return { db, [Symbol.dispose]: end }
}
