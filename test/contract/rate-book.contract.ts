import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { MOST_PER_MESSAGE, MOST_PER_MINUTE, MOST_PER_TOKEN } from '../../src/core/set-rate.ts'
import type { CallId } from '../../src/core/units.ts'
import { NO_USAGE, SILENCE } from '../../src/core/usage.ts'
import { type CallSpan, type NewTokenRate, RegistryError } from '../../src/ports.ts'
import { newCall, newEntry, T0, type NewDatabase } from './bench.ts'
import { seen } from './directory.contract.ts'
import { exactTotals, start, type Given } from './ledger-given.ts'

const NAME = { model: 'gpt-new', from: undefined, of: 'tokens' } as const
const REASON = { who: 'root', why: 'test' }
const ALL: CallSpan = { from: 0, to: T0 * 2, member: undefined }
const USAGE = { inputTokens: 10, cachedInputTokens: 4, cacheWriteTokens: 1, outputTokens: 3, reasoningTokens: 2 }

function newRate(over: Partial<NewTokenRate> = {}): NewTokenRate {
  const prices = { input: 50_000n, cached: 2_500n, output: 250_000n, cacheWrite: undefined }
  return { model: 'gpt-new', from: undefined, ...prices, who: 'root', ...over }
}

async function settled(given: Given, at: number, over: Parameters<typeof newEntry>[2]): Promise<CallId> {
  const call = newCall(given, at)
  await given.store.ledger.open(call, [], at)
  await given.store.ledger.settle(newEntry(call.id, at + 5, { usage: USAGE, rate: 'fallback', ...over }))
  return call.id
}

function refused(promise: Promise<unknown>, message: RegExp): Promise<void> {
  return rejects(promise, (error: unknown) => error instanceof RegistryError && message.test(error.message))
}

/** What every RateBook keeps to. */
export function rateBookContract(newDatabase: NewDatabase): void {
  suite('rate book: rates', () => {
    test('keeps one rate for a model and day, the last one, and remembers those before', async () => {
      await using given = await start(newDatabase)
      const { rateBook } = given.store
      const first = await rateBook.set(newRate())
      deepEqual(first, { ...newRate(), id: first.id, at: T0, on: '2027-01-15' })
      const later = await rateBook.set(newRate({ from: '2027-02-01', cacheWrite: 62_500n }))
      const second = await rateBook.set(newRate({ input: 1n, who: 'ann' }))
      deepEqual(await rateBook.rates(), [second, later])
      deepEqual(given.store.directory.rates(), [second, later])
      deepEqual(await rateBook.unset(NAME, 'zoe'), second)
      deepEqual(await rateBook.rates(), [later])
      await refused(rateBook.unset(NAME, 'zoe'), /no set rate "gpt-new"; there are: gpt-new@2027-02-01/)
    })

    test('keeps what a minute of audio costs', async () => {
      await using given = await start(newDatabase)
      const { rateBook } = given.store
      for (const minute of [0n, MOST_PER_MINUTE]) {
        const set = await rateBook.set(newRate({ minute }))
        deepEqual(
          [set, ...(await rateBook.rates())],
          Array(2).fill({ ...newRate({ minute }), id: set.id, at: T0, on: '2027-01-15' }),
        )
      }
      await rateBook.set(newRate())
      equal('minute' in ((await rateBook.rates())[0] ?? {}), false)
    })

    test('keeps what a message costs beside what tokens cost', async () => {
      await using given = await start(newDatabase)
      const { rateBook } = given.store
      const tokens = await rateBook.set(newRate())
      const message = { model: 'gpt-new', from: undefined, message: 3_500_000_000n, who: 'root' }
      const first = await rateBook.set(message)
      deepEqual(first, { ...message, id: first.id, at: T0, on: '2027-01-15' })
      const second = await rateBook.set({ ...message, message: 0n })
      deepEqual(await rateBook.rates(), [tokens, second])
      const later = await rateBook.set({ ...message, from: '2027-02-01' })
      deepEqual(given.store.directory.rates(), [tokens, second, later])
      const name = { ...NAME, of: 'messages' } as const
      deepEqual(await rateBook.unset(name, 'zoe'), second)
      deepEqual(await rateBook.rates(), [tokens, later])
      await refused(rateBook.unset(name, 'zoe'), /no set price of messages "gpt-new"; there are: gpt-new@2027-02-01/)
      for (const wrong of [-1n, MOST_PER_MESSAGE + 1n]) {
        await refused(rateBook.set({ ...message, message: wrong }), /price of a message cannot be/)
      }
    })

    test('is seen by a server by itself', async () => {
      await using given = await start(newDatabase)
      await using other = await given.database.open({ role: 'cli' })
      const before = given.store.directory.rates()
      const rate = await other.rateBook.set(newRate())
      await seen(() => given.store.directory.rates() !== before)
      deepEqual(given.store.directory.rates(), [rate])
    })

    const bad: readonly [Partial<NewTokenRate>, RegExp][] = [
      [{ model: '' }, /model cannot be ""/],
      [{ model: 'a b' }, /model cannot be "a b": it should be 1 to 128 visible characters/],
      [{ from: '2026-02-30' }, /date cannot be "2026-02-30": it should be a day such as/],
      [{ input: -1n }, /input rate cannot be -1 nanocredits/],
      [{ cacheWrite: MOST_PER_TOKEN + 1n }, /cache write rate cannot be/],
      [{ minute: -1n }, /price of a minute cannot be -1 nanocredits/],
      [{ minute: MOST_PER_MINUTE + 1n }, /price of a minute cannot be/],
    ]
    for (const [over, message] of bad) {
      test(`refuses ${Object.keys(over)[0]} ${String(Object.values(over)[0])} and leaves nothing`, async () => {
        await using given = await start(newDatabase)
        await refused(given.store.rateBook.set(newRate(over)), message)
        deepEqual(await given.store.rateBook.rates(), [])
      })
    }
  })

  suite('rate book: settled calls', () => {
    test('shows calls that have a price, the oldest first, page by page', async () => {
      await using given = await start(newDatabase)
      const { rateBook } = given.store
      const parts = {
        cachedAudioTokens: 0,
        inputImageTokens: 0,
        cachedImageTokens: 0,
        outputAudioTokens: 0,
        audioMs: 0,
      }
      const usage = { ...USAGE, spoken: { inputAudioTokens: 5, ...parts } }
      const ids = [
        await settled(given, T0 + 1, { credits: 2n, usage, serviceTier: 'priority', message: true }),
        await settled(given, T0, { credits: 1n }),
        await settled(given, T0 + 1, { credits: 3n }),
      ]
      await settled(given, T0, { credits: 0n, rate: undefined, usage: { ...USAGE, inputTokens: 0 } })
      await given.store.ledger.open(newCall(given, T0), [], T0)
      const first = await rateBook.booked(ALL, undefined, 2)
      const second = await rateBook.booked(ALL, first.at(-1), 2)
      deepEqual(
        [...first, ...second].map(({ id }) => id),
        [ids[1], ids[0], ids[2]],
      )
      const { seq, ...call } = first[1] ?? { seq: 0 }
      ok(seq > 0)
      deepEqual(call, {
        id: ids[0],
        member: given.member.name,
        model: 'gpt-5.5',
        serviceTier: 'priority',
        usage,
        precision: 'exact',
        charging: 'tokens',
        message: true,
        startedAt: T0 + 1,
        endedAt: T0 + 6,
        credits: 2n,
        rate: 'fallback',
      })
      const own = { ...ALL, member: given.member.name }
      equal((await rateBook.booked({ ...own, from: T0, to: T0 + 1 }, undefined, 9)).length, 1)
      equal((await rateBook.booked({ ...ALL, from: T0 + 1 }, undefined, 9)).length, 2)
      equal((await rateBook.booked({ ...own, from: T0 + 2 }, undefined, 9)).length, 0)
      await refused(rateBook.booked({ ...ALL, member: 'nobody' }, undefined, 9), /no member "nobody"/)
    })

    test('puts another price on a call and on its windows, open and over, and keeps the old one', async () => {
      await using given = await start(newDatabase, 1_000_000n)
      const { rateBook, reports } = given.store
      const later = T0 + 6 * 3_600_000 // The 5-hour window of the first call is over then, the weekly one is not.
      const [first, second] = [
        await settled(given, T0, { credits: 40n }),
        await settled(given, later, { credits: 60n }),
      ]
      const to = { rate: 'gpt-new@always/admin-1' }
      equal(
        await rateBook.adjust(
          [
            { call: first, before: 40n, after: 25n, ...to },
            { call: second, before: 60n, after: 160n, ...to },
          ],
          REASON,
        ),
        2,
      )
      await exactTotals(given)
      deepEqual(
        (await given.database.totals()).map(({ running }) => running).toSorted((a, b) => Number(a - b)),
        [25n, 160n, 185n],
      )
      equal((await reports.usage(0, T0 * 2))[0]?.credits, 185n)
      deepEqual(
        (await rateBook.booked(ALL, undefined, 9)).map(({ credits, rate }) => [credits, rate]),
        [
          [25n, to.rate],
          [160n, to.rate],
        ],
      )
      const kept = given.database.query('SELECT * FROM adjustments ORDER BY id')
      deepEqual(
        kept.map((row) => ({ ...row, id: 0n })),
        [
          [first, 40n, 25n],
          [second, 60n, 160n],
        ].map(([call, was, is]) => ({
          id: 0n,
          call,
          old_credits: was,
          new_credits: is,
          old_rate: 'fallback',
          new_rate: to.rate,
          adjusted_by: 'root',
          adjusted_at: BigInt(T0),
          reason: 'test',
        })),
      )
    })

    test('changes nothing twice, and nothing that is not as it was found', async () => {
      await using given = await start(newDatabase)
      const { rateBook, ledger } = given.store
      const call = await settled(given, T0, { credits: 40n })
      const open = newCall(given, T0)
      await ledger.open(open, [], T0)
      const adjustment = { call, before: 40n, after: 25n, rate: 'x@always' }
      equal(await rateBook.adjust([adjustment, adjustment], REASON), 1)
      equal(await rateBook.adjust([adjustment], REASON), 0)
      equal(await rateBook.adjust([{ ...adjustment, before: 25n }], REASON), 0)
      equal(await rateBook.adjust([{ ...adjustment, call: open.id, before: 0n }], REASON), 0)
      equal(await rateBook.adjust([{ ...adjustment, call: 'nothing' as CallId }], REASON), 0)
      equal(given.database.query('SELECT * FROM adjustments').length, 1)
      await exactTotals(given)
    })

    test('tells which service tiers were used, where they matter to the price', async () => {
      await using given = await start(newDatabase)
      await settled(given, T0 - 1, { serviceTier: 'flex' })
      for (const serviceTier of ['scale', 'scale', 'default', undefined]) await settled(given, T0, { serviceTier })
      await settled(given, T0, { serviceTier: 'scale', charging: 'message', message: true })
      await settled(given, T0, { serviceTier: 'scale', rate: undefined })
      deepEqual(await given.store.rateBook.byTier(T0), [
        { model: 'gpt-5.5', tier: 'default', calls: 1 },
        { model: 'gpt-5.5', tier: 'scale', calls: 2 },
      ])
    })

    test('tells which models the fallback priced, and since when', async () => {
      await using given = await start(newDatabase)
      await settled(given, T0 - 1, { credits: 1n })
      await settled(given, T0, { credits: 2n })
      await settled(given, T0 + 1, { credits: 3n })
      await settled(given, T0 + 1, { credits: 3n, rate: 'gpt-5.5@2026-04-23' })
      const { rateBook, ledger } = given.store
      // One that still runs has no price yet.
      await ledger.open(newCall(given, T0 + 1, { rate: 'fallback' }), [], T0 + 1)
      const use = {
        model: 'gpt-5.5',
        charging: 'tokens',
        byLength: false,
        calls: 2,
        credits: 5n,
        lastAt: T0 + 1,
      } as const
      deepEqual(await rateBook.byFallback(T0), [use])
      await settled(given, T0 + 1, { credits: 7n, charging: 'message', message: true })
      const message = {
        model: 'gpt-5.5',
        charging: 'message',
        byLength: false,
        calls: 1,
        credits: 7n,
        lastAt: T0 + 1,
      } as const
      deepEqual(await rateBook.byFallback(T0), [use, message])
      deepEqual(await rateBook.byFallback(T0 + 2), [])
      await settled(given, T0 + 2, { credits: 0n, usage: { ...NO_USAGE, spoken: { ...SILENCE, audioMs: 1 } } })
      deepEqual(await rateBook.byFallback(T0 + 2), [{ ...use, byLength: true, calls: 1, credits: 0n, lastAt: T0 + 2 }])
    })
  })
}
