import { deepEqual, equal, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { CallId } from '../../src/core/units.ts'
import type { CallFilter, CallRow } from '../../src/ports.ts'
import { passes } from '../../src/admin/spending.ts'
import { newCall, newEntry, populate, T0, type NewDatabase, type World } from './bench.ts'
import { start, type Given } from './ledger-given.ts'

/** What every CallReports keeps to. */
export function callReportsContract(newDatabase: NewDatabase): void {
  suite('reports of calls', () => {
    test('are filtered by everything that can be asked for, alone and together', async () => {
      await using given = await start(newDatabase, 0n)
      const other = await populate(given.store)
      const models = ['gpt-5.5', 'gpt-5.4', undefined]
      for (let i = 0; i < 24; i += 1) {
        const world: World = i % 2 === 0 ? given : other
        const kind = i % 3 === 0 ? 'compaction' : 'turn'
        const call = newCall(world, T0 + i, { kind, model: models[i % 3] })
        await given.store.ledger.open(call, [], T0 + i)
        const how = { status: i % 4 === 0 ? 503 : 200, ending: i % 5 === 0 ? 'client-left' : 'complete' } as const
        const upstream = i % 6 === 0 ? undefined : world.upstream.id
        if (i !== 23) await given.store.ledger.settle(newEntry(call.id, T0 + 30, { ...how, upstream }))
      }
      const { reports } = given.store
      const all = await reports.calls({ limit: 100 })
      equal(all.length, 24)
      const filters: readonly CallFilter[] = [
        { member: other.member.name },
        { model: 'gpt-5.4' },
        { upstream: other.upstream.name },
        { kind: 'compaction' },
        { status: { from: 500, to: 599 } },
        { ending: 'client-left' },
        { since: T0 + 5, until: T0 + 20 },
        { member: given.member.name, model: 'gpt-5.5', kind: 'compaction', status: { from: 503, to: 503 } },
        { member: given.member.name, upstream: given.upstream.name, ending: 'complete', until: T0 + 9 },
      ]
      for (const filter of filters) {
        const { since = 0, until = Infinity } = filter
        const fits = (call: CallRow) => passes(call, filter) && call.startedAt >= since && call.startedAt < until
        const found = await reports.calls({ ...filter, limit: 100 })
        deepEqual(found, all.filter(fits), JSON.stringify(filter))
        deepEqual(await reports.calls({ ...filter, limit: 2 }), all.filter(fits).slice(0, 2))
      }
      const [open, ...rest] = await reports.calls({ ending: 'open', limit: 5 })
      deepEqual([open?.startedAt, rest], [T0 + 23, []])
      await rejects(reports.calls({ upstream: 'nobody', limit: 1 }), /nobody/)
    })

    test('tell whoever watches of each call once, when it is settled', async () => {
      await using given = await start(newDatabase, 0n)
      const { ledger, reports } = given.store
      const before = newCall(given, T0)
      const over = newCall(given, T0)
      for (const call of [before, over]) await ledger.open(call, [], T0)
      await ledger.settle(newEntry(over.id, T0))
      const first = await reports.tail(undefined)
      deepEqual(first.calls, [])
      const [late, quick] = [newCall(given, T0 + 1), newCall(given, T0 + 2)]
      for (const call of [late, quick]) await ledger.open(call, [], T0 + 2)
      await ledger.settle(newEntry(quick.id, T0 + 3))
      const second = await reports.tail(first.mark)
      deepEqual(ids(second.calls), [quick.id])
      await ledger.settle(newEntry(before.id, T0 + 5))
      await ledger.settle(newEntry(late.id, T0 + 4))
      const third = await reports.tail(second.mark)
      deepEqual(ids(third.calls), [late.id, before.id])
      const fourth = await reports.tail(third.mark)
      deepEqual([fourth.calls, fourth.mark], [[], third.mark])
    })

    test('tell the story of a call, found by the beginning of its id', async () => {
      await using given = await start(newDatabase, 100n)
      const { ledger, reports } = given.store
      await answered(given, { threadId: 't' })
      const call = newCall(given, T0 + 10, {
        threadId: 't',
        sessionId: 's',
        turnId: 'turn',
        serviceTier: 'auto',
        hold: 9n,
      })
      await ledger.open(call, [], T0 + 10)
      await ledger.attempt(call.id, given.upstream.id, T0 + 11, 'owner:fair')
      const open = await reports.call(call.id)
      const [soFar] = open?.tries ?? []
      deepEqual([open?.call.endedAt, soFar?.sent, soFar?.chosen], [undefined, undefined, 'owner:fair'])
      const tried = { upstream: given.upstream.id, startedAt: T0 + 11, sent: true, durationMs: 3 }
      const attempts = [
        { ...tried, status: 500, errorClass: 'server', chosen: 'owner:pinned' as const },
        { ...tried, status: 200, errorClass: undefined },
      ]
      const entry = { attempts, organization: 'org', rate: 'r@1', message: true, credits: 5n }
      await ledger.settle(newEntry(call.id, T0 + 20, { ...entry, upstream: given.upstream.id }))
      await repricedTwice(given, call.id)
      const story = await reports.call(call.id.slice(0, 13))
      equal(story?.tries[1]?.chosen, undefined)
      deepEqual(
        { ...story, call: story?.call.id, endedAt: story?.call.endedAt, tries: story?.tries.length },
        {
          call: call.id,
          askedTier: 'auto',
          turnId: 'turn',
          admittedAt: T0 + 10,
          hold: 9n,
          windows: [
            { name: '5h', openedAt: T0, resetsAt: T0 + 18_000_000, settled: 9n },
            { name: 'weekly', openedAt: T0, resetsAt: T0 + 604_800_000, settled: 9n },
          ],
          organization: 'org',
          tries: 2,
          charging: 'tokens',
          message: true,
          rate: 'r@3',
          repricings: [
            { at: T0, before: 5n, after: 7n, rateBefore: 'r@1', rate: 'r@2', who: 'root', why: 'one' },
            { at: T0, before: 7n, after: 9n, rateBefore: 'r@2', rate: 'r@3', who: 'eve', why: 'two' },
          ],
          endedAt: T0 + 20,
        },
      )
      deepEqual(story?.tries[0], {
        number: 1,
        upstream: given.upstream.name,
        startedAt: T0 + 11,
        status: 500,
        errorClass: 'server',
        sent: true,
        durationMs: 3,
        chosen: 'owner:pinned',
      })
      equal(await reports.call('nobody'), undefined)
      equal(await reports.call(''), undefined)
    })

    test('name all windows that a call counts in, and none where they roll', async () => {
      await using given = await start(newDatabase, 0n)
      const named = async (quotaWindow: 'anchored' | 'rolling'): Promise<readonly string[] | undefined> => {
        const world = await populate(given.store, { dailyQuota: 5n, monthlyQuota: 6n, quotaWindow })
        const call = newCall(world, T0)
        await given.store.ledger.open(call, [], T0)
        return (await given.store.reports.call(call.id))?.windows.map(({ name }) => name)
      }
      deepEqual(await named('anchored'), ['5h', 'daily', 'weekly', 'monthly'])
      deepEqual(await named('rolling'), [])
    })
  })
}

async function repricedTwice({ store: { rateBook } }: Given, call: CallId): Promise<void> {
  await rateBook.adjust([{ call, before: 5n, after: 7n, rate: 'r@2' }], { who: 'root', why: 'one' })
  await rateBook.adjust([{ call, before: 7n, after: 9n, rate: 'r@3' }], { who: 'eve', why: 'two' })
}

async function answered(given: Given, over: Parameters<typeof newCall>[2]): Promise<string> {
  const call = newCall(given, T0, over)
  await given.store.ledger.open(call, [], T0)
  await given.store.ledger.settle(newEntry(call.id, T0 + 1, { upstream: given.upstream.id }))
  return call.id
}

function ids(calls: readonly CallRow[]): readonly string[] {
  return calls.map(({ id }) => id)
}
