import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { OpenCall } from '../../src/ports.ts'
import { newEntry, T0 } from './bench.ts'
import { start } from './child.ts'
import { becomeKnown, byJournal, open, startFront, totalsAreExact, type Front } from './front-kit.ts'

const MESSAGE = { charging: 'message', message: true } as const
const PRICE = { ...MESSAGE, credits: 14n } as const

async function openIn(front: Front, turnId: string | undefined, over: Partial<OpenCall> = {}): Promise<OpenCall> {
  return (await open(front, { ...MESSAGE, turnId, ...over })).call
}

/** The database has been asked by then how it stands with the turns of calls that were opened before, and has said it. */
async function known(front: Front): Promise<void> {
  await sleep(50)
  await front.store.ledger.probe()
}

async function settle(front: Front, call: OpenCall, over = {}): Promise<bigint | undefined> {
  return (await front.store.ledger.settle(newEntry(call.id, T0, { ...PRICE, ...over }))).charged
}

/** What the database made of it, in the order in which the calls were opened. */
async function written(front: Front): Promise<unknown[]> {
  await front.store.ledger.probe()
  await totalsAreExact(front)
  const rows = front.database.query(
    "SELECT turn_id, messages, credits FROM calls WHERE charging = 'message' ORDER BY seq",
  )
  return rows.map((row) => [row['turn_id'], Number(row['messages']), row['credits']])
}

suite('sqlite: messages are charged by the journal', () => {
  test('once a turn, though the database could not be written meanwhile', async () => {
    await using front = await startFront()
    const calls = [await openIn(front, 'one'), await openIn(front, 'one'), await openIn(front, undefined)]
    await known(front)
    await using child = start('lock', front.database, '3000')
    await child.says('locked')
    const charged = await byJournal(front, 4, async () => {
      const first = [await settle(front, calls[0] as OpenCall), await settle(front, calls[1] as OpenCall)]
      const later = await openIn(front, 'one', { message: false })
      return [...first, await settle(front, later)]
    })
    deepEqual(charged, [14n, 0n, 0n])
    equal(await byJournal(front, 1, () => settle(front, calls[2] as OpenCall)), 14n)
    await child.says('unlocked')
    deepEqual(await written(front), [
      ['one', 1, 14n],
      ['one', 0, 0n],
      [null, 1, 14n],
      ['one', 0, 0n],
    ])
    equal(front.database.query('SELECT settled FROM windows')[0]?.['settled'], 28n)
  })

  test('at a later call of the turn where the first was none', async () => {
    await using front = await startFront()
    const [failed, again] = [await openIn(front, 'one'), await openIn(front, 'one')]
    // Whoever can be no message asks for nothing.
    const child = await openIn(front, 'two', { message: false })
    await known(front)
    const charged = await byJournal(front, 3, async () => [
      await settle(front, failed, { message: false }),
      await settle(front, again),
      await settle(front, child, { message: false }),
    ])
    deepEqual(charged, [0n, 14n, 0n])
    deepEqual(await written(front), [
      ['one', 0, 0n],
      ['one', 1, 14n],
      ['two', 0, 0n],
    ])
  })

  test('by the database where it has not said yet how it stands with the turn', async () => {
    await using front = await startFront()
    const call = await openIn(front, 'one')
    equal(await byJournal(front, 0, () => settle(front, call)), 14n)
    const other = await openIn(front, 'one')
    equal(await byJournal(front, 1, () => settle(front, other)), 0n)
    deepEqual(await written(front), [
      ['one', 1, 14n],
      ['one', 0, 0n],
    ])
  })

  test('not again for a turn that was charged before a restart', async () => {
    await using front = await startFront()
    equal(await settle(front, await openIn(front, 'one')), 14n)
    await front.store.close()
    await using store = await front.database.open({ now: () => T0 })
    await becomeKnown(store, front, front.database.path)
    const after = { ...front, store }
    const call = await openIn(after, 'one')
    await known(after)
    equal(await byJournal(after, 1, () => settle(after, call)), 0n)
    deepEqual(await written(after), [
      ['one', 1, 14n],
      ['one', 0, 0n],
    ])
  })
})
