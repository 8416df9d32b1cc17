import { deepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { DAY_MS, HOUR_MS } from '../../src/core/calendar.ts'
import type { CallId } from '../../src/core/units.ts'
import { usdOf } from '../../src/core/usd.ts'
import type { UsageDimension, UsageSum } from '../../src/ports.ts'
import { populate, T0, type NewDatabase, type SettledCall } from './bench.ts'
import { House, INSTANTS, step, type Call } from './rollups-house.ts'

const HOURS = [...new Set(INSTANTS.map((at) => at - (at % HOUR_MS)))]

const DIMENSIONS: readonly UsageDimension[] = ['member', 'key', 'model', 'upstream', 'kind', 'day', 'hour']

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
  askedTier: undefined,
  usedTier: undefined,
  kind: 'turn',
  attempted: false,
  tokens: 1,
  spoken: false,
  precision: 'exact',
  ending: 'complete',
  turnId: undefined,
  twice: false,
  repriced: undefined,
}

type Numbers = readonly (string | number | bigint | undefined)[]

function numbers(sum: UsageSum): Numbers {
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens } = sum
  const tokens = [inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens]
  const group = [sum.member, sum.key, sum.model, sum.upstream, sum.kind, sum.at]
  return [...group, sum.requests, sum.messages, sum.inexact, sum.unpriced, ...tokens, sum.credits, sum.usd]
}

/** The same, the plain way. */
function expected(
  calls: readonly SettledCall[],
  from: number,
  to: number,
  by: readonly UsageDimension[],
): readonly Numbers[] {
  const length = by.includes('hour') ? HOUR_MS : DAY_MS
  const groups = new Map<string, { of: Numbers; sums: number[]; credits: bigint; usd: bigint }>()
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
    const group = groups.get(key) ?? { of, sums: [0, 0, 0, 0, 0, 0, 0, 0, 0], credits: 0n, usd: 0n }
    const columns = ['input', 'cached_input', 'cache_write', 'output', 'reasoning'].map((part) => `${part}_tokens`)
    const { usd, unpriced } = moneyOf(call)
    const parts = [1, Number(call['messages']), call['precision'] === 'exact' ? 0 : 1, unpriced ? 1 : 0]
    for (const [i, part] of [...parts, ...columns.map((column) => Number(call[column]))].entries()) {
      group.sums[i] = (group.sums[i] ?? 0) + part
    }
    group.credits += BigInt(String(call['credits']))
    group.usd += usd
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
    .map(({ of, sums, credits, usd }) => [...of, ...sums, credits, usd])
}

/** What the API charges for a row of `calls`, and whether it may have cost what nobody knows. */
function moneyOf(call: SettledCall): { readonly usd: bigint; readonly unpriced: boolean } {
  const count = (column: string): number => Number(call[column])
  const name = (column: string): string | undefined => {
    const value = call[column]
    return typeof value === 'string' ? value : undefined
  }
  const usage = {
    inputTokens: count('input_tokens'),
    cachedInputTokens: count('cached_input_tokens'),
    cacheWriteTokens: count('cache_write_tokens'),
    outputTokens: count('output_tokens'),
    reasoningTokens: count('reasoning_tokens'),
    spoken: {
      inputAudioTokens: count('input_audio_tokens'),
      cachedAudioTokens: count('cached_audio_tokens'),
      inputImageTokens: count('input_image_tokens'),
      cachedImageTokens: count('cached_image_tokens'),
      outputAudioTokens: count('output_audio_tokens'),
      audioMs: count('audio_ms'),
    },
  }
  if (usage.inputTokens === 0) return { usd: 0n, unpriced: call['precision'] !== 'exact' }
  const tier = name('service_tier') ?? name('asked_tier')
  const usd = usdOf(usage, name('model') ?? '', tier, count('ended_at'))
  return { usd: usd ?? 0n, unpriced: usd === undefined }
}
