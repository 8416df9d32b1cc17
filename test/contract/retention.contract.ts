import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { DAY_MS, HOUR_MS } from '../../src/core/calendar.ts'
import type { CallId } from '../../src/core/units.ts'
import { keepTidy } from '../../src/app-retention.ts'
import { newCall, newEntry, populate, silent, T0, type NewDatabase } from './bench.ts'
import { start, type Given } from './ledger-given.ts'

/** What every Retention keeps to. */
export function retentionContract(newDatabase: NewDatabase): void {
  suite('retention', () => {
    test('deletes what is old and has ended, in batches, and leaves the sums as they were', async () => {
      await using given = await start(newDatabase, 0n)
      const { reports, retention } = given.store
      for (let i = 0; i < 7; i += 1) await settled(given, T0 + i)
      await given.store.ledger.open(newCall(given, T0), [], T0)
      await settled(given, T0 + DAY_MS)
      for (const id of ['a', 'b', 'c']) await connected(given, id, T0)
      const asked = { from: T0, to: T0 + 2 * DAY_MS, by: ['member', 'day', 'model'] } as const
      const read = async () => [await reports.usage(asked.from, asked.to), await reports.usageBy(asked)]
      const before = await read()
      const cutoffs = { calls: T0 + 6, connections: undefined }
      deepEqual(await retention.prune(cutoffs, 4), { calls: 4, connections: 0 })
      deepEqual(
        (await reports.calls({ limit: 9 })).map(({ startedAt }) => startedAt - T0),
        [DAY_MS, 6, 5, 4, 0],
      )
      deepEqual(await retention.prune(cutoffs, 4), { calls: 2, connections: 0 })
      deepEqual(await retention.prune(cutoffs, 4), { calls: 0, connections: 0 })
      deepEqual(await retention.prune({ calls: undefined, connections: T0 + 1 }, 2), { calls: 0, connections: 2 })
      equal((await reports.connections({ member: undefined, limit: 9 })).length, 1)
      deepEqual(await read(), before)
    })

    test('can be told from the sums: how many calls of a span are gone, of whom, and until when', async () => {
      await using given = await start(newDatabase, 0n)
      const { reports, retention } = given.store
      const other = await populate(given.store)
      const hour = T0 - (T0 % HOUR_MS)
      await settled({ ...given, ...other }, hour + 20)
      for (const at of [hour, hour + 10, hour + HOUR_MS, hour + DAY_MS]) await settled(given, at)
      const [all, none] = [
        { from: 0, to: Number.MAX_SAFE_INTEGER, member: undefined },
        { calls: 0, before: 0 },
      ]
      deepEqual(await reports.pruned(all), none)
      await retention.prune({ calls: hour + 11, connections: undefined }, 100)
      deepEqual(await reports.pruned(all), { calls: 2, before: hour + HOUR_MS })
      deepEqual(await reports.pruned({ ...all, member: other.member.name }), none)
      await retention.prune({ calls: hour + 2 * HOUR_MS, connections: undefined }, 100)
      deepEqual(await reports.pruned(all), { calls: 4, before: hour + 2 * HOUR_MS })
      deepEqual(await reports.pruned({ ...all, member: other.member.name }), { calls: 1, before: hour + HOUR_MS })
      deepEqual(await reports.pruned({ ...all, from: hour + 1 }), { calls: 1, before: hour + 2 * HOUR_MS })
      deepEqual(await reports.pruned({ ...all, to: hour + HOUR_MS }), { calls: 3, before: hour + HOUR_MS })
      deepEqual(await reports.pruned({ ...all, from: hour + 2 * HOUR_MS }), none)
      await rejects(reports.pruned({ ...all, member: 'nobody' }), /nobody/)
    })

    test('keeps the newest call, so that the ledger goes on from it, and connections that are open', async () => {
      await using given = await start(newDatabase, 0n)
      await connected(given, 'open', T0, false)
      for (const at of [T0, T0 + 1]) await settled(given, at)
      const everything = { calls: T0 + 9 * DAY_MS, connections: T0 + 9 * DAY_MS }
      deepEqual(await given.store.retention.prune(everything, 100), { calls: 1, connections: 0 })
      deepEqual(
        (await given.store.reports.calls({ limit: 9 })).map(({ startedAt }) => startedAt),
        [T0 + 1],
      )
    })

    test('goes on while the gateway runs until all that is old has gone, and lets calls in between its batches', async () => {
      await using given = await start(newDatabase, 0n)
      const { reports, retention } = given.store
      await Promise.all(Array.from({ length: 1_050 }, (_, i) => settled(given, T0 + i)))
      const usage = await reports.usage(T0, T0 + DAY_MS)
      const stop = new AbortController()
      const batches: number[] = []
      const watched: typeof retention = {
        prune: async (before, limit) => {
          const pruned = retention.prune(before, limit)
          // Asked for while the batch runs: it is settled before the next one, or all calls would wait for the last.
          const call = settled(given, T0 + 3 * DAY_MS + batches.length)
          const gone = await pruned
          await call
          ok(gone.calls <= limit)
          batches.push(gone.calls)
          if (gone.calls < limit) stop.abort()
          return gone
        },
      }
      const settings = { callsDays: 2, connectionsDays: 0 }
      await keepTidy(watched, settings, { log: silent, now: () => T0 + 3 * DAY_MS, stop: stop.signal })
      deepEqual(batches, [...Array.from({ length: 10 }, () => 100), 50])
      equal((await reports.calls({ limit: 2_000 })).length, 11)
      deepEqual(await reports.usage(T0, T0 + DAY_MS), usage)
    })
  })
}

async function settled(given: Given, at: number): Promise<void> {
  const call = newCall(given, at)
  await given.store.ledger.open(call, [], at)
  await given.store.ledger.attempt(call.id, given.upstream.id, at)
  const attempt = { upstream: given.upstream.id, status: 200, errorClass: undefined, sent: true, startedAt: at }
  const attempts = [{ ...attempt, durationMs: 1 }]
  await given.store.ledger.settle(newEntry(call.id, at + 1, { credits: 5n, attempts }))
}

async function connected(given: Given, id: string, at: number, ended = true): Promise<void> {
  const facts = { path: '/', sessionId: undefined, threadId: undefined, upstream: undefined }
  const one = { id: id as CallId, member: given.member.id, key: given.key.id, ...facts, startedAt: at }
  await given.store.ledger.connected(one)
  const closed = { upstream: undefined, endedAt: at + 1, reason: 'idle', code: 1000 }
  if (ended) await given.store.ledger.disconnected({ id: one.id, ...closed, clientMessages: 2, upstreamMessages: 3 })
}
