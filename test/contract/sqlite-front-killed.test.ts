import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { copyFileSync, existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { Journal, journalPathOf, readJournal } from '../../src/adapters/store/journal.ts'
import { textOf } from '../../src/adapters/store/records.ts'
import { backUp, caughtUp, restore, type Store } from '../../src/adapters/store/store.ts'
import type { CallId } from '../../src/core/units.ts'
import type { OpenCall } from '../../src/ports.ts'
import { newCall, newEntry, populate, T0 } from './bench.ts'
import { start } from './child.ts'
import { newestIn, serve, totalsAreExact } from './front-kit.ts'
import { SEALING_KEY, sqliteDatabase, type SqliteDatabase } from './sqlite-database.ts'

suite('sqlite: what was promised when the process was killed', () => {
  test('is in the database after the next start, exactly and once', async () => {
    await using database = await sqliteDatabase()
    const promised = await killedWithPromises(database)
    equal(inDatabase(database, promised), 0, 'nothing of it was in the database')
    const journal = readFileSync(journalPathOf(database.path))
    const after = await rowsAfterStart(database)
    deepEqual(
      [...promised].map(([id, what]) => [what, ...(after.get(id) ?? [])]),
      [
        ...Array.from({ length: 3 }, () => ['settled', 'complete', 'exact', 7n, 1n]),
        ...Array.from({ length: 2 }, () => ['attempted', 'interrupted', 'estimated', 11n, 1n]),
        ['opened', 'interrupted', 'exact', 0n, 0n],
      ],
    )
    await totalsAreExact({ database })
    equal(settledIn(database), 3n * 7n + 2n * 11n)
    deepEqual(await rowsAfterStart(database), after)
    equal(existsSync(journalPathOf(database.path)), false)
    // As after a crash between the commit that did it and the removal of the file.
    writeFileSync(journalPathOf(database.path), journal, { mode: 0o600 })
    deepEqual(await rowsAfterStart(database), after)
    await totalsAreExact({ database })
    equal(settledIn(database), 3n * 7n + 2n * 11n)
  })

  test('is done from where the database was when its process died', async () => {
    await using database = await sqliteDatabase()
    const promised = await killedWithPromises(database)
    const { instance = '' } = readJournal(database.path) ?? {}
    const last = newestIn(database.path)
    const done = Number(database.query(`SELECT applied FROM instances WHERE id = '${instance}'`)[0]?.['applied'])
    ok(done > 0 && done < last, 'a part of it was done')
    const calls = database.query('SELECT id FROM calls').length
    await rowsAfterStart(database)
    equal(database.query('SELECT id FROM calls').length, calls + promised.size)
    deepEqual(database.query(`SELECT applied FROM instances WHERE id = '${instance}'`)[0]?.['applied'], BigInt(last))
  })

  test('is passed over where the journal is of another database, with a warning', async () => {
    await using database = await sqliteDatabase()
    await using fresh = await sqliteDatabase()
    await killedWithPromises(database)
    copyFileSync(journalPathOf(database.path), journalPathOf(fresh.path))
    await using store = await serve(fresh.path)
    equal(store.warnings[0], 'the journal beside the database belongs to another one: it was passed over')
    deepEqual(keptBy(store), readFileSync(journalPathOf(database.path)))
    equal(fresh.query('SELECT id FROM calls').length, 0)
    await populate(store)
  })

  test('is done but for what cannot be, which is told', async () => {
    await using database = await sqliteDatabase()
    const { id, texts } = await written(database)
    const stranger = textOf({ settle: newEntry('nobody' as CallId, T0, { credits: 5n }) })
    append(database, [texts[0] ?? '', stranger, '{"unheard":"of"}', 'no JSON', texts[1] ?? ''])
    {
      await using store = await serve(database.path)
      equal(store.warnings.length, 4)
      match(keptBy(store).toString(), / no JSON\n/)
      match(store.warnings[0] ?? '', /^record 2 of the journal could not be replayed: .*nobody was never opened/)
      match(store.warnings[1] ?? '', /^record 3 of the journal could not be replayed: .*unheard/)
      match(store.warnings[2] ?? '', /^record 4 of the journal could not be replayed: .*JSON/)
    }
    const rows = database.query('SELECT id, ending, credits FROM calls')
    deepEqual(
      rows.map((row) => [row['id'], row['ending'], row['credits']]),
      [[id, 'complete', 7n]],
    )
    await totalsAreExact({ database })
    await using again = await serve(database.path)
    deepEqual(again.warnings, [])
  })

  test('is charged as the message of its turn where that is charged, and once', async () => {
    await using database = await sqliteDatabase()
    const texts = await (async () => {
      await using store = await serve(database.path)
      const world = await populate(store)
      const charge = { charging: 'message', message: true, hold: 14n, rate: 'gpt-5.5@message' } as const
      const shared = { ...charge, turnId: 'turn-1', first: { upstream: world.upstream.id, chosen: 'only' } } as const
      const calls = [newCall(world, T0, shared), newCall(world, T0, shared)]
      // As the version before wrote it.
      const { rate: _, charging: __, message: ___, ...older } = newCall(world, T0, { ...shared, hold: 9n })
      return [...calls, older as OpenCall].map((call) => textOf({ open: call, at: T0 }))
    })()
    append(database, texts)
    await (await serve(database.path)).close()
    deepEqual(
      database
        .query('SELECT credits, messages, charging, rate FROM calls ORDER BY seq')
        .map((row) => [row['credits'], row['messages'], row['charging'], row['rate']]),
      [
        [14n, 1n, 'message', 'gpt-5.5@message'],
        [0n, 0n, 'message', 'gpt-5.5@message'],
        [9n, 0n, null, null],
      ],
    )
    await totalsAreExact({ database })
  })

  test('is told of where a part of it cannot be read', async () => {
    await using database = await sqliteDatabase()
    const { id, texts } = await written(database)
    append(database, ['{"unheard":"of"}', ...texts])
    const file = journalPathOf(database.path)
    const bytes = readFileSync(file)
    // The database has not done the first: whatever stood there is lost.
    const whole = bytes.subarray(4096).toString('latin1').split('\n')
    writeFileSync(file, Buffer.concat([bytes.subarray(0, 4096), Buffer.from(whole.slice(1).join('\n'), 'latin1')]))
    await using store = await serve(database.path)
    equal(store.warnings[0], 'records 1 to 1 of the journal could not be read: they are lost')
    match(keptBy(store).toString(), /{"open":/)
    equal(database.query('SELECT ending FROM calls WHERE id = ' + `'${id}'`)[0]?.['ending'], 'complete')
  })

  test('is kept where it cannot be read at all, with a warning', async () => {
    await using database = await sqliteDatabase()
    await killedWithPromises(database)
    const file = journalPathOf(database.path)
    const damaged = readFileSync(file).fill(0, 0, 512)
    writeFileSync(file, damaged)
    {
      await using store = await serve(database.path)
      equal(store.warnings[0], 'the journal beside the database cannot be read as one')
      deepEqual(keptBy(store), damaged)
    }
    writeFileSync(file, '', { mode: 0o600 })
    await using again = await serve(database.path)
    deepEqual(again.warnings, [])
  })

  test('comes back with its database when that is restored from where it was kept', async () => {
    await using database = await sqliteDatabase()
    const copy = `${database.path}.copy`
    await (await serve(database.path)).close()
    backUp(database.path, copy)
    const promised = await killedWithPromises(database)
    const { aside = '' } = restore(database.path, copy, SEALING_KEY, 'one')
    restore(database.path, aside, SEALING_KEY, 'two')
    equal(inDatabase(database, promised), 0)
    ok(newestIn(aside) > 0, 'where it was kept it stays')
    await using store = await serve(database.path)
    ok(store.warnings.every((line) => line.includes('interrupted')))
    equal(inDatabase(database, promised), promised.size)
  })

  test('goes aside with its database when another is put in its place', async () => {
    await using database = await sqliteDatabase()
    const copy = `${database.path}.copy`
    await (await serve(database.path)).close()
    backUp(database.path, copy)
    const promised = await killedWithPromises(database)
    const { aside } = restore(database.path, copy, SEALING_KEY, 'stamp')
    ok(aside)
    equal(existsSync(journalPathOf(database.path)), false)
    equal(readJournal(aside)?.records.length, newestIn(aside))
    ok(newestIn(aside) > 0)
    {
      await using store = await serve(database.path)
      deepEqual(store.warnings, [])
      equal(inDatabase(database, promised), 0)
    }
    // Where it is now it can still be opened, with all of it.
    await using old = await serve(aside)
    ok(old.warnings.every((line) => line.includes('interrupted')))
    const rows = await old.reports.calls({ member: 'promised', limit: 50 })
    equal(rows.filter(({ id }) => promised.has(id)).length, promised.size)
  })

  test('is told of by commands until the gateway is started again', async () => {
    await using database = await sqliteDatabase()
    await killedWithPromises(database)
    const left = newestIn(database.path) - Number(database.query('SELECT MAX(applied) AS n FROM instances')[0]?.['n'])
    const told = await caughtUp(database.path)
    const words = `the last ${left} records of calls stand in ${realpathSync(database.path)}-entries and not in the database`
    deepEqual(
      told.map((line) => line.slice(0, words.length)),
      [words],
    )
    await using command = await database.open({ role: 'cli' })
    ok(command.warnings.includes(told[0] ?? ''))
    await command.close()
    await (await serve(database.path)).close()
    deepEqual(await caughtUp(database.path), [])
  })

  test('is done by a start that keeps no journal, which removes it', async () => {
    await using database = await sqliteDatabase()
    const promised = await killedWithPromises(database)
    await using store = await serve(database.path, 'power')
    equal(existsSync(journalPathOf(database.path)), false)
    equal(inDatabase(database, promised), promised.size)
    const [row] = database.query('SELECT credits FROM calls WHERE credits = 7')
    equal(row?.['credits'], 7n)
    const world = await populate(store)
    for (let count = 0; count < 3; count += 1) {
      const call = newCall(world, T0)
      await store.ledger.open(call, [], T0)
      equal(inDatabase(database, new Map([[call.id, 'opened']])), 1, 'it is there when its promise resolves')
      await store.ledger.probe()
      await store.ledger.settle(newEntry(call.id, T0, { credits: 7n }))
    }
    equal(existsSync(journalPathOf(database.path)), false)
  })
})

/** Which calls a process has promised, by their ids, and how far it had come with each. */
async function killedWithPromises(database: SqliteDatabase): Promise<ReadonlyMap<string, string>> {
  await using child = start('promise', database)
  await child.says('promised')
  await child.kill()
  const lines = child
    .said()
    .split('\n')
    .map((line) => line.split(' '))
  return new Map(lines.flatMap(([what = '', id]) => (id === undefined ? [] : [[id, what] as const])))
}

/** The journal that a start has put aside, by what it says. */
function keptBy({ warnings }: Store): Buffer {
  const [, file = ''] =
    /^the journal is kept as (.*): when/.exec(warnings.find((line) => line.includes('kept')) ?? '') ?? []
  return readFileSync(file)
}

function inDatabase(database: SqliteDatabase, promised: ReadonlyMap<string, string>): number {
  return database.query('SELECT id FROM calls').filter((row) => promised.has(String(row['id']))).length
}

/** What the ledger says of each call once a process has begun to serve, and stopped. */
async function rowsAfterStart(database: SqliteDatabase): Promise<ReadonlyMap<string, readonly unknown[]>> {
  const store = await serve(database.path)
  const wrong = store.warnings.filter((line) => !line.includes('interrupted'))
  await store.close()
  deepEqual(wrong, [])
  const rows = database.query(
    'SELECT *, (SELECT COUNT(*) FROM attempts WHERE attempts.call = calls.seq) AS tries FROM calls ORDER BY seq',
  )
  equal(new Set(rows.map((row) => row['id'])).size, rows.length)
  return new Map(
    rows.map((row) => [String(row['id']), [row['ending'], row['precision'], row['credits'], row['tries']]] as const),
  )
}

function settledIn(database: SqliteDatabase): bigint {
  const [row] = database.query("SELECT settled FROM windows WHERE name = '5h'")
  return BigInt(String(row?.['settled']))
}

/** A database with a member of whom nothing is known, and what a process would promise of a call. */
async function written(database: SqliteDatabase): Promise<{ readonly id: string; readonly texts: readonly string[] }> {
  await using store = await serve(database.path)
  const call = newCall(await populate(store), T0)
  const entry = newEntry(call.id, T0, { credits: 7n })
  return { id: call.id, texts: [textOf({ open: call, at: T0 }), textOf({ settle: entry })] }
}

/** As the process that served last would have left them. */
function append(database: SqliteDatabase, texts: readonly string[]): void {
  const [row] = database.query('SELECT id, applied FROM instances')
  equal(row?.['applied'], 0n)
  const journal = new Journal(database.path, String(row?.['id']))
  for (const text of texts) ok(journal.append(text))
  journal.close()
}
