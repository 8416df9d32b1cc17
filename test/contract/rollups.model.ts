import { deepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { DAY_MS, HOUR_MS } from '../../src/core/calendar.ts'
import type { CallId } from '../../src/core/units.ts'
import type { UsageDimension } from '../../src/ports.ts'
import { populate, T0, type NewDatabase } from './bench.ts'
import { House, step, type Call } from './rollups-house.ts'
import { DIMENSIONS, expected, numbers, question } from './rollups-truth.ts'

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
      // Read as the whole day, less the hour in which they began.
      await house.take({ ...SOME_CALL, at: day })
      const [early] = await house.store.reports.usage(day, day + 23 * HOUR_MS)
      const { requests, wsConnections, wsClientMessages, wsUpstreamMessages } = early ?? {}
      deepEqual([requests, wsConnections, wsClientMessages, wsUpstreamMessages], [1, 0, 0, 0])
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
