import { equal, ok } from 'node:assert/strict'
import type { Store } from '../../src/adapters/store/store.ts'
import type { Entry, Standing } from '../../src/ports.ts'
import { newCall, newEntry, populate, T0, type NewDatabase, type World } from './bench.ts'

/** A ledger with one member whose 5-hour window holds so many nanocredits. */
export type Given = World & { store: Store; database: Awaited<ReturnType<NewDatabase>> } & AsyncDisposable

export async function start(newDatabase: NewDatabase, fiveHourQuota = 100n): Promise<Given> {
  const database = await newDatabase()
  const store = await database.open({ now: () => T0 })
  const world = await populate(store, { fiveHourQuota })
  const end = async (): Promise<void> => {
    await store.close()
    await database[Symbol.asyncDispose]()
  }
  return { ...world, store, database, [Symbol.asyncDispose]: end }
}

export type Spending = Partial<Entry> & { readonly turnId?: string | undefined }

export async function spend(given: Given, at: number, credits: bigint, over: Spending = {}): Promise<Standing> {
  const { turnId, ...entry } = over
  const call = newCall(given, at, { turnId })
  const verdict = await given.store.ledger.open(call, [], at)
  equal(verdict.state, 'admitted')
  return await given.store.ledger.settle(newEntry(call.id, at, { credits, ...entry }))
}

/** Running totals of the windows are the sums over their calls. */
export async function exactTotals(given: Given): Promise<void> {
  const totals = await given.database.totals()
  ok(totals.length > 0)
  for (const { running, summed } of totals) equal(running, summed)
}
