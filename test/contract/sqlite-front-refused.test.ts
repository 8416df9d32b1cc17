import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { WEEK_MS } from '../../src/core/quota.ts'
import type { EpochMs } from '../../src/core/units.ts'
import type { OpenCall, RefusedCall } from '../../src/ports.ts'
import { newCall, newEntry, T0 } from './bench.ts'
import { lockFor, startFront, totalsAreExact } from './front-kit.ts'

suite('sqlite: a call that was refused because it was not opened in time', () => {
  test('lets none that comes while that is on its way into the window that it opened after all', async () => {
    await using front = await startFront()
    const { ledger } = front.store
    const late = T0 + WEEK_MS
    const call = newCall(front, late)
    await ledger.open(call, [], late)
    // The member is known with the windows that this call has opened.
    await ledger.probe()
    const lock = lockFor(front.database.path)
    const refusing = ledger.refuse(refused(call, late + 100))
    await sleep(100)
    const beside: OpenCall[] = []
    const next = async (): Promise<void> => {
      const other = newCall(front, late + 300)
      const { state, standing } = await ledger.open(other, [], late + 300)
      deepEqual([state, standing.windows[0]?.openedAt], ['admitted', late + 300])
      beside.push(other)
    }
    const opening = Promise.all([next(), next(), next()])
    await sleep(100)
    lock[Symbol.dispose]()
    await Promise.all([refusing, opening])
    const settled: (bigint | undefined)[] = []
    for (const { id } of beside) {
      const standing = await ledger.settle(newEntry(id, late + 400, { credits: 40n }))
      settled.push(standing.windows[0]?.settled)
    }
    deepEqual(settled, [40n, 80n, 120n])
    equal((await ledger.open(newCall(front, late + 500), [], late + 500)).state, 'spent')
    await ledger.probe()
    await totalsAreExact(front)
  })

  test('leaves the next one to open its own', async () => {
    await using front = await startFront()
    const { ledger } = front.store
    const late = T0 + WEEK_MS
    const call = newCall(front, late)
    const opening = ledger.open(call, [], late)
    await ledger.refuse(refused(call, late + 100))
    await opening
    const next = await ledger.open(newCall(front, late + 900), [], late + 900)
    deepEqual(
      next.standing.windows.map(({ openedAt }) => openedAt),
      [late + 900, late + 900],
    )
  })
})

function refused(call: OpenCall, endedAt: EpochMs): RefusedCall {
  const { hold: _, windows: __, opensWindows: ___, ...facts } = call
  return { ...facts, requestId: 'r', status: 503, refusal: 'ledger_unavailable', endedAt }
}
