import { equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { NoSeat } from '../../src/ports.ts'
import { upstream, wish, OK, BILLING, cool, patience, waits, free, SETTINGS } from './coordinator-kit.ts'
import type { MakeCoordinator } from './coordinator-kit.ts'

/** What every coordinator keeps to about keys that are not well. */
export function healthContract(name: string, make: MakeCoordinator): void {
  suite(`ailing keys, coordinated by ${name},`, () => {
    test('are waited for, not longer than they cool', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const key = upstream(1)
      coordinator.report(key, cool(400))
      const left = coordinator.soonest(wish([key])) ?? 0
      ok(left > 100 && left <= 400, `${left} ms`)
      equal(coordinator.survey().get(key.id)?.state, 'cooling')
      equal(coordinator.pulse(key.id)?.state, 'cooling')
      const seat = coordinator.seat(wish([key]), patience())
      ok(await waits(seat, 100))
      ok(!(await waits(seat, 2000)))
      await free(await seat)
    })

    test('are passed over for healthy ones, and not for other models', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const [a, b] = [upstream(1), upstream(2)]
      coordinator.report(a, cool(60_000))
      for (let i = 0; i < 3; i++) {
        await using seat = await coordinator.seat(wish([a, b]), patience())
        equal(seat.upstream.id, 2)
      }
      await free(await coordinator.seat(wish([a], { model: 'other' }), patience()))
      equal(coordinator.soonest(wish([b])), undefined)
    })

    test('let one probe through, and the others when it was well', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const key = upstream(1, { maxConcurrent: 5 })
      coordinator.report(key, cool(20))
      const probe = await coordinator.seat(wish([key]), patience())
      const others = [coordinator.seat(wish([key]), patience()), coordinator.seat(wish([key]), patience())]
      ok(await waits(Promise.race(others), 60))
      coordinator.report(key, OK)
      for (const seat of [probe, ...(await Promise.all(others))]) await free(seat)
      equal(coordinator.survey().get(key.id)?.state, 'healthy')
    })

    test('let the next probe through when one ends without a word', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const key = upstream(1, { maxConcurrent: 5 })
      coordinator.report(key, cool(20))
      const probe = await coordinator.seat(wish([key]), patience())
      const next = coordinator.seat(wish([key]), patience())
      ok(await waits(next))
      await free(probe)
      await free(await next)
    })

    test('free the way for other keys of their project when a probe ends without a word', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const [a, b] = [upstream(1, { project: 'p' }), upstream(2, { project: 'p' })]
      coordinator.report(a, cool(20))
      const probe = await coordinator.seat(wish([a]), patience())
      const next = coordinator.seat(wish([b]), patience())
      ok(await waits(next))
      await free(probe)
      await free(await next)
    })

    test('refuse at once when an administrator is needed, and those who wait as well', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const [a, b] = [upstream(1, { organization: 'o' }), upstream(2, { organization: 'o' })]
      const held = await coordinator.seat(wish([b]), patience())
      const waiting = coordinator.seat(wish([b]), patience())
      ok(await waits(waiting))
      coordinator.report(a, BILLING)
      await rejects(waiting, (error) => error instanceof NoSeat && error.message.includes('billing'))
      await rejects(coordinator.seat(wish([a, b]), patience()), NoSeat)
      await rejects(coordinator.seat(wish([]), patience()), NoSeat)
      await free(held)
      await free(await coordinator.seat(wish([a, upstream(3)]), patience()))
      equal(coordinator.survey().get(b.id)?.reason, 'billing')
    })

    test('are probed slowly when an administrator is needed', async () => {
      await using made = await make({ ...SETTINGS, slowProbeMs: 60 })
      const { coordinator } = made
      const key = upstream(1)
      coordinator.report(key, BILLING)
      await rejects(coordinator.seat(wish([key]), patience()), NoSeat)
      await sleep(80)
      const probe = await coordinator.seat(wish([key]), patience())
      coordinator.report(key, OK)
      await free(probe)
      await free(await coordinator.seat(wish([key]), patience()))
    })

    test('come back when the administrator changes them', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const key = upstream(1)
      for (let i = 0; i < 2; i++) coordinator.report(key, { kind: 'unauthorized' })
      await rejects(coordinator.seat(wish([key]), patience()), NoSeat)
      await free(await coordinator.seat(wish([upstream(1, { version: 2 })]), patience()))
      for (let i = 0; i < 2; i++) coordinator.report(key, { kind: 'unauthorized' })
      await free(await coordinator.seat(wish([upstream(1, { version: 2 })]), patience()))
    })

    test('rest after failures in a row, unless there is no other', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const [a, b] = [upstream(1), upstream(2)]
      for (let i = 0; i < 3; i++) coordinator.report(a, { kind: 'penalty' })
      await free(await coordinator.seat(wish([a]), patience()))
      const seat = await coordinator.seat(wish([a, b]), patience())
      equal(seat.upstream.id, 2)
      const next = coordinator.seat(wish([a, b]), patience())
      ok(await waits(next))
      for (let i = 0; i < 3; i++) coordinator.report(b, { kind: 'penalty' })
      equal((await next).upstream.id, 1)
      for (const each of [seat, await next]) await free(each)
    })
  })
}
