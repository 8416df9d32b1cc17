import { equal, ok } from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { readJournal } from '../../src/adapters/store/journal.ts'
import { openStore, type Durability, type Store } from '../../src/adapters/store/store.ts'
import type { QuotaRules, Verdict } from '../../src/core/quota.ts'
import type { EpochMs } from '../../src/core/units.ts'
import type { Entry, Hold, Log, NewMember, OpenCall, Standing } from '../../src/ports.ts'
import { newCall, newEntry, populate, silent, T0, type World } from './bench.ts'
import { SEALING_KEY, sqliteDatabase, type SqliteDatabase } from './sqlite-database.ts'

/** A path that is too long for the journal: for its call the database is asked. */
export const LONG: string = 'x'.repeat(70_000)

/** A serving store with one member, whose calls are opened and settled by the journal. */
export interface Front extends World, AsyncDisposable {
  readonly database: SqliteDatabase
  readonly store: Store
}

export interface FrontOptions {
  readonly member?: Partial<NewMember>
  readonly quota?: QuotaRules
  readonly log?: Log
}

export async function startFront({ member, quota, log }: FrontOptions = {}): Promise<Front> {
  const database = await sqliteDatabase()
  const store = await database.open({ now: () => T0, ...(quota && { quota }), ...(log && { log }) })
  const world = await populate(store, member)
  await becomeKnown(store, world, database.path)
  const end = async (): Promise<void> => {
    await store.close()
    await database[Symbol.asyncDispose]()
  }
  return { ...world, database, store, [Symbol.asyncDispose]: end }
}

/** Opens and settles calls that cost nothing until one is opened without asking the database. */
export async function becomeKnown(store: Store, world: World, path: string, at: EpochMs = T0): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const before = newestIn(path)
    const call = newCall(world, at)
    equal((await store.ledger.open(call, [], at)).state, 'admitted')
    const quickly = newestIn(path) > before
    // What is read of the member was asked for before this.
    await store.ledger.probe()
    await store.ledger.settle(newEntry(call.id, at))
    await store.ledger.probe()
    if (quickly) return
  }
  throw new Error('the member does not become known')
}

/** The number of the newest record in the journal. */
export function newestIn(path: string): number {
  return readJournal(path)?.records.at(-1)?.number ?? 0
}

/** Does something, and says that each of so many records went into the journal meanwhile, neither more nor less. */
export async function byJournal<T>({ database }: Front, records: number, act: () => Promise<T>): Promise<T> {
  const before = newestIn(database.path)
  const result = await act()
  equal(newestIn(database.path) - before, records, 'records in the journal')
  return result
}

/** Asks for a call to be opened. */
export async function open(
  front: Front,
  over: Partial<OpenCall> = {},
  heldBefore: readonly Hold[] = [],
): Promise<{ readonly call: OpenCall; readonly verdict: Verdict }> {
  const call = newCall(front, T0, over)
  return { call, verdict: await front.store.ledger.open(call, heldBefore, T0) }
}

/** A call from its opening to its settlement. */
export async function spend(front: Front, credits: bigint, over: Partial<Entry> = {}): Promise<Standing> {
  const { call, verdict } = await open(front)
  equal(verdict.state, 'admitted')
  return await front.store.ledger.settle(newEntry(call.id, T0, { credits, ...over }))
}

/** Takes the database for writing, so that nobody else can write, until it is disposed of. */
export function lockFor(path: string): Disposable {
  const db = new DatabaseSync(path, { timeout: 5000 })
  db.exec('BEGIN IMMEDIATE')
  return {
    [Symbol.dispose]: () => {
      db.exec('ROLLBACK')
      db.close()
    },
  }
}

export async function serve(path: string, durability: Durability = 'process', log: Log = silent): Promise<Store> {
  return await openStore({ path, create: true, durability, role: 'serve', sealingKey: SEALING_KEY, log, now: () => T0 })
}

export async function totalsAreExact({ database }: Pick<Front, 'database'>): Promise<void> {
  const totals = await database.totals()
  ok(totals.length > 0)
  for (const { running, summed } of totals) equal(running, summed)
}
