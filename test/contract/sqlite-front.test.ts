import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setImmediate as pause, setTimeout as sleep } from 'node:timers/promises'
import { memoryCoordinator, type MemoryCoordinator } from '../../src/adapters/coordination/memory.ts'
import { HOUR_MS } from '../../src/core/calendar.ts'
import { FIVE_HOURS_MS } from '../../src/core/quota.ts'
import type { CallId, UpstreamId } from '../../src/core/units.ts'
import { newCall, newEntry, populate, T0, windowsOf, type World } from './bench.ts'
import { start } from './child.ts'
import {
  becomeKnown,
  byJournal,
  lockFor,
  LONG,
  newestIn,
  open,
  spend,
  startFront,
  totalsAreExact,
} from './front-kit.ts'
import { ledgerModel } from './ledger.model.ts'
import { sqliteDatabase } from './sqlite-database.ts'
import type { Store } from '../../src/adapters/store/store.ts'

suite('sqlite: calls are opened and settled by the journal', () => {
  test('opens and settles calls while another process holds the write lock, and writes them down after', async () => {
    await using front = await startFront()
    const before = front.database.query('SELECT id FROM calls').length
    await using child = start('lock', front.database, '3000')
    await child.says('locked')
    const ids: CallId[] = []
    await byJournal(front, 9, async () => {
      for (const credits of [3n, 4n, 5n]) {
        const { call, verdict } = await open(front)
        equal(verdict.state, 'admitted')
        await front.store.ledger.attempt(call.id, front.upstream.id, T0)
        const standing = await front.store.ledger.settle(newEntry(call.id, T0, { credits }))
        equal(standing.charged, credits)
        ids.push(call.id)
      }
    })
    equal(front.database.query('SELECT id FROM calls').length, before, 'the database has none of them')
    ok(!child.said().includes('unlocked'))
    await child.says('unlocked')
    await front.store.ledger.probe()
    const rows = front.database.query('SELECT id, ending, precision, credits FROM calls WHERE credits > 0 ORDER BY seq')
    deepEqual(
      rows.map((row) => [row['id'], row['ending'], row['precision'], row['credits']]),
      ids.map((id, at) => [id, 'complete', 'exact', BigInt(at + 3)]),
    )
    equal(front.database.query('SELECT settled FROM windows')[0]?.['settled'], 12n)
    await totalsAreExact(front)
  })

  test('does what is asked of the database after all that was promised before', async () => {
    await using front = await startFront()
    const { call } = await open(front)
    await front.store.ledger.settle(newEntry(call.id, T0, { credits: 7n }))
    // A settled call is none that the journal knows.
    const again = await front.store.ledger.settle(newEntry(call.id, T0, { credits: 9n }))
    equal(again.charged, 7n)
    await spend(front, 5n)
    const standing = await front.store.ledger.standing(front.member.id, windowsOf(front.member), T0)
    equal(standing.windows[0]?.settled, 12n)
    await spend(front, 6n)
    const [usage] = await front.store.reports.usage(T0, T0 + HOUR_MS)
    equal(usage?.credits, 18n)
    await rejects(front.store.ledger.attempt('nobody' as CallId, front.upstream.id, T0), /not open/)
  })

  test('counts a settlement for which the database was asked, of a member who is known', async () => {
    await using front = await startFront({ member: { fiveHourQuota: 100n } })
    const { call } = await open(front)
    const message = { credits: 100n, charging: 'message', message: true } as const
    await byJournal(front, 0, () => front.store.ledger.settle(newEntry(call.id, T0, message)))
    equal((await open(front)).verdict.state, 'spent')
  })

  test('counts a settlement of which the database was told while the member was read', async () => {
    await using front = await startFront({ member: { fiveHourQuota: 100n } })
    const { call } = await open(front)
    await front.store.ledger.probe()
    // The member is read anew after this.
    await open(front, { path: LONG })
    await front.store.ledger.settle(newEntry(call.id, T0, { credits: 100n }))
    await front.store.ledger.probe()
    equal((await open(front)).verdict.state, 'spent')
  })

  test('counts a settlement that waits for the journal to be applied while the member is read', async () => {
    await using front = await startFront({ member: { fiveHourQuota: 100n } })
    const other = await populate(front.store)
    await becomeKnown(front.store, other, front.database.path)
    const { call } = await open(front)
    await front.store.ledger.probe()
    await open(front, { path: LONG })
    const others = byJournal(front, 1, () => open({ ...front, ...other }))
    await Promise.all([others, front.store.ledger.settle(newEntry(call.id, T0, { credits: 100n }))])
    await front.store.ledger.probe()
    equal((await open(front)).verdict.state, 'spent')
  })

  test('promises a settlement that waits for its member to be read, while that hangs', async () => {
    await using front = await startFront({ member: { fiveHourQuota: 0n } })
    const other = await populate(front.store)
    await becomeKnown(front.store, other, front.database.path)
    await becomeKnown(front.store, front, front.database.path)
    const { call } = await open(front)
    await front.store.ledger.probe()
    // The member is read anew after this, once the database has what another one is promised meanwhile.
    const asked = open(front, { path: LONG })
    await byJournal(front, 1, () => open({ ...front, ...other }))
    await asked
    let settling: Promise<unknown>
    {
      using _lock = lockFor(front.database.path)
      const before = newestIn(front.database.path)
      settling = front.store.ledger.settle(newEntry(call.id, T0, { credits: 7n }))
      await sleep(2000)
      equal(newestIn(front.database.path) - before, 1)
    }
    await settling
    await front.store.ledger.probe()
    equal(front.database.query(`SELECT credits FROM calls WHERE id = '${call.id}'`)[0]?.['credits'], 7n)
    await totalsAreExact(front)
  })

  test('goes by the journal again after the database was asked, though calls of the member never pause', async () => {
    await using front = await startFront({ member: { fiveHourQuota: 0n } })
    const before = newestIn(front.database.path)
    const caller = async (number: number): Promise<void> => {
      // Some open while others settle.
      for (let ahead = 0; ahead < number; ahead += 1) await pause()
      for (let turn = 0; turn < 40; turn += 1) {
        const { call } = await open(front, number === 0 && turn === 10 ? { path: LONG } : {})
        await pause()
        await front.store.ledger.settle(newEntry(call.id, T0, { credits: 1n }))
        await pause()
      }
    }
    await Promise.all(Array.from({ length: 12 }, (_, number) => caller(number)))
    const records = newestIn(front.database.path) - before
    ok(records > 900, `${records} of ${12 * 40 * 2}`)
    await front.store.ledger.probe()
    equal(front.database.query('SELECT settled FROM windows')[0]?.['settled'], 480n)
    await totalsAreExact(front)
  })

  test('has one time with the database, which does not run backwards', async () => {
    await using front = await startFront()
    const later = T0 + FIVE_HOURS_MS
    await front.store.ledger.standing(front.member.id, windowsOf(front.member), later)
    const { verdict } = await open(front)
    equal(verdict.state === 'admitted' && verdict.at, later)
    equal(verdict.standing.windows[0]?.openedAt, later)
    await becomeKnown(front.store, front, front.database.path)
    const { call } = await open(front)
    const { hold: _, windows: __, opensWindows: ___, ...facts } = newCall(front, T0)
    const refused = { ...facts, requestId: 'r', status: 429, refusal: 'x', endedAt: later + FIVE_HOURS_MS }
    await front.store.ledger.refuse(refused)
    equal((await open(front)).verdict.standing.windows[0]?.openedAt, later + FIVE_HOURS_MS)
    await becomeKnown(front.store, front, front.database.path)
    await front.store.ledger.settle(newEntry(call.id, later + 2 * FIVE_HOURS_MS, { charging: 'message' }))
    equal((await open(front)).verdict.standing.windows[0]?.openedAt, later + 2 * FIVE_HOURS_MS)
  })

  test('loses no neighbour of a record that can never be done, and tells of it', async () => {
    const told: string[] = []
    const log = {
      debug() {},
      info() {},
      warn() {},
      error: (what: string, of?: object) => told.push(`${what} ${JSON.stringify(of)}`),
    }
    await using front = await startFront({ log })
    const nobody = 999 as UpstreamId
    await byJournal(front, 6, async () => {
      await spend(front, 3n)
      const { call } = await open(front)
      await front.store.ledger.attempt(call.id, nobody, T0)
      await front.store.ledger.settle(newEntry(call.id, T0, { credits: 4n }))
      await open(front)
    })
    await spend(front, 5n)
    await front.store.ledger.probe()
    equal(told.length, 1)
    match(told[0] ?? '', /^ledger_record_lost .*999/)
    const rows = front.database.query('SELECT credits FROM calls WHERE credits > 0 ORDER BY seq')
    deepEqual(
      rows.map((row) => row['credits']),
      [3n, 4n, 5n],
    )
    equal(front.database.query('SELECT id FROM calls WHERE ended_at IS NULL').length, 1)
    await totalsAreExact(front)
  })

  for (const price of [10n, 3n]) {
    test(`lets in as many calls at the edge of a window as the database would, of ${price} each`, async () => {
      const outcomes = await Promise.all((['serve', 'cli'] as const).map((role) => atTheEdge(role, price)))
      deepEqual(outcomes[0], outcomes[1])
      ok((outcomes[0]?.spent ?? 0n) >= 100n && (outcomes[0]?.spent ?? 0n) < 100n + price)
    })
  }
})

/** Fifty calls at once, each of which holds 10 of 100, by the way of the gateway: who may not go waits for others to go. */
async function atTheEdge(
  role: 'serve' | 'cli',
  price: bigint,
): Promise<{ readonly admitted: number; readonly spent: bigint }> {
  await using database = await sqliteDatabase()
  await using store = await database.open({ role, now: () => T0 })
  const world = await populate(store, { fiveHourQuota: 100n, maxConcurrent: 50 })
  if (role === 'serve') await becomeKnown(store, world, database.path)
  const before = newestIn(database.path)
  const coordinator = memoryCoordinator({ now: () => T0, maxFailures: 3, cooldownMs: 1000, slowProbeMs: 5000 })
  const ends = await Promise.all(Array.from({ length: 50 }, () => visit(store, world, coordinator, price)))
  if (role === 'serve') ok(newestIn(database.path) - before > 10, 'by the journal')
  await store.ledger.probe()
  const [row] = database.query("SELECT settled FROM windows WHERE name = '5h'")
  const spent = BigInt(String(row?.['settled']))
  for (const { running, summed } of await database.totals()) equal(running, summed)
  return { admitted: ends.filter((end) => end === 'admitted').length, spent }
}

async function visit(store: Store, world: World, coordinator: MemoryCoordinator, price: bigint): Promise<string> {
  const call = newCall(world, T0, { hold: 10n })
  const { signal } = new AbortController()
  await using place = await coordinator.admit({ call: call.id, member: world.member, hold: call.hold }, signal)
  for (;;) {
    const verdict = await store.ledger.open(call, place.heldBefore(), T0)
    if (verdict.state === 'spent') return 'spent'
    if (verdict.state === 'admitted') {
      place.admitted(verdict.at)
      await store.ledger.attempt(call.id, world.upstream.id, T0)
      await store.ledger.settle(newEntry(call.id, T0, { credits: price }))
      return 'admitted'
    }
    await place.changed(signal)
  }
}

ledgerModel(sqliteDatabase, {
  role: 'serve',
  numRuns: 120,
  afterwards: (database) => {
    const [{ applied, calls } = {}] = database.query(
      'SELECT applied, (SELECT COUNT(*) FROM calls) AS calls FROM instances',
    )
    // An opening or a settlement each.
    ok(Number(applied) > Number(calls) / 10, `${Number(applied)} records of ${Number(calls)} calls went by the journal`)
  },
})
