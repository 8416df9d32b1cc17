import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { DAY_MS, FIVE_HOURS_MS, MONTH_MS, WEEK_MS } from '../../src/core/quota.ts'
import type { NewMember, Verdict } from '../../src/ports.ts'
import { newCall, newEntry, populate, T0, windowsOf, type NewDatabase, type World } from './bench.ts'
import { LENGTHS, LIMITS, MINUTE, NAMES, shown, Spent } from './spent.ts'
import type { Store } from '../../src/adapters/store/store.ts'

const ROLLING = { quotaWindow: 'rolling', fiveHourQuota: 100n, weeklyQuota: 0n } as const

interface Given extends World, AsyncDisposable {
  readonly store: Store
}

async function start(newDatabase: NewDatabase, over: Partial<NewMember> = {}): Promise<Given> {
  const database = await newDatabase()
  const store = await database.open({ role: 'cli', now: () => T0 })
  const world = await populate(store, { ...ROLLING, ...over })
  const end = async (): Promise<void> => {
    await store.close()
    await database[Symbol.asyncDispose]()
  }
  return { ...world, store, [Symbol.asyncDispose]: end }
}

async function spend(given: Given, at: number, credits: bigint): Promise<Verdict> {
  const call = newCall(given, at)
  const verdict = await given.store.ledger.open(call, [], at)
  if (verdict.state === 'admitted') await given.store.ledger.settle(newEntry(call.id, at, { credits }))
  return verdict
}

const steps = fc.array(
  fc.record({
    credits: fc.bigInt(0n, 60n),
    waitMs: fc.constantFrom(0, 1, 59_999, MINUTE, 7 * MINUTE, 3_600_000, FIVE_HOURS_MS, DAY_MS, WEEK_MS, 40 * DAY_MS),
  }),
  { maxLength: 40 },
)

/** Windows that roll. */
export function rollingContract(newDatabase: NewDatabase): void {
  suite('ledger: windows that roll', () => {
    test('hold what was spent in the time before now, and a refusal names the moment at which there is room', async () => {
      await using given = await start(newDatabase)
      await spend(given, T0, 30n)
      await spend(given, T0 + 3_600_000, 80n)
      const refused = await spend(given, T0 + 2 * 3_600_000, 1n)
      equal(refused.state, 'spent')
      const window = refused.state === 'spent' ? refused.window : undefined
      deepEqual([window?.name, window?.settled, window?.openedAt], ['5h', 110n, undefined])
      const room = T0 + MINUTE + FIVE_HOURS_MS
      equal(window?.resetsAt, room)
      equal((await spend(given, room - 1, 1n)).state, 'spent')
      const after = await spend(given, room, 1n)
      deepEqual([after.state, after.standing.windows[0]?.settled], ['admitted', 80n])
    })

    test('answer as a list of all that was spent would, in any history', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role: 'cli', now: () => T0 })
      let now = T0
      await fc.assert(
        fc.asyncProperty(steps, async (history) => {
          const given = { ...(await populate(store, { ...ROLLING, ...LIMITS })), store }
          const spent = new Spent()
          for (const { credits, waitMs } of history) {
            now += waitMs
            const at = now
            const standing = await store.ledger.standing(given.member.id, windowsOf(given.member), at)
            const list = spent.standing(at)
            deepEqual(shown(standing), list)
            const call = newCall(given, at)
            const verdict = await store.ledger.open(call, [], at)
            const isSpent = list.some(({ resetsAt }) => resetsAt !== undefined)
            equal(verdict.state, isSpent ? 'spent' : 'admitted')
            if (isSpent) continue
            await store.ledger.settle(newEntry(call.id, at, { credits }))
            spent.add(at, credits)
          }
        }),
        { numRuns: 60 },
      )
    })

    test('count every hold, however long its call runs', async () => {
      await using given = await start(newDatabase)
      const held = [{ credits: 100n, admittedAt: 0 }]
      const verdict = await given.store.ledger.open(newCall(given, T0), held, T0)
      equal(verdict.state, 'held')
    })

    test('are emptied by a reset, and filled by calls that settle after it', async () => {
      await using given = await start(newDatabase)
      const { ledger, quotas } = given.store
      await spend(given, T0, 120n)
      const running = newCall(given, T0)
      await ledger.open({ ...running, unasked: true }, [], T0)
      const by = { member: given.member.name, who: 'root', why: undefined }
      const [made] = await quotas.reset({ ...by, window: '5h' })
      deepEqual([made?.credits, made?.until], [120n, undefined])
      deepEqual(await quotas.reset({ ...by, window: 'daily' }), [], 'there is no such window')
      const { windows } = await ledger.settle(newEntry(running.id, T0, { credits: 7n }))
      deepEqual(
        windows.map(({ name, settled }) => [name, settled]),
        [
          ['5h', 7n],
          ['weekly', 127n],
        ],
      )
      equal((await spend(given, T0 + 1, 5n)).state, 'admitted')
      equal((await spend(given, T0 + FIVE_HOURS_MS, 1n)).standing.windows[0]?.settled, 12n)
      equal((await spend(given, T0 + FIVE_HOURS_MS + 2 * MINUTE, 1n)).standing.windows[0]?.settled, 1n)
    })

    test('follow calls that are priced again, as if they had cost that all along', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role: 'cli', now: () => T0 })
      const repriced = fc.array(
        fc.record({
          before: fc.bigInt(0n, 60n),
          after: fc.bigInt(0n, 60n),
          wait: fc.constantFrom(0, MINUTE, DAY_MS, WEEK_MS),
        }),
        { minLength: 1, maxLength: 12 },
      )
      let now = T0
      await fc.assert(
        fc.asyncProperty(repriced, async (history) => {
          now += 2 * MONTH_MS
          const limits = { fiveHourQuota: 0n, dailyQuota: 10n ** 9n, monthlyQuota: 10n ** 9n }
          const given = { ...(await populate(store, { ...ROLLING, ...limits })), store }
          const spent = new Spent()
          const adjustments = []
          for (const { before, after, wait } of history) {
            now += wait
            const call = newCall(given, now)
            await store.ledger.open(call, [], now)
            await store.ledger.settle(newEntry(call.id, now, { credits: before, rate: 'old' }))
            adjustments.push({ call: call.id, before, after, rate: 'new' })
            spent.add(now, after)
          }
          equal(await store.rateBook.adjust(adjustments, { who: 'root', why: 'test' }), history.length)
          for (const wait of [0, 2 * MINUTE, DAY_MS, WEEK_MS]) {
            const { windows } = await store.ledger.standing(given.member.id, windowsOf(given.member), now + wait)
            deepEqual(
              windows.map(({ settled }) => settled),
              LENGTHS.map((length) => spent.within(length, now + wait)),
            )
          }
        }),
        { numRuns: 40 },
      )
    })

    test('keep behind a reset what was priced again and stood behind it', async () => {
      await using given = await start(newDatabase)
      const call = newCall(given, T0 - 1)
      await given.store.ledger.open(call, [], T0 - 1)
      await given.store.ledger.settle(newEntry(call.id, T0 - 1, { credits: 50n, rate: 'old' }))
      await given.store.quotas.reset({ member: given.member.name, who: 'root', why: undefined, window: '5h' })
      await spend(given, T0 + 1, 7n)
      for (const [before, after] of [
        [50n, 20n],
        [20n, 90n],
      ] as const) {
        await given.store.rateBook.adjust([{ call: call.id, before, after, rate: `of ${after}` }], {
          who: 'root',
          why: 'test',
        })
        const { windows } = await given.store.ledger.standing(given.member.id, windowsOf(given.member), T0 + 2)
        deepEqual(
          windows.map(({ settled }) => settled),
          [7n, after + 7n],
        )
      }
    })

    test('take a grant for their length, and show since when there is spend in them', async () => {
      await using given = await start(newDatabase)
      await spend(given, T0, 40n)
      await spend(given, T0 + 3_600_000, 40n)
      const member = given.member.name
      const wish = { member, window: '5h', who: 'root', why: undefined, credits: 20n, until: undefined } as const
      const [made] = await given.store.quotas.grant(wish)
      equal((made?.until ?? 0) - (made?.at ?? 0), FIVE_HOURS_MS)
      const [window] = (await given.store.quotas.view(member)).windows
      deepEqual([window?.limit, window?.since, window?.rolling], [120n, T0 - (T0 % MINUTE), true])
    })

    test('go on with what was spent when a member is moved from one kind to the other', async () => {
      await using given = await start(newDatabase, { quotaWindow: undefined })
      const { registry } = given.store
      await spend(given, T0, 40n)
      for (const quotaWindow of ['rolling', 'anchored', undefined] as const) {
        const member = await registry.setMember(given.member.name, { quotaWindow })
        equal(member.quotaWindow, quotaWindow)
        const { windows } = await given.store.ledger.standing(member.id, windowsOf(member), T0 + 1)
        equal(windows[0]?.settled, 40n)
        equal(windows[0]?.rolling ?? false, quotaWindow === 'rolling')
      }
    })
  })

  suite('ledger: windows of a day and a month', () => {
    test('are judged, counted, refused after all and shown like the others', async () => {
      await using given = await start(newDatabase, {
        quotaWindow: undefined,
        fiveHourQuota: 0n,
        dailyQuota: 100n,
        monthlyQuota: 150n,
      })
      const refused = newCall(given, T0)
      await given.store.ledger.open(refused, [], T0)
      const none = await given.store.ledger.settle(newEntry(refused.id, T0, { ending: 'refused' }))
      deepEqual(
        none.windows.map(({ name, openedAt }) => [name, openedAt]),
        NAMES.map((name) => [name, undefined]),
      )
      await spend(given, T0 + 1, 100n)
      const daily = await spend(given, T0 + 2, 1n)
      deepEqual(daily.state === 'spent' && [daily.window.name, daily.window.resetsAt], ['daily', T0 + 1 + DAY_MS])
      await spend(given, T0 + 1 + DAY_MS, 50n)
      const monthly = await spend(given, T0 + 2 + DAY_MS, 1n)
      deepEqual(monthly.state === 'spent' && [monthly.window.name, monthly.window.resetsAt], [
        'monthly',
        T0 + 1 + MONTH_MS,
      ])
    })
  })
}
