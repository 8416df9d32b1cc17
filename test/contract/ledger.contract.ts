import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { HOUR_MS } from '../../src/core/calendar.ts'
import { FIVE_HOURS_MS, WEEK_MS } from '../../src/core/quota.ts'
import type { CallId, MemberId } from '../../src/core/units.ts'
import { newCall, newEntry, T0, windowsOf, type NewDatabase } from './bench.ts'
import { exactTotals, spend, start } from './ledger-given.ts'

const HUGE = 2n ** 60n + 1n

/** What every Ledger keeps to. */
export function ledgerContract(newDatabase: NewDatabase): void {
  suite('ledger: windows', () => {
    test('opens both windows at the instant of the first admitted call', async () => {
      await using given = await start(newDatabase)
      const verdict = await given.store.ledger.open(newCall(given, T0 - 5_000), [], T0)
      equal(verdict.state, 'admitted')
      deepEqual(
        verdict.standing.windows.map(({ openedAt, resetsAt }) => [openedAt, resetsAt]),
        [
          [T0, T0 + FIVE_HOURS_MS],
          [T0, T0 + WEEK_MS],
        ],
      )
    })

    test('keeps a window to the last millisecond and opens the next one exactly when it resets', async () => {
      await using given = await start(newDatabase)
      await spend(given, T0, 40n)
      const late = await given.store.ledger.open(newCall(given, T0), [], T0 + FIVE_HOURS_MS - 1)
      equal(late.standing.windows[0]?.openedAt, T0)
      equal(late.standing.windows[0]?.settled, 40n)
      const next = await given.store.ledger.open(newCall(given, T0), [], T0 + FIVE_HOURS_MS)
      equal(next.standing.windows[0]?.openedAt, T0 + FIVE_HOURS_MS)
      equal(next.standing.windows[0]?.settled, 0n)
      equal(next.standing.windows[1]?.openedAt, T0)
      equal(next.standing.windows[1]?.settled, 40n)
    })

    test('closes a window again whose first call was refused after all, unless another call is in it', async () => {
      await using given = await start(newDatabase)
      const { ledger } = given.store
      const refused = { ending: 'refused', credits: 0n, attempts: [] } as const
      const alone = newCall(given, T0)
      await ledger.open(alone, [], T0)
      const after = await ledger.settle(newEntry(alone.id, T0 + 1, refused))
      deepEqual(
        after.windows.map(({ openedAt }) => openedAt),
        [undefined, undefined],
      )
      const [first, second] = [newCall(given, T0 + 2), newCall(given, T0 + 3)]
      await ledger.open(first, [], T0 + 2)
      await ledger.open(second, [], T0 + 3)
      for (const call of [second, first]) {
        const still = await ledger.settle(newEntry(call.id, T0 + 4, refused))
        deepEqual(
          still.windows.map(({ openedAt }) => openedAt),
          [T0 + 2, T0 + 2],
        )
      }
    })

    test('forgets a try that was announced and never made', async () => {
      await using given = await start(newDatabase)
      const { ledger } = given.store
      const call = newCall(given, T0)
      await ledger.open(call, [], T0)
      await ledger.attempt(call.id, given.upstream.id, T0)
      await ledger.attempt(call.id, given.upstream.id, T0 + 1)
      const made = { upstream: given.upstream.id, status: 500, errorClass: 'server', sent: true, startedAt: T0 }
      await ledger.settle(newEntry(call.id, T0 + 1, { attempts: [{ ...made, durationMs: 1 }] }))
      const [row] = await given.store.reports.calls({ member: undefined, limit: 1 })
      equal(row?.attempts, 1)
    })

    test('settles a call into the windows that it was admitted in, however late', async () => {
      await using given = await start(newDatabase)
      const old = newCall(given, T0)
      await given.store.ledger.open(old, [], T0)
      const later = T0 + FIVE_HOURS_MS + 1
      await given.store.ledger.open(newCall(given, later), [], later)
      const standing = await given.store.ledger.settle(newEntry(old.id, later + 1, { credits: 70n }))
      equal(standing.windows[0]?.settled, 0n)
      equal(standing.windows[1]?.settled, 70n)
      await exactTotals(given)
    })

    test('says admitted, held or spent by what was there before', async () => {
      await using given = await start(newDatabase)
      const held = [{ credits: 60n, admittedAt: undefined }]
      equal((await given.store.ledger.open(newCall(given, T0, { hold: 500n }), held, T0)).state, 'admitted')
      await spend(given, T0 + 1, 40n)
      const blocked = newCall(given, T0 + 2)
      equal((await given.store.ledger.open(blocked, held, T0 + 2)).state, 'held')
      await rejects(given.store.ledger.attempt(blocked.id, given.upstream.id, T0 + 2), /not open/)
      await spend(given, T0 + 3, 60n)
      const verdict = await given.store.ledger.open(newCall(given, T0 + 4), [], T0 + 4)
      equal(verdict.state, 'spent')
      equal(verdict.state === 'spent' && verdict.window.name, '5h')
    })

    test('lets a hold of an earlier window count for nothing in the next', async () => {
      await using given = await start(newDatabase)
      await spend(given, T0, 1n)
      const at = T0 + FIVE_HOURS_MS
      await spend(given, at, 1n)
      const old = [{ credits: 1_000n, admittedAt: T0 }]
      equal((await given.store.ledger.open(newCall(given, at), old, at + 1)).state, 'admitted')
    })

    test('lets a refused call open no window', async () => {
      await using given = await start(newDatabase)
      await given.store.ledger.open(newCall(given, T0), [{ credits: 100n, admittedAt: undefined }], T0)
      const standing = await given.store.ledger.standing(given.member.id, windowsOf(given.member), T0)
      equal(standing.windows[0]?.openedAt, undefined)
    })

    test('lets a warm-up count in open windows and open none', async () => {
      await using given = await start(newDatabase)
      const early = newCall(given, T0, { opensWindows: false })
      const verdict = await given.store.ledger.open(early, [], T0)
      equal(verdict.state, 'admitted')
      equal(verdict.standing.windows[0]?.openedAt, undefined)
      const none = await given.store.ledger.settle(newEntry(early.id, T0, { credits: 30n }))
      equal(none.windows[0]?.settled, 0n)
      await spend(given, T0 + 1, 5n)
      const warm = newCall(given, T0 + 2, { opensWindows: false })
      await given.store.ledger.open(warm, [], T0 + 2)
      const standing = await given.store.ledger.settle(newEntry(warm.id, T0 + 3, { credits: 30n }))
      equal(standing.windows[0]?.settled, 35n)
    })

    test('counts in a window without a limit and refuses nothing', async () => {
      await using given = await start(newDatabase, 0n)
      await spend(given, T0, HUGE)
      const verdict = await given.store.ledger.open(newCall(given, T0), [], T0 + 1)
      equal(verdict.state, 'admitted')
      equal(verdict.standing.windows[0]?.settled, HUGE)
    })

    test('never lets its time run backwards, not even over a restart', async () => {
      await using given = await start(newDatabase)
      await spend(given, T0 + 1_000, 1n)
      const back = await given.store.ledger.open(newCall(given, T0), [], T0)
      equal(back.state === 'admitted' && back.at, T0 + 1_000)
      await given.store.close()
      await using again = await given.database.open({ now: () => T0 })
      const after = await again.ledger.open(newCall(given, T0), [], T0)
      equal(after.state === 'admitted' && after.at, T0 + 1_000)
      equal(after.standing.windows[0]?.openedAt, T0 + 1_000)
      ok(!again.warnings.some((line) => line.includes('clock')), 'a second is no reason to warn')
    })

    test('opens one window for many callers at its edge', async () => {
      await using given = await start(newDatabase)
      await spend(given, T0, 1n)
      const at = T0 + FIVE_HOURS_MS
      const calls = Array.from({ length: 20 }, () => newCall(given, at))
      const verdicts = await Promise.all(calls.map((call, i) => given.store.ledger.open(call, [], at + (i % 3))))
      ok(verdicts.every((verdict) => verdict.standing.windows[0]?.openedAt === at))
      equal((await given.database.totals()).length, 3)
    })
  })

  suite('ledger: settling', () => {
    test('keeps amounts beyond 2^53 exact to the nanocredit', async () => {
      await using given = await start(newDatabase, 0n)
      await spend(given, T0, HUGE)
      const standing = await spend(given, T0 + 1, 2n)
      equal(standing.windows[0]?.settled, HUGE + 2n)
      const [usage] = await given.store.reports.usage(T0, T0 + HOUR_MS)
      equal(usage?.credits, HUGE + 2n)
    })

    test('leaves a settled call as it is and answers with the standing', async () => {
      await using given = await start(newDatabase)
      const call = newCall(given, T0)
      await given.store.ledger.open(call, [], T0)
      await given.store.ledger.settle(newEntry(call.id, T0 + 1, { credits: 7n }))
      const again = await given.store.ledger.settle(newEntry(call.id, T0 + 2, { credits: 50n, ending: 'cut' }))
      equal(again.windows[0]?.settled, 7n)
      equal(again.charged, 7n)
      const [row] = await given.store.reports.calls({ member: given.member.name, limit: 1 })
      equal(row?.ending, 'complete')
      equal(row?.credits, 7n)
    })

    test('rejects the settlement of a call that was never opened', async () => {
      await using given = await start(newDatabase)
      await rejects(given.store.ledger.settle(newEntry('nobody' as CallId, T0)), /never opened/)
    })

    test('charges the calls of one turn as one message', async () => {
      await using given = await start(newDatabase)
      const message = { credits: 14n, charging: 'message', message: true } as const
      const settled = []
      for (const turnId of ['turn-1', 'turn-1', 'turn-2', undefined, undefined]) {
        const { windows, charged } = await spend(given, T0, 14n, { ...message, turnId })
        settled.push([windows[0]?.settled, charged])
      }
      const each = [
        [14n, 14n],
        [14n, 0n],
        [28n, 14n],
        [42n, 14n],
        [56n, 14n],
      ]
      deepEqual(settled, each)
      await spend(given, T0, 14n, { ...message, message: false, turnId: 'turn-3' })
      const [usage] = await given.store.reports.usage(T0, T0 + HOUR_MS)
      equal(usage?.messages, 4)
      equal(usage?.credits, 56n)
    })

    test('counts messages in token charging without touching the credits', async () => {
      await using given = await start(newDatabase)
      await spend(given, T0, 3n, { message: true, turnId: 'turn-1' })
      await spend(given, T0, 4n, { message: true, turnId: 'turn-1' })
      const [usage] = await given.store.reports.usage(T0, T0 + HOUR_MS)
      equal(usage?.messages, 1)
      equal(usage?.credits, 7n)
    })

    test('keeps one call that fails from hurting its neighbours in the same commit', async () => {
      await using given = await start(newDatabase)
      const good = Array.from({ length: 8 }, () => newCall(given, T0))
      const stranger = newCall(given, T0, { member: 999 as MemberId })
      const twice = good.flatMap((call, i) => (i === 4 ? [stranger, call] : [call]))
      const results = await Promise.allSettled(twice.map((call) => given.store.ledger.open(call, [], T0)))
      deepEqual(
        results.map((result) => result.status === 'fulfilled'),
        [true, true, true, true, false, true, true, true, true],
      )
      equal((await given.store.reports.calls({ member: given.member.name, limit: 20 })).length, 8)
    })

    test('can show that it can write', async () => {
      await using given = await start(newDatabase)
      await given.store.ledger.probe()
    })
  })
}
