import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { HOUR_MS } from '../../src/core/calendar.ts'
import type { OpenCall } from '../../src/ports.ts'
import { newCall, T0, type NewDatabase } from './bench.ts'
import { exactTotals, spend, start, type Given } from './ledger-given.ts'

/** A call that may be the message of its turn. */
const MESSAGE = { charging: 'message', message: true, hold: 14n, rate: 'gpt-5.5@message' } as const
/** One that cannot. */
const FREE = { charging: 'message', message: false, hold: 0n, rate: undefined } as const

/** What every ledger does with the calls that a dead gateway left open. */
export function recoveryContract(newDatabase: NewDatabase): void {
  suite('ledger: recovery', () => {
    test('settles what a dead serve left open, exactly once: the hold after an attempt, nothing before one', async () => {
      await using given = await start(newDatabase)
      const [tried, untried] = [newCall(given, T0, { hold: 33n }), newCall(given, T0 + 1, { hold: 44n })]
      await given.store.ledger.open(tried, [], T0)
      await given.store.ledger.open(untried, [], T0 + 1)
      const search = newCall(given, T0 + 2, { kind: 'search', hold: 0n })
      await given.store.ledger.open(search, [], T0 + 2)
      for (const { id } of [tried, search]) await given.store.ledger.attempt(id, given.upstream.id, T0 + 2)
      const first = { upstream: given.upstream.id, chosen: 'only' } as const
      const triedAtOnce = newCall(given, T0 + 3, { hold: 55n, first })
      await given.store.ledger.open(triedAtOnce, [], T0 + 3)
      await given.store.close()
      for (const role of ['cli', 'serve', 'serve'] as const) {
        await using store = await given.database.open({ role, now: () => T0 + 100 })
        const rows = await store.reports.calls({ member: given.member.name, limit: 5 })
        deepEqual(
          rows.map((row) => [row.id, row.ending, row.precision, row.credits, row.status]),
          role === 'cli'
            ? [
                [triedAtOnce.id, undefined, undefined, 0n, undefined],
                [search.id, undefined, undefined, 0n, undefined],
                [untried.id, undefined, undefined, 0n, undefined],
                [tried.id, undefined, undefined, 0n, undefined],
              ]
            : [
                [triedAtOnce.id, 'interrupted', 'estimated', 55n, undefined],
                [search.id, 'interrupted', 'unknown', 0n, undefined],
                [untried.id, 'interrupted', 'exact', 0n, undefined],
                [tried.id, 'interrupted', 'estimated', 33n, undefined],
              ],
        )
      }
      await exactTotals(given)
    })

    test('takes the message of a turn once, of calls that were open and of those before and after them', async () => {
      await using given = await start(newDatabase, 1000n)
      await spend(given, T0, 14n, { charging: 'message', message: true, turnId: 'charged' })
      const open = [
        await leftOpen(given, { ...MESSAGE, turnId: 'charged' }),
        await leftOpen(given, { ...MESSAGE, turnId: 'begun' }),
        await leftOpen(given, { ...MESSAGE, turnId: 'begun' }),
        await leftOpen(given, { ...FREE, kind: 'thread_title', turnId: 'title' }),
        await leftOpen(given, { ...FREE, turnId: 'begun' }),
        await leftOpen(given, { ...MESSAGE, turnId: undefined }),
        await leftOpen(given, { ...MESSAGE, turnId: undefined }),
      ]
      const untried = newCall(given, T0, { ...MESSAGE, turnId: 'untried' })
      await given.store.ledger.open(untried, [], T0)
      await given.store.close()
      await using store = await given.database.open({ role: 'serve', now: () => T0 + 100 })
      const charged = []
      for (const { id } of [...open, untried]) {
        const story = await store.reports.call(id)
        const { credits, precision } = story?.call ?? {}
        charged.push([credits, precision, story?.message, story?.rate, story?.charging])
      }
      const rate = 'gpt-5.5@message'
      deepEqual(charged, [
        [0n, 'estimated', false, rate, 'message'],
        [14n, 'estimated', true, rate, 'message'],
        [0n, 'estimated', false, rate, 'message'],
        [0n, 'estimated', false, undefined, 'message'],
        [0n, 'estimated', false, undefined, 'message'],
        [14n, 'estimated', true, rate, 'message'],
        [14n, 'estimated', true, rate, 'message'],
        [0n, 'exact', false, undefined, 'message'],
      ])
      const again = { ...given, store }
      for (const turnId of ['charged', 'begun', 'untried']) {
        await spend(again, T0 + 200, 14n, { charging: 'message', message: true, turnId })
      }
      const [usage] = await store.reports.usage(T0, T0 + HOUR_MS)
      deepEqual([usage?.messages, usage?.credits], [5, 5n * 14n])
      await exactTotals(again)
    })

    test('charges tokens as they were held, and counts the messages among them once', async () => {
      await using given = await start(newDatabase, 1000n)
      const rate = 'gpt-5.5@2026-04-23'
      for (const turnId of ['turn-1', 'turn-1']) await leftOpen(given, { message: true, hold: 5n, rate, turnId })
      await given.store.close()
      await using store = await given.database.open({ role: 'serve', now: () => T0 + 100 })
      const sums = async (): Promise<unknown> =>
        (await store.reports.usage(T0, T0 + HOUR_MS)).map(({ messages, credits }) => [messages, credits])
      deepEqual(await sums(), [[1, 10n]])
      await spend({ ...given, store }, T0 + 200, 3n, { message: true, turnId: 'turn-1' })
      deepEqual(await sums(), [[1, 13n]])
    })

    test('leaves nothing of its charge on a call that was opened and then refused', async () => {
      await using given = await start(newDatabase, 1000n)
      const call = newCall(given, T0, { ...MESSAGE, turnId: 'turn-1' })
      await given.store.ledger.open(call, [], T0)
      const refused = { ...call, requestId: 'r', status: 429, refusal: 'no_room', endedAt: T0 + 1 }
      await given.store.ledger.refuse(refused)
      const story = await given.store.reports.call(call.id)
      deepEqual([story?.hold, story?.rate, story?.charging, story?.message], [0n, undefined, undefined, false])
    })
  })
}

/** Opens a call whose request went upstream, and of which nothing more is heard. */
async function leftOpen(given: Given, over: Partial<OpenCall>): Promise<OpenCall> {
  const first = { upstream: given.upstream.id, chosen: 'only' } as const
  const call = newCall(given, T0, { first, ...over })
  equal((await given.store.ledger.open(call, [], T0)).state, 'admitted')
  return call
}
