import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { Store } from '../../src/adapters/store/store.ts'
import { DAY_MS, HOUR_MS } from '../../src/core/calendar.ts'
import type { CallKind } from '../../src/core/intent.ts'
import type { CallId } from '../../src/core/units.ts'
import type { Precision } from '../../src/core/usage.ts'
import type { Ending, OpenCall, UsageDimension, UsageSum } from '../../src/ports.ts'
import {
  newCall,
  newEntry,
  populate,
  T0,
  type Database,
  type NewDatabase,
  type SettledCall,
  type World,
} from './bench.ts'

/** The hour and a half before and after the turns of a day, a month and a year, and some in between. */
const INSTANTS = ['2028-01-01', '2028-01-02', '2028-02-01', '2028-03-01', '2028-03-09', '2029-01-01'].flatMap((day) =>
  [-5_400_000, -1, 0, 1, HOUR_MS, 5_400_000].map((offset) => Date.parse(`${day}T00:00:00Z`) + offset),
)
const HOURS = [...new Set(INSTANTS.map((at) => at - (at % HOUR_MS)))]

const DIMENSIONS: readonly UsageDimension[] = ['member', 'key', 'model', 'upstream', 'kind', 'day', 'hour']

interface Call {
  readonly do: 'settle' | 'leave open' | 'refuse' | 'refuse late'
  readonly who: number
  readonly via: number
  readonly at: number
  readonly model: string | undefined
  readonly kind: CallKind
  readonly attempted: boolean
  readonly tokens: number
  readonly precision: Precision
  readonly ending: Ending
  readonly turnId: string | undefined
  readonly twice: boolean
  /** Its price when it is priced again, once it is settled. */
  readonly repriced: bigint | undefined
}

type Step = Call | { readonly do: 'die' }

/** What may happen to a ledger. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom<Call['do']>('settle', 'settle', 'settle', 'settle', 'leave open', 'refuse', 'refuse late'),
      who: fc.nat(2),
      via: fc.nat(3),
      at: fc.constantFrom(...INSTANTS),
      model: fc.constantFrom('gpt-5.5', 'gpt-5.4', undefined),
      kind: fc.constantFrom<CallKind>('turn', 'compaction', 'prewarm', 'search'),
      attempted: fc.boolean(),
      tokens: fc.nat(1000),
      precision: fc.constantFrom<Precision>('exact', 'estimated', 'unknown'),
      ending: fc.constantFrom<Ending>('complete', 'client-left', 'upstream-broke', 'upstream-failed', 'refused'),
      turnId: fc.constantFrom('one', 'two', undefined),
      twice: fc.boolean(),
      repriced: fc.option(fc.bigInt(0n, 9000n), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('die' as const) }) },
)

const question = fc.record({
  by: fc.subarray([...DIMENSIONS]),
  from: fc.constantFrom(0, ...HOURS),
  to: fc.constantFrom(...HOURS, Date.parse('2030-01-01T00:00:00Z')),
})

/** Random histories, through deaths, against sums over the calls themselves. */
export function rollupsModel(newDatabase: NewDatabase): void {
  suite('sums: any history', () => {
    test('are those of the calls that were settled, by anything and over any time', async () => {
      await using database = await newDatabase()
      await using house = await House.open(database)
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { maxLength: 25 }),
          fc.array(question, { minLength: 5 }),
          async (history, asked) => {
            for (const one of history) await house.take(one)
            const calls = await database.settled()
            for (const { by, from, to } of asked) {
              const sums = await house.store.reports.usageBy({ from, to, by })
              deepEqual(sums.map(numbers), expected(calls, from, to, by), JSON.stringify({ by, from, to }))
            }
          },
        ),
        { numRuns: 40 },
      )
      // The finest sums are right; so are the coarser ones where every stretch is a whole one.
      const calls = await database.settled()
      const everything = { from: 0, to: Date.parse('2030-01-01T00:00:00Z') }
      for (const by of [[], ['member'], ['model', 'kind'], DIMENSIONS, ['day'], ['day', 'key'], ['day', 'upstream']]) {
        const asked = by as readonly UsageDimension[]
        const sums = await house.store.reports.usageBy({ ...everything, by: asked })
        deepEqual(sums.map(numbers), expected(calls, everything.from, everything.to, asked), by.join())
      }
    })

    test('count WebSockets where they began, once, and their messages once they have ended', async () => {
      await using database = await newDatabase()
      await using house = await House.open(database)
      const { member, key } = house.worlds[0] ?? (await populate(house.store))
      const began = Date.parse('2028-01-31T23:30:00Z')
      const begin = async (id: string): Promise<void> => {
        const facts = {
          member: member.id,
          key: key.id,
          path: '/v1/responses',
          sessionId: undefined,
          threadId: undefined,
        }
        await house.store.ledger.connected({ id: id as CallId, ...facts, upstream: undefined, startedAt: began })
      }
      const end = async (id: string): Promise<void> => {
        const counts = { clientMessages: 3, upstreamMessages: 40 }
        const how = { upstream: undefined, endedAt: began + DAY_MS, reason: 'idle', code: 1000 }
        await house.store.ledger.disconnected({ id: id as CallId, ...how, ...counts })
      }
      for (const id of ['a', 'a', 'b', 'c']) await begin(id)
      for (const id of ['a', 'a', 'b']) await end(id)
      // A member who only ever connected has used nothing yet.
      const day = Date.parse('2028-01-31T00:00:00Z')
      deepEqual(await house.store.reports.usage(day, day + DAY_MS), [])
      await house.take({ ...SOME_CALL, at: began })
      for (const [from, to, count] of [
        [day, day + DAY_MS, 3],
        [day + 23 * HOUR_MS, day + DAY_MS, 3],
        [day + DAY_MS, day + 2 * DAY_MS, undefined],
      ] as const) {
        const [usage] = await house.store.reports.usage(from, to)
        const found = usage && [usage.wsConnections, usage.wsClientMessages, usage.wsUpstreamMessages]
        deepEqual(found, count && [count, 6, 80])
      }
    })
  })
}

const SOME_CALL: Call = {
  do: 'settle',
  who: 0,
  via: 0,
  at: T0,
  model: undefined,
  kind: 'turn',
  attempted: false,
  tokens: 1,
  precision: 'exact',
  ending: 'complete',
  turnId: undefined,
  twice: false,
  repriced: undefined,
}

/** A store with three members, that may die and come back. */
export class House implements AsyncDisposable {
  readonly #database: Database
  store: Store
  readonly worlds: World[] = []

  private constructor(database: Database, store: Store) {
    this.#database = database
    this.store = store
  }

  static async open(database: Database): Promise<House> {
    const house = new House(database, await database.open({ now: () => T0 }))
    for (let i = 0; i < 3; i += 1) house.worlds.push(await populate(house.store, { fiveHourQuota: 0n }))
    return house
  }

  async take(one: Step): Promise<void> {
    if (!('who' in one)) {
      // What is open is settled as interrupted by the next instance.
      await this.store.close()
      this.store = await this.#database.open({ now: () => T0 })
      return
    }
    const world = this.worlds[one.who] ?? (await populate(this.store))
    const facts = { model: one.model, kind: one.kind, turnId: one.turnId }
    const call = newCall(world, one.at, facts)
    if (one.do === 'refuse') return await this.#refuse(call)
    equal((await this.store.ledger.open(call, [], one.at)).state, 'admitted')
    if (one.attempted) await this.store.ledger.attempt(call.id, world.upstream.id, one.at)
    if (one.do === 'refuse late') return await this.#refuse(call)
    if (one.do === 'settle') await this.#settle(call, one)
  }

  async #settle(call: OpenCall, one: Call): Promise<void> {
    const { tokens, precision, ending } = one
    const usage = {
      inputTokens: 4 * tokens,
      cachedInputTokens: 2 * tokens,
      cacheWriteTokens: tokens,
      outputTokens: 3 * tokens,
      reasoningTokens: tokens,
    }
    const upstream = this.worlds[one.via]?.upstream.id
    const credits = BigInt(tokens) * 7n
    const entry = newEntry(call.id, one.at + 90_000, { usage, precision, ending, upstream, credits, message: true })
    for (let times = one.twice ? 2 : 1; times > 0; times -= 1) await this.store.ledger.settle(entry)
    if (one.repriced === undefined) return
    const adjustment = { call: call.id, before: credits, after: one.repriced, rate: 'new' }
    await this.store.rateBook.adjust([adjustment], { who: 'root', why: 'test' })
  }

  async #refuse(call: OpenCall): Promise<void> {
    const { hold: _, windows: __, opensWindows: ___, ...facts } = call
    await this.store.ledger.refuse({ ...facts, requestId: 'r', status: 429, refusal: 'x', endedAt: call.startedAt + 1 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close()
  }
}

type Numbers = readonly (string | number | bigint | undefined)[]

function numbers(sum: UsageSum): Numbers {
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens } = sum
  const tokens = [inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens]
  const group = [sum.member, sum.key, sum.model, sum.upstream, sum.kind, sum.at]
  return [...group, sum.requests, sum.messages, sum.inexact, ...tokens, sum.credits]
}

/** The same, the plain way. */
function expected(
  calls: readonly SettledCall[],
  from: number,
  to: number,
  by: readonly UsageDimension[],
): readonly Numbers[] {
  const length = by.includes('hour') ? HOUR_MS : DAY_MS
  const groups = new Map<string, { of: Numbers; sums: number[]; credits: bigint }>()
  for (const call of calls) {
    const startedAt = Number(call['started_at'])
    if (startedAt < from || startedAt >= to) continue
    const name = (dimension: UsageDimension, column: string): string | undefined => {
      const value = call[column]
      return by.includes(dimension) && typeof value === 'string' ? value : undefined
    }
    const of = [
      name('member', 'member_name'),
      name('key', 'prefix'),
      name('model', 'model'),
      name('upstream', 'upstream_name'),
      name('kind', 'kind'),
      by.includes('day') || by.includes('hour') ? startedAt - (startedAt % length) : undefined,
    ]
    const key = JSON.stringify(of)
    const group = groups.get(key) ?? { of, sums: [0, 0, 0, 0, 0, 0, 0, 0], credits: 0n }
    const columns = ['input', 'cached_input', 'cache_write', 'output', 'reasoning'].map((part) => `${part}_tokens`)
    const parts = [1, Number(call['messages']), call['precision'] === 'exact' ? 0 : 1]
    for (const [i, part] of [...parts, ...columns.map((column) => Number(call[column]))].entries()) {
      group.sums[i] = (group.sums[i] ?? 0) + part
    }
    group.credits += BigInt(String(call['credits']))
    groups.set(key, group)
  }
  const place = { member: 0, key: 1, model: 2, upstream: 3, kind: 4, day: 5, hour: 5 } as const
  return [...groups.values()]
    .sort((one, other) => {
      for (const dimension of by) {
        const [a, b] = [one.of[place[dimension]] ?? '', other.of[place[dimension]] ?? '']
        if (a !== b) return a < b ? -1 : 1
      }
      return 0
    })
    .map(({ of, sums, credits }) => [...of, ...sums, credits])
}
