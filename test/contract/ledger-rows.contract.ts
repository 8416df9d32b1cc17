import { deepEqual, equal, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { HOUR_MS } from '../../src/core/calendar.ts'
import { MOST_PER_CALL } from '../../src/core/price.ts'
import type { UpstreamId } from '../../src/core/units.ts'
import { newCall, newEntry, populate, T0, type NewDatabase, type World } from './bench.ts'
import { exactTotals, spend, start } from './ledger-given.ts'

const HUGE = 2n ** 60n + 1n

/** What every Ledger keeps to about its rows. */
export function ledgerRowsContract(newDatabase: NewDatabase): void {
  suite('ledger: attempts, refusals, owners', () => {
    test('keeps every attempt that was made and fills in how it went', async () => {
      await using given = await start(newDatabase)
      const call = newCall(given, T0)
      await given.store.ledger.open(call, [], T0)
      await given.store.ledger.attempt(call.id, given.upstream.id, T0)
      await given.store.ledger.attempt(call.id, given.upstream.id, T0 + 5)
      const outcome = { upstream: given.upstream.id, status: 500, errorClass: 'server', sent: true, startedAt: T0 }
      await given.store.ledger.settle(
        newEntry(call.id, T0 + 9, {
          attempts: [
            { ...outcome, durationMs: 4.7 },
            { ...outcome, durationMs: 1 },
          ],
        }),
      )
      const [row] = await given.store.reports.calls({ member: given.member.name, limit: 1 })
      equal(row?.attempts, 2)
      await rejects(given.store.ledger.attempt(call.id, given.upstream.id, T0 + 10), /not open/)
    })

    test('names the first try of a call with its opening, and what it names once it is open after that', async () => {
      await using given = await start(newDatabase)
      const { ledger, reports } = given.store
      const call = { ...newCall(given, T0), first: { upstream: given.upstream.id, chosen: 'owner:pinned' } } as const
      await ledger.open(call, [], T0 + 1)
      await ledger.open(call, [], T0 + 2)
      await ledger.attempt(call.id, given.upstream.id, T0 + 5, 'retry:only')
      const tries = async (): Promise<unknown> =>
        (await reports.call(call.id))?.tries.map(({ startedAt, chosen, status }) => [startedAt, chosen, status])
      deepEqual(await tries(), [
        [T0 + 1, 'owner:pinned', undefined],
        [T0 + 5, 'retry:only', undefined],
      ])
      const made = { upstream: given.upstream.id, status: 500, errorClass: 'server', sent: true, durationMs: 1 }
      const attempts = [
        { ...made, chosen: 'owner:pinned', startedAt: T0 + 3 },
        { ...made, chosen: 'retry:only', startedAt: T0 + 6 },
        { ...made, chosen: 'fair', startedAt: T0 + 8 },
      ] as const
      await ledger.settle(newEntry(call.id, T0 + 9, { attempts }))
      deepEqual(
        await tries(),
        attempts.map(({ startedAt, chosen, status }) => [startedAt, chosen, status]),
      )
    })

    test('names no try of a call that it does not admit', async () => {
      await using given = await start(newDatabase)
      const { ledger } = given.store
      await spend(given, T0, 10n ** 12n)
      const call = { ...newCall(given, T0 + 1), first: { upstream: given.upstream.id, chosen: 'only' } } as const
      equal((await ledger.open(call, [], T0 + 1)).state, 'spent')
      equal(await given.store.reports.call(call.id), undefined)
    })

    test('writes a refusal once, at no cost, and not as a request', async () => {
      await using given = await start(newDatabase)
      const { hold: _, windows: __, opensWindows: ___, ...facts } = newCall(given, T0)
      const refusal = { ...facts, requestId: 'r', status: 429, refusal: 'member_5h_quota_exceeded', endedAt: T0 + 3 }
      await given.store.ledger.refuse(refusal)
      await given.store.ledger.refuse(refusal)
      const rows = await given.store.reports.calls({ member: given.member.name, limit: 5 })
      deepEqual(
        rows.map((row) => [row.ending, row.refusal, row.credits, row.status, row.durationMs]),
        [['refused', 'member_5h_quota_exceeded', 0n, 429, 3]],
      )
      deepEqual(await given.store.reports.usage(T0, T0 + HOUR_MS), [])
    })

    test('opens a call once, however often its caller asks because no answer came', async () => {
      await using given = await start(newDatabase)
      const call = newCall(given, T0)
      const first = await given.store.ledger.open(call, [], T0)
      const again = await given.store.ledger.open(call, [{ credits: HUGE, admittedAt: undefined }], T0 + 500)
      deepEqual(again, first)
      await given.store.ledger.settle(newEntry(call.id, T0 + 600, { credits: 9n }))
      equal((await given.store.reports.calls({ member: given.member.name, limit: 5 })).length, 1)
      await exactTotals(given)
    })

    test('adds up calls of the highest price, and loses none beside one that 64 bits cannot hold', async () => {
      await using given = await start(newDatabase)
      const { ledger, reports } = given.store
      const settled = async (credits: bigint) => {
        const call = newCall(given, T0)
        await ledger.open({ ...call, hold: MOST_PER_CALL }, [], T0)
        await ledger.settle(newEntry(call.id, T0 + 1, { credits }))
      }
      const ended = await Promise.allSettled([
        ...Array.from({ length: 50 }, () => settled(MOST_PER_CALL)),
        settled(2n ** 63n),
        ...Array.from({ length: 50 }, () => settled(MOST_PER_CALL)),
      ])
      deepEqual(
        ended
          .map(({ status }, at) => (status === 'fulfilled' ? 'fulfilled' : at))
          .filter((each) => each !== 'fulfilled'),
        [50],
      )
      equal((await reports.usage(T0, T0 + HOUR_MS))[0]?.credits, 100n * MOST_PER_CALL)
      await exactTotals(given)
    })

    test('closes a call that was opened and then refused for lack of an answer', async () => {
      await using given = await start(newDatabase)
      const first = { upstream: given.upstream.id, chosen: 'only' } as const
      const call = newCall(given, T0, { first })
      await given.store.ledger.open(call, [], T0)
      const { hold: _, windows: __, opensWindows: ___, first: ____, ...facts } = call
      await given.store.ledger.refuse({ ...facts, requestId: 'r', status: 503, refusal: 'x', endedAt: T0 + 3 })
      const rows = await given.store.reports.calls({ member: given.member.name, limit: 5 })
      deepEqual(
        rows.map((row) => [row.ending, row.refusal, row.credits, row.attempts]),
        [['refused', 'x', 0n, 0]],
      )
      // Nor has it opened windows.
      const next = await given.store.ledger.open(newCall(given, T0 + 900), [], T0 + 900)
      equal(next.standing.windows[0]?.openedAt, T0 + 900)
    })

    test('writes down a call that runs already, whatever its windows say, and counts it in them', async () => {
      await using given = await start(newDatabase)
      const { ledger, reports } = given.store
      const first = newCall(given, T0)
      await ledger.open(first, [], T0)
      await ledger.settle(newEntry(first.id, T0, { credits: given.member.fiveHourQuota }))
      equal((await ledger.open(newCall(given, T0 + 1), [], T0 + 1)).state, 'spent')
      const unasked = newCall(given, T0 + 2, { unasked: true })
      equal((await ledger.open(unasked, [], T0 + 2)).state, 'admitted')
      const spoken = {
        inputAudioTokens: 5,
        cachedAudioTokens: 4,
        inputImageTokens: 3,
        cachedImageTokens: 2,
        outputAudioTokens: 1,
        audioMs: 1500,
      }
      const entry = newEntry(unasked.id, T0 + 3, { credits: 7n })
      const standing = await ledger.settle({ ...entry, usage: { ...entry.usage, spoken } })
      equal(standing.windows[0]?.settled, given.member.fiveHourQuota + 7n)
      const rows = await reports.calls({ member: given.member.name, limit: 5 })
      deepEqual(
        rows.map((row) => row.spoken),
        [spoken, undefined],
      )
      await exactTotals(given)
    })

    test('finds who last answered in a thread, else in a session, for this member alone', async () => {
      await using given = await start(newDatabase)
      const other = await populate(given.store)
      const { upstream } = given
      const settle = async (
        world: World,
        at: number,
        ids: object,
        by: string | undefined,
        status = 200,
      ): Promise<void> => {
        const call = newCall(world, at, ids)
        await given.store.ledger.open(call, [], at)
        const answered = by === undefined ? {} : { upstream: upstream.id, organization: by, status }
        await given.store.ledger.settle(newEntry(call.id, at + 1, answered))
      }
      await settle(given, T0, { threadId: 't', sessionId: 's' }, 'org-1')
      await settle(given, T0 + 1, { threadId: 't', sessionId: 's' }, 'org-2')
      await settle(given, T0 + 2, { threadId: 't', sessionId: 's' }, undefined)
      await settle(given, T0 + 3, { threadId: 'other', sessionId: 's' }, 'org-3')
      await settle(other, T0 + 4, { threadId: 't' }, 'org-9')
      // A redirection is no answer.
      await settle(given, T0 + 5, { threadId: 't', sessionId: 's' }, 'org-4', 307)
      const { ledger } = given.store
      deepEqual(await ledger.ownerOf(given.member.id, 't'), { upstream: upstream.id, organization: 'org-2' })
      deepEqual(await ledger.ownerOf(given.member.id, 's'), { upstream: upstream.id, organization: 'org-3' })
      equal(await ledger.ownerOf(given.member.id, 'nobody'), undefined)
    })

    test('finds who made a response, for the member to whom it was given alone', async () => {
      await using given = await start(newDatabase)
      const other = await populate(given.store)
      const { ledger } = given.store
      const settle = async (
        world: World,
        responseId: string,
        upstream: UpstreamId | undefined,
        stored = true,
      ): Promise<void> => {
        const call = newCall(world, T0)
        await ledger.open(call, [], T0)
        await ledger.settle(newEntry(call.id, T0 + 1, { responseId, upstream, stored }))
      }
      await settle(given, 'resp_1', given.upstream.id)
      await settle(given, 'resp_2', other.upstream.id)
      await settle(given, 'resp_3', undefined)
      await settle(other, 'resp_4', given.upstream.id)
      await settle(given, 'resp_5', given.upstream.id, false)
      const makers = async (world: World): Promise<readonly unknown[]> =>
        await Promise.all(
          ['resp_1', 'resp_2', 'resp_3', 'resp_4', 'resp_5', 'RESP_1', ''].map((id) =>
            ledger.makerOf(world.member.id, id).then((made) => made?.upstream),
          ),
        )
      const [one, two] = [given.upstream.id, other.upstream.id]
      deepEqual(await makers(given), [one, two, undefined, undefined, undefined, undefined, undefined])
      deepEqual(await makers(other), [undefined, undefined, undefined, one, undefined, undefined, undefined])
      await given.store.close()
      await using again = await given.database.open({ now: () => T0 })
      deepEqual(await again.ledger.makerOf(given.member.id, 'resp_2'), { upstream: two, model: 'gpt-5.5' })
    })

    test('writes down the use of a key at most every 30 s', async () => {
      await using given = await start(newDatabase)
      const used = []
      for (const after of [0, 29_999, 30_000]) {
        await given.store.ledger.open(newCall(given, T0), [], T0 + after)
        const keys = await given.store.registry.gatewayKeys()
        used.push(keys.find((key) => key.id === given.key.id)?.lastUsedAt)
      }
      deepEqual(used, [T0, T0, T0 + 30_000])
    })
  })
}
