import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FIVE_HOURS_MS, NO_RULES, WEEK_MS, type DueWarning } from '../../src/core/quota.ts'
import type { Store } from '../../src/adapters/store/store.ts'
import type { OpenCall } from '../../src/ports.ts'
import { newCall, newEntry, populate, T0 } from './bench.ts'
import {
  becomeKnown,
  byJournal,
  lockFor,
  LONG,
  open,
  spend,
  startFront,
  totalsAreExact,
  type Front,
} from './front-kit.ts'

const WISH = { window: '5h', who: 'root', why: undefined } as const
const WARN = { ...NO_RULES, warnAt: [50, 80] }

suite('sqlite: quotas of calls that go by the journal', () => {
  test('lets a reset count for the next call', async () => {
    await using front = await startFront()
    await byJournal(front, 2, () => spend(front, 60n))
    await front.store.quotas.reset({ ...WISH, member: front.member.name })
    const { verdict } = await open(front)
    equal(verdict.standing.windows[0]?.settled, 0n)
    equal(verdict.standing.windows[0]?.openedAt, T0 + 1)
    await becomeKnown(front.store, front, front.database.path)
    const standing = await byJournal(front, 2, () => spend(front, 99n))
    equal(standing.windows[0]?.settled, 99n)
    await front.store.ledger.probe()
    await totalsAreExact(front)
  })

  test('lets a reset count for the next call though the member was being read', async () => {
    await using front = await startFront()
    await spend(front, 60n)
    await front.store.ledger.probe()
    // The member is read anew after this, together with what follows.
    await open(front, { path: LONG })
    await front.store.quotas.reset({ ...WISH, member: front.member.name })
    const { verdict } = await open(front)
    equal(verdict.standing.windows[0]?.settled, 0n)
    equal(verdict.standing.windows[0]?.openedAt, T0 + 1)
  })

  test('lets a grant count for the next call', async () => {
    await using front = await startFront()
    await byJournal(front, 2, () => spend(front, 60n))
    await front.store.quotas.grant({ ...WISH, member: front.member.name, credits: 50n, until: undefined })
    const { verdict } = await open(front, {}, [{ credits: 45n, admittedAt: undefined }])
    equal(verdict.state, 'admitted')
    equal(verdict.standing.windows[0]?.limit, 150n)
    await becomeKnown(front.store, front, front.database.path)
    const standing = await byJournal(front, 2, () => spend(front, 39n))
    equal(standing.windows[0]?.limit, 150n)
    equal(standing.windows[0]?.settled, 99n)
  })

  test('lets a changed quota count for the next call, and for calls that are open', async () => {
    await using front = await startFront({ quota: WARN })
    const { call } = await open(front)
    await front.store.registry.setMember(front.member.name, { fiveHourQuota: 40n })
    const standing = await front.store.ledger.settle(newEntry(call.id, T0, { credits: 20n }))
    equal(standing.windows[0]?.limit, 40n)
    deepEqual(percents(standing.warnings), [50])
    const member = front.store.directory.memberOf(front.member.id)
    equal(member?.fiveHourQuota, 40n)
    const changed = { ...front, member: member ?? front.member }
    equal((await open(changed, {}, [{ credits: 20n, admittedAt: undefined }])).verdict.state, 'held')
  })

  test('hears of what another process granted, reset or set, without being asked', async () => {
    await using front = await startFront()
    await byJournal(front, 2, () => spend(front, 60n))
    await byAnother(front, async (store) => {
      await store.quotas.grant({ ...WISH, member: front.member.name, credits: 50n, until: undefined })
    })
    await soon(front, async () => (await open(front)).verdict.standing.windows[0]?.limit === 150n)
    await becomeKnown(front.store, front, front.database.path)
    await byAnother(front, async (store) => {
      await store.quotas.reset({ ...WISH, member: front.member.name })
    })
    await soon(front, async () => (await open(front)).verdict.standing.windows[0]?.settled === 0n)
    await becomeKnown(front.store, front, front.database.path)
    await byAnother(front, async (store) => {
      await store.registry.setMember(front.member.name, { fiveHourQuota: 40n })
    })
    // What was granted has ended with its window.
    await soon(front, async () => (await spend(front, 0n)).windows[0]?.limit === 40n)
  })

  test('closes the window of a call that was refused after all, for the next call too', async () => {
    await using front = await startFront()
    const { ledger } = front.store
    const late = T0 + WEEK_MS
    const first = newCall(front, late)
    await ledger.open(first, [], late)
    // The member is known with the windows that this call has opened.
    await ledger.probe()
    const refused = { ending: 'refused', credits: 0n, attempts: [] } as const
    const standing = await byJournal(front, 0, () => ledger.settle(newEntry(first.id, late, refused)))
    deepEqual(
      standing.windows.map(({ openedAt }) => openedAt),
      [undefined, undefined],
    )
    const next = await ledger.open(newCall(front, late + 1), [], late + 1)
    deepEqual(
      next.standing.windows.map(({ openedAt }) => openedAt),
      [late + 1, late + 1],
    )
  })

  for (const [what, promisedBefore] of [
    ['is on its way to the database', false],
    ['waits for what was promised before it', true],
  ] as const) {
    test(`counts the calls that are opened while the refusal of the only call in a window ${what}`, async () => {
      await using front = await startFront({ quota: WARN })
      const { ledger } = front.store
      const late = T0 + WEEK_MS
      const other = await populate(front.store)
      await becomeKnown(front.store, other, front.database.path, late)
      const first = newCall(front, late)
      await ledger.open(first, [], late)
      const opened: OpenCall[] = []
      const next = async (): Promise<void> => {
        const call = newCall(front, late + 1)
        equal((await ledger.open(call, [], late + 1)).state, 'admitted')
        opened.push(call)
      }
      await ledger.probe()
      const lock = lockFor(front.database.path)
      if (promisedBefore) await byJournal(front, 1, () => ledger.open(newCall(other, late), [], late))
      const refused = { ending: 'refused', credits: 0n, attempts: [] } as const
      const settling = ledger.settle(newEntry(first.id, late, refused))
      await sleep(100)
      const opening = Promise.all([next(), next(), next()])
      await sleep(100)
      lock[Symbol.dispose]()
      await Promise.all([settling, opening])
      // However well the member is known by then.
      for (let calls = 0; calls < 3; calls += 1) {
        const call = newCall(front, late + 2)
        await ledger.open(call, [], late + 2)
        await ledger.settle(newEntry(call.id, late + 2))
        await ledger.probe()
      }
      const told: DueWarning[] = []
      const settled: (bigint | undefined)[] = []
      for (const { id } of opened) {
        const standing = await ledger.settle(newEntry(id, late + 3, { credits: 40n }))
        settled.push(standing.windows[0]?.settled)
        told.push(...(standing.warnings ?? []))
      }
      deepEqual(settled, [40n, 80n, 120n])
      deepEqual(percents(told), [50, 80])
      equal((await ledger.open(newCall(front, late + 4), [], late + 4)).state, 'spent')
      await ledger.probe()
      await totalsAreExact(front)
    })
  }

  test('asks the database about a call that was open while something changed', async () => {
    await using front = await startFront()
    const { call } = await open(front)
    await front.store.quotas.reset({ ...WISH, member: front.member.name })
    await becomeKnown(front.store, front, front.database.path)
    const standing = await byJournal(front, 0, () => front.store.ledger.settle(newEntry(call.id, T0, { credits: 7n })))
    deepEqual(
      standing.windows.map(({ settled }) => settled),
      [0n, 7n],
    )
    await totalsAreExact(front)
  })

  test('opens a new window when the one that it knows is over', async () => {
    await using front = await startFront()
    await byJournal(front, 2, () => spend(front, 60n))
    const late = T0 + FIVE_HOURS_MS
    const call = newCall(front, late)
    const last = await byJournal(front, 1, () => front.store.ledger.open(newCall(front, late - 1), [], late - 1))
    equal(last.standing.windows[0]?.openedAt, T0)
    const verdict = await front.store.ledger.open(call, [], late)
    equal(verdict.standing.windows[0]?.openedAt, late)
    equal(verdict.standing.windows[0]?.settled, 0n)
    const standing = await front.store.ledger.settle(newEntry(call.id, late, { credits: 5n }))
    equal(standing.windows[0]?.settled, 5n)
    equal(standing.windows[1]?.settled, 65n)
    await front.store.ledger.probe()
    await totalsAreExact(front)
  })
})

suite('sqlite: warnings of calls that go by the journal', () => {
  test('tells of a threshold once, with the settlement that reached it, and puts it into the outbox', async () => {
    await using front = await startFront({ quota: WARN })
    const told: (readonly number[])[] = []
    for (const credits of [30n, 19n, 1n, 10n, 19n, 2n, 10n]) told.push(percents((await spend(front, credits)).warnings))
    deepEqual(told, [[], [], [50], [], [], [80], []])
    deepEqual(percents(await front.store.outbox.due()), [50, 80])
    deepEqual(
      (await front.store.outbox.due()).map(({ settled }) => settled),
      [50n, 81n],
    )
  })

  test('tells of each once, however many calls are settled at once', async () => {
    await using front = await startFront({ quota: WARN })
    const unexpected: DueWarning[] = []
    front.store.onWarnings((warnings) => unexpected.push(...warnings))
    const opened = await byJournal(front, 49, () => Promise.all(Array.from({ length: 49 }, () => open(front))))
    const standings = await Promise.all(
      opened.map(({ call }) => front.store.ledger.settle(newEntry(call.id, T0, { credits: 2n }))),
    )
    // The database has all of them after this.
    await front.store.ledger.probe()
    const told = [...standings.flatMap(({ warnings = [] }) => warnings), ...unexpected]
    deepEqual(
      percents(told).toSorted((a, b) => a - b),
      [50, 80],
    )
    deepEqual((await front.store.outbox.due()).map(({ id }) => id).toSorted(), told.map(({ id }) => id).toSorted())
  })

  test('goes by the journal again after a threshold that was reached while nobody looked', async () => {
    await using front = await startFront({ quota: WARN })
    await byJournal(front, 2, () => spend(front, 44n))
    const [one, other] = [await open(front), await open(front)]
    await front.store.ledger.probe()
    // Neither reaches it alone.
    const asked = front.store.ledger.settle(
      newEntry(one.call.id, T0, { credits: 5n, charging: 'message', message: true }),
    )
    const promised = front.store.ledger.settle(newEntry(other.call.id, T0, { credits: 5n }))
    const told: DueWarning[] = []
    front.store.onWarnings((warnings) => told.push(...warnings))
    told.push(...((await asked).warnings ?? []), ...((await promised).warnings ?? []))
    await front.store.ledger.probe()
    for (let count = 0; count < 2; count += 1) told.push(...((await spend(front, 1n)).warnings ?? []))
    deepEqual(percents(told), [50])
    await byJournal(front, 2, () => spend(front, 1n))
  })
})

function percents(warnings: readonly DueWarning[] | undefined): readonly number[] {
  return (warnings ?? []).map(({ percent }) => percent)
}

async function byAnother({ database }: Front, change: (store: Store) => Promise<void>): Promise<void> {
  await using store = await database.open({ role: 'cli', now: () => T0 })
  await change(store)
}

/** Long after it looked for changes of its own accord: what it does not know by then it does not learn. */
async function soon(front: Front, isSo: () => Promise<boolean>): Promise<void> {
  const revision = front.store.directory.revision
  for (let tries = 0; tries < 30; tries += 1) {
    await sleep(100)
    if (await isSo()) return
  }
  ok(false, `nothing was heard of it, since revision ${revision}`)
}
