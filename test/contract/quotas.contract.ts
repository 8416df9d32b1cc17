import { deepEqual, equal, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { FIVE_HOURS_MS } from '../../src/core/quota.ts'
import type { Standing } from '../../src/ports.ts'
import { newCall, newEntry, T0, windowsOf, type NewDatabase } from './bench.ts'
import { exactTotals, spend, start, type Given } from './ledger-given.ts'

const BY = { window: undefined, who: 'root', why: 'asked nicely' } as const

/** What administrators do about quotas, on a ledger that serves meanwhile. */
export function quotasContract(newDatabase: NewDatabase): void {
  suite('ledger: a reset', () => {
    test('ends the open windows, and the next call opens new ones', async () => {
      await using given = await start(newDatabase)
      await spend(given, T0, 100n)
      equal((await opened(given, T0 + 1)).state, 'spent')
      const made = await adjusting(given, T0 + 2, ({ quotas }) => quotas.reset({ member: given.member.name, ...BY }))
      const common = { at: T0 + 2, kind: 'reset', credits: 100n, until: undefined, who: 'root', why: 'asked nicely' }
      deepEqual(made, [
        { ...common, window: '5h' },
        { ...common, window: 'weekly' },
      ])
      const { windows } = await given.store.ledger.standing(given.member.id, newCall(given, T0).windows, T0 + 2)
      deepEqual(
        windows.map(({ settled, openedAt }) => [settled, openedAt]),
        [
          [0n, undefined],
          [0n, undefined],
        ],
      )
      const after = await spend(given, T0 + 3, 7n)
      deepEqual(figures(after), [
        [7n, T0 + 3],
        [7n, T0 + 3],
      ])
      await exactTotals(given)
    })

    test('leaves a call in flight in the window that it was admitted in', async () => {
      await using given = await start(newDatabase)
      const old = newCall(given, T0)
      await given.store.ledger.open(old, [], T0)
      await adjusting(given, T0 + 1, ({ quotas }) => quotas.reset({ member: given.member.name, ...BY, window: '5h' }))
      await spend(given, T0 + 2, 1n)
      const standing = await given.store.ledger.settle(newEntry(old.id, T0 + 3, { credits: 70n }))
      deepEqual(figures(standing), [
        [1n, T0 + 2],
        [71n, T0],
      ])
      await exactTotals(given)
    })

    test('in the millisecond in which a window was opened makes room for another', async () => {
      await using given = await start(newDatabase)
      for (let i = 0; i < 3; i++) {
        deepEqual(figures(await spend(given, T0, 100n))[0], [100n, T0 + i])
        await adjusting(given, T0, ({ quotas }) => quotas.reset({ member: given.member.name, ...BY }))
      }
      await exactTotals(given)
    })

    test('while the call that opened the window is refused after all changes nothing of that', async () => {
      await using given = await start(newDatabase)
      const call = newCall(given, T0)
      await given.store.ledger.open(call, [], T0)
      await adjusting(given, T0, ({ quotas }) => quotas.reset({ member: given.member.name, ...BY }))
      const refused = { ending: 'refused', attempts: [] } as const
      const standing = await given.store.ledger.settle(newEntry(call.id, T0 + 1, refused))
      equal(standing.windows[0]?.openedAt, undefined)
      equal((await spend(given, T0 + 2, 5n)).windows[0]?.settled, 5n)
    })

    test('of a member without an open window is none', async () => {
      await using given = await start(newDatabase)
      deepEqual(await given.store.quotas.reset({ member: given.member.name, ...BY }), [])
      deepEqual((await given.store.quotas.view(given.member.name)).adjustments, [])
    })
  })

  suite('ledger: a grant', () => {
    test('raises the limit of the open window to its end, for judging and for what members see', async () => {
      await using given = await start(newDatabase)
      await spend(given, T0, 100n)
      equal((await opened(given, T0 + 1)).state, 'spent')
      const wish = { member: given.member.name, ...BY, credits: 50n, until: undefined }
      const made = await adjusting(given, T0 + 2, ({ quotas }) => quotas.grant(wish))
      deepEqual(
        made.map(({ window, credits, until }) => [window, credits, until]),
        [['5h', 50n, T0 + FIVE_HOURS_MS]],
        'the weekly window has no limit to raise',
      )
      const standing = await spend(given, T0 + 3, 1n)
      deepEqual([standing.windows[0]?.limit, standing.windows[0]?.settled], [150n, 101n])
      equal(standing.windows[1]?.limit, 0n)
      const later = await opened(given, T0 + FIVE_HOURS_MS)
      equal(later.standing.windows[0]?.limit, 100n)
    })

    test('adds to others, and counts to its own end', async () => {
      await using given = await start(newDatabase)
      const grant = (credits: bigint, until: number | undefined): Promise<unknown> =>
        adjusting(given, T0, ({ quotas }) =>
          quotas.grant({ member: given.member.name, ...BY, window: '5h', credits, until }),
        )
      await grant(10n, T0 + 1000)
      await grant(20n, T0 + 2000)
      await grant(30n, undefined)
      const limits = []
      for (const at of [T0, T0 + 999, T0 + 1000, T0 + 2000, T0 + FIVE_HOURS_MS]) {
        limits.push((await opened(given, at)).standing.windows[0]?.limit)
      }
      deepEqual(limits, [160n, 160n, 150n, 130n, 100n])
    })

    test('without an end of its own ends with its window, also by a reset', async () => {
      await using given = await start(newDatabase)
      const { name: member } = given.member
      await spend(given, T0, 1n)
      await adjusting(given, T0 + 1, async ({ quotas }) => {
        await quotas.grant({ ...BY, member, window: '5h', credits: 5000n, until: undefined })
        await quotas.grant({ ...BY, member, window: '5h', credits: 20n, until: T0 + FIVE_HOURS_MS })
      })
      equal(await limitAt(given, T0 + 2), 5120n)
      await adjusting(given, T0 + 3, ({ quotas }) => quotas.reset({ ...BY, member }))
      equal(await limitAt(given, T0 + 4), 120n, 'that with an end of its own stays')
      await adjusting(given, T0 + 5, ({ quotas }) =>
        quotas.grant({ ...BY, member, window: '5h', credits: 7n, until: undefined }),
      )
      equal(await limitAt(given, T0 + 6), 127n)
      equal(await limitAt(given, T0 + FIVE_HOURS_MS), 107n)
    })

    test('is taken back, from the next call on, in one window or in all', async () => {
      await using fresh = await start(newDatabase)
      const { name: member } = fresh.member
      const given = { ...fresh, member: await fresh.store.registry.setMember(member, { weeklyQuota: 900n }) }
      const revoke = async (at: number, window?: '5h' | 'weekly') => {
        const made = await adjusting(given, at, ({ quotas }) => quotas.revoke({ ...BY, member, window }))
        return made.map(({ kind, window: name, credits, until }) => [kind, name, credits, until])
      }
      deepEqual(await revoke(T0), [])
      const wish = { ...BY, member, credits: 5000n }
      await adjusting(given, T0, async ({ quotas }) => {
        await quotas.grant({ ...wish, until: undefined })
        await quotas.grant({ ...wish, credits: 1n, window: '5h', until: T0 + 9 * FIVE_HOURS_MS })
      })
      deepEqual([await limitAt(given, T0 + 1), await limitAt(given, T0 + 1, 1)], [5101n, 5900n])
      deepEqual(await revoke(T0 + 2, '5h'), [['revoke', '5h', 5001n, undefined]])
      deepEqual([await limitAt(given, T0 + 3), await limitAt(given, T0 + 3, 1)], [100n, 5900n])
      deepEqual(await revoke(T0 + 4), [['revoke', 'weekly', 5000n, undefined]])
      await adjusting(given, T0 + 5, ({ quotas }) => quotas.grant({ ...wish, credits: 3n, until: undefined }))
      deepEqual([await limitAt(given, T0 + 6), await limitAt(given, T0 + 6, 1)], [103n, 903n])
      equal(await limitAt(given, T0 + 8 * FIVE_HOURS_MS), 100n)
      const { adjustments } = await given.store.quotas.view(member)
      deepEqual(
        adjustments.map(({ kind }) => kind),
        ['grant', 'grant', 'revoke', 'revoke', 'grant', 'grant', 'grant'],
      )
    })

    test('is refused where all that counts could not be taken back in one row', async () => {
      await using given = await start(newDatabase)
      const wish = { ...BY, member: given.member.name, window: '5h', until: undefined } as const
      await adjusting(given, T0, ({ quotas }) => quotas.grant({ ...wish, credits: 10n ** 18n - 5n }))
      await rejects(
        adjusting(given, T0 + 1, ({ quotas }) => quotas.grant({ ...wish, credits: 6n })),
        /^RegistryError: 999999999\.999999995 credits are granted in the window 5h already.* more than 1000000000: grant less/,
      )
      await adjusting(given, T0 + 2, ({ quotas }) => quotas.grant({ ...wish, credits: 5n }))
      const made = await adjusting(given, T0 + 3, ({ quotas }) => quotas.revoke(wish))
      deepEqual(made[0]?.credits, 10n ** 18n)
    })

    test('needs a limit to add to, and a member', async () => {
      await using given = await start(newDatabase)
      const wish = { ...BY, member: given.member.name, credits: 1n, until: undefined }
      await rejects(given.store.quotas.grant({ ...wish, window: 'weekly' }), /no limit in the window weekly/)
      await rejects(given.store.quotas.grant({ ...wish, member: 'nobody' }), /nobody/)
    })
  })

  suite('ledger: calls that have been', () => {
    test('come in pages, from an instant on, without refusals and calls that run', async () => {
      await using given = await start(newDatabase, 0n)
      const { ledger, quotas } = given.store
      for (let i = 0; i < 5; i++) await spend(given, T0 + i, BigInt(i))
      const refused = newCall(given, T0 + 5)
      await ledger.open(refused, [], T0 + 5)
      await ledger.settle(newEntry(refused.id, T0 + 5, { ending: 'refused' }))
      const warmUp = newCall(given, T0 + 6, { kind: 'prewarm', opensWindows: false })
      await ledger.open(warmUp, [], T0 + 7)
      await ledger.settle(newEntry(warmUp.id, T0 + 8, { credits: 9n }))
      await ledger.open(newCall(given, T0 + 9), [], T0 + 9)
      const [first, second, none] = [
        await quotas.past({ since: T0 + 2, after: 0, limit: 3 }),
        await quotas.past({ since: T0 + 2, after: 5, limit: 3 }),
        await quotas.past({ since: T0 + 10, after: 0, limit: 3 }),
      ]
      deepEqual(
        first.map(({ seq, credits, opensWindows }) => [seq, credits, opensWindows]),
        [
          [3, 2n, true],
          [4, 3n, true],
          [5, 4n, true],
        ],
      )
      const member = given.member.name
      deepEqual(second, [{ seq: 7, member, opensWindows: false, admittedAt: T0 + 7, endedAt: T0 + 8, credits: 9n }])
      deepEqual(none, [])
    })
  })

  suite('ledger: a quota', () => {
    test('is shown with what open calls hold and all that was adjusted', async () => {
      await using given = await start(newDatabase)
      await spend(given, T0, 40n)
      await given.store.ledger.open(newCall(given, T0 + 1, { hold: 9n }), [], T0 + 1)
      const member = given.member.name
      const view = await adjusting(given, T0 + 2, async ({ quotas }) => {
        await quotas.grant({ ...BY, member, window: '5h', credits: 60n, until: undefined })
        await quotas.reset({ ...BY, member, window: 'weekly', why: undefined })
        return await quotas.view(member)
      })
      deepEqual(
        view.windows.map(({ name, limit, granted, settled, held, resetsAt }) => ({
          name,
          limit,
          granted,
          settled,
          held,
          resetsAt,
        })),
        [
          { name: '5h', limit: 160n, granted: 60n, settled: 40n, held: 9n, resetsAt: T0 + FIVE_HOURS_MS },
          { name: 'weekly', limit: 0n, granted: 0n, settled: 0n, held: 0n, resetsAt: undefined },
        ],
      )
      deepEqual(
        view.adjustments.map(({ kind, window, who, why }) => [kind, window, who, why]),
        [
          ['reset', 'weekly', 'root', undefined],
          ['grant', '5h', 'root', 'asked nicely'],
        ],
      )
    })
  })
}

function figures({ windows }: Standing): (readonly [bigint, number | undefined])[] {
  return windows.map(({ settled, openedAt }) => [settled, openedAt])
}

async function limitAt(given: Given, at: number, window = 0): Promise<bigint | undefined> {
  return (await given.store.ledger.standing(given.member.id, windowsOf(given.member), at)).windows[window]?.limit
}

function opened(given: Given, at: number): ReturnType<Given['store']['ledger']['open']> {
  return given.store.ledger.open(newCall(given, at), [], at)
}

/** By another process than the one that serves, as administrators do it: not within an instant of a call. */
async function adjusting<T>(given: Given, at: number, act: (store: Given['store']) => Promise<T>): Promise<T> {
  await given.store.ledger.probe()
  await using store = await given.database.open({ role: 'cli', now: () => at })
  const done = await act(store)
  // What another process has changed counts with the next look at the database.
  await given.store.ledger.probe()
  return done
}
