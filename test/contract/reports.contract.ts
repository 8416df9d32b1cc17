import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { HOUR_MS } from '../../src/core/calendar.ts'
import type { CallId } from '../../src/core/units.ts'
import { newCall, newEntry, populate, T0, type NewDatabase } from './bench.ts'

/** What every Reports keeps to. */
export function reportsContract(newDatabase: NewDatabase): void {
  suite('reports', () => {
    test('sums the settled calls of a stretch of time per member, by name', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ now: () => T0 })
      const worlds = [await populate(store, { name: 'zoe' }), await populate(store, { name: 'ann' })]
      await populate(store, { name: 'idle' })
      const usage = { inputTokens: 10, cachedInputTokens: 4, cacheWriteTokens: 1, outputTokens: 3, reasoningTokens: 2 }
      for (const world of worlds) {
        for (const at of [T0 - 1, T0, T0 + HOUR_MS - 1, T0 + HOUR_MS]) {
          const call = newCall(world, at)
          await store.ledger.open(call, [], at)
          await store.ledger.settle(newEntry(call.id, at + 5, { usage, credits: 7n, message: true }))
        }
        await store.ledger.open(newCall(world, T0 + 1), [], T0 + 1)
      }
      const sums = {
        credits: 14n,
        inputTokens: 20,
        cachedInputTokens: 8,
        outputTokens: 6,
        totalTokens: 26,
        requests: 2,
        messages: 2,
        wsConnections: 0,
        wsClientMessages: 0,
        wsUpstreamMessages: 0,
        // Of each of the two calls, in nano-dollars: 6 uncached at 5,000, 4 cached at 500, 3 of output at 30,000.
        usd: 244_000n,
        unpriced: 0,
      }
      deepEqual(await store.reports.usage(T0, T0 + HOUR_MS), [
        { name: 'ann', ...sums },
        { name: 'zoe', ...sums },
      ])
    })

    test('shows all of a call, newest first', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ now: () => T0 })
      const world = await populate(store, { fiveHourQuota: 0n })
      const call = newCall(world, T0, { threadId: 't', sessionId: 's', serviceTier: 'auto', kind: 'compaction' })
      await store.ledger.open(call, [], T0)
      await store.ledger.attempt(call.id, world.upstream.id, T0)
      const usage = { inputTokens: 10, cachedInputTokens: 4, cacheWriteTokens: 1, outputTokens: 3, reasoningTokens: 2 }
      const settled = {
        upstream: world.upstream.id,
        responseId: 'resp_1',
        serviceTier: 'priority',
        precision: 'estimated',
        usage,
        credits: 9_007_199_254_740_993n,
      } as const
      const made = { upstream: world.upstream.id, status: 200, errorClass: undefined, sent: true, startedAt: T0 }
      const attempts = [{ ...made, durationMs: 250 }]
      await store.ledger.settle(newEntry(call.id, T0 + 250, { ...settled, attempts }))
      const open = newCall(world, T0 + 1)
      await store.ledger.open(open, [], T0 + 1)
      const [second, first] = await store.reports.calls({ member: undefined, limit: 10 })
      equal(second?.id, open.id)
      equal(second?.ending, undefined)
      equal(second?.durationMs, undefined)
      deepEqual(first, {
        id: call.id,
        requestId: `req_${call.id}`,
        member: world.member.name,
        keyPrefix: world.key.prefix,
        upstream: world.upstream.name,
        kind: 'compaction',
        transport: 'sse',
        path: '/v1/responses',
        model: 'gpt-5.5',
        serviceTier: 'priority',
        status: 200,
        ending: 'complete',
        refusal: undefined,
        wouldRefuse: undefined,
        precision: 'estimated',
        ...usage,
        credits: 9_007_199_254_740_993n,
        responseId: 'resp_1',
        threadId: 't',
        sessionId: 's',
        startedAt: T0,
        endedAt: T0 + 250,
        durationMs: 250,
        attempts: 1,
      })
    })

    test('shows as many calls as asked for, of one member where one is named', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ now: () => T0 })
      const [one, two] = [await populate(store), await populate(store)]
      for (const world of [one, two, one]) await store.ledger.open(newCall(world, T0), [], T0)
      equal((await store.reports.calls({ member: undefined, limit: 2 })).length, 2)
      const rows = await store.reports.calls({ member: one.member.name, limit: 9 })
      equal(rows.length, 2)
      ok(rows.every((row) => row.member === one.member.name))
    })

    test('shows WebSockets, newest first, and sums their messages', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ now: () => T0 })
      const [one, two] = [await populate(store, { name: 'one' }), await populate(store, { name: 'two' })]
      const begin = async ({ member, key }: typeof one, at: number): Promise<CallId> => {
        const { id } = newCall(one, at)
        const ids = { sessionId: 's', threadId: 't', upstream: undefined, path: '/v1/responses' }
        await store.ledger.connected({ id, member: member.id, key: key.id, ...ids, startedAt: at })
        return id
      }
      const [first, second, third] = [await begin(one, T0), await begin(two, T0 + 1), await begin(one, T0 + 2)]
      const counts = { clientMessages: 3, upstreamMessages: 40 }
      const closed = { upstream: one.upstream.id, endedAt: T0 + 9, reason: 'idle', code: 1000, ...counts }
      for (const id of [first, third]) await store.ledger.disconnected({ id, ...closed })
      const call = newCall(one, T0)
      await store.ledger.open(call, [], T0)
      await store.ledger.settle(newEntry(call.id, T0))
      const rows = await store.reports.connections({ member: undefined, limit: 2 })
      deepEqual(
        rows.map(({ id, endedAt, reason }) => [id, endedAt, reason]),
        [
          [third, T0 + 9, 'idle'],
          [second, undefined, undefined],
        ],
      )
      const [shown, ...rest] = await store.reports.connections({ member: 'one', limit: 9 })
      equal(rest.length, 1)
      deepEqual(shown, {
        id: third,
        member: 'one',
        keyPrefix: one.key.prefix,
        upstream: one.upstream.name,
        path: '/v1/responses',
        sessionId: 's',
        threadId: 't',
        startedAt: T0 + 2,
        endedAt: T0 + 9,
        reason: 'idle',
        code: 1000,
        ...counts,
      })
      const [usage] = await store.reports.usage(T0, T0 + HOUR_MS)
      deepEqual([usage?.wsConnections, usage?.wsClientMessages, usage?.wsUpstreamMessages], [2, 6, 80])
    })
  })
}
