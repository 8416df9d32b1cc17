import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { DAY_MS, FIVE_HOURS_MS, NO_RULES, WEEK_MS } from '../../src/core/quota.ts'
import type { CallId } from '../../src/core/units.ts'
import { newCall, newEntry, populate, T0, type World } from './bench.ts'
import { becomeKnown, byJournal, newestIn, open, spend, startFront, totalsAreExact } from './front-kit.ts'
import { LIMITS, MINUTE, shown, Spent } from './spent.ts'
import { sqliteDatabase } from './sqlite-database.ts'
import type { Store } from '../../src/adapters/store/store.ts'

const ROLLING = { quotaWindow: 'rolling', ...LIMITS } as const
const HOUR_MS = 3_600_000

interface Settling {
  readonly do: 'settle'
  readonly which: number
  readonly credits: bigint
}

type Step = { readonly do: 'open' | 'rest' } | Settling | { readonly do: 'wait'; readonly ms: number }

const waits = fc.constantFrom(1, 59_999, MINUTE, 7 * MINUTE, HOUR_MS - 1, HOUR_MS, FIVE_HOURS_MS, DAY_MS, WEEK_MS)
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('open' as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat(20), credits: fc.bigInt(0n, 40n) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('rest' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: waits }) },
  ),
  { maxLength: 50, size: 'max' },
)

/** A member of a serving store beside the list of all that it has spent. */
class Compared {
  now: number
  readonly #store: Store
  readonly #world: World
  readonly #open: CallId[] = []
  readonly #spent = new Spent()

  constructor(store: Store, world: World, now: number) {
    this.#store = store
    this.#world = world
    this.now = now
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'wait') this.now += step.ms
    else if (step.do === 'rest') await this.#store.ledger.probe()
    else if (step.do === 'settle') await this.#settles(step)
    else await this.#opens()
  }

  async #opens(): Promise<void> {
    const call = newCall(this.#world, this.now)
    const verdict = await this.#store.ledger.open(call, [], this.now)
    const list = this.#spent.standing(this.now)
    equal(verdict.state, list.some(({ resetsAt }) => resetsAt !== undefined) ? 'spent' : 'admitted')
    deepEqual(shown(verdict.standing), list)
    if (verdict.state === 'admitted') this.#open.push(call.id)
  }

  async #settles({ which, credits }: Settling): Promise<void> {
    const [call] = this.#open.splice(which % Math.max(1, this.#open.length), 1)
    if (!call) return
    const standing = await this.#store.ledger.settle(newEntry(call, this.now, { credits }))
    this.#spent.add(this.now, credits)
    deepEqual(shown(standing), this.#spent.standing(this.now))
  }
}

suite('sqlite: windows that roll, of calls that go by the journal', () => {
  test('answer as a list of all that was spent would, in any history', async () => {
    await using database = await sqliteDatabase()
    await using store = await database.open({ role: 'serve', now: () => T0 })
    let now = T0
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        const compared = new Compared(store, await populate(store, ROLLING), now)
        for (const step of history) await compared.take(step)
        now = compared.now
      }),
      { numRuns: 150 },
    )
    await store.ledger.probe()
    for (const { running, summed } of await database.totals()) equal(running, summed)
    const [{ calls } = {}] = database.query('SELECT COUNT(*) AS calls FROM calls')
    const records = newestIn(database.path)
    ok(records > Number(calls) / 4, `${records} records of ${Number(calls)} calls went by the journal`)
  })

  test('are judged and charged without the database for an hour, and then read again', async () => {
    await using front = await startFront({ member: ROLLING })
    const { ledger } = front.store
    await byJournal(front, 2, () => spend(front, 30n))
    const later = T0 + HOUR_MS
    const last = newCall(front, later)
    await byJournal(front, 1, () => ledger.open(last, [], later))
    const next = newCall(front, later + 1)
    await byJournal(front, 0, () => ledger.open(next, [], later + 1))
    await becomeKnown(front.store, front, front.database.path, later + 1)
    await byJournal(front, 1, () => ledger.settle(newEntry(last.id, later + 1, { credits: 20n })))
    // It reaches the limit: when it will have room again only the database knows.
    const { windows } = await byJournal(front, 0, () => ledger.settle(newEntry(next.id, later + 2, { credits: 50n })))
    deepEqual([windows[0]?.settled, windows[0]?.resetsAt], [100n, T0 - (T0 % MINUTE) + MINUTE + FIVE_HOURS_MS])
    await ledger.probe()
    await totalsAreExact(front)
  })

  test('tell of a threshold once, and go by the journal again after it', async () => {
    const quota = { ...NO_RULES, warnAt: [50] }
    await using front = await startFront({ member: ROLLING, quota })
    const { warnings } = await spend(front, 60n)
    deepEqual(
      warnings?.map(({ percent }) => percent),
      [50],
    )
    const calls = [await open(front), await open(front)]
    for (const { call } of calls) {
      await front.store.ledger.probe()
      await byJournal(front, 1, () => front.store.ledger.settle(newEntry(call.id, T0, { credits: 1n })))
    }
  })

  test('are emptied by a reset for the very next call', async () => {
    await using front = await startFront({ member: ROLLING })
    await spend(front, 60n)
    await front.store.quotas.reset({ member: front.member.name, window: '5h', who: 'root', why: undefined })
    equal((await open(front)).verdict.standing.windows[0]?.settled, 0n)
    await becomeKnown(front.store, front, front.database.path)
    const { windows } = await byJournal(front, 2, () => spend(front, 7n))
    deepEqual(
      windows.map(({ settled }) => settled),
      [7n, 67n, 67n, 67n],
    )
  })
})
