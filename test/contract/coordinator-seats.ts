import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { NoSeat, type Seat, type Upstream } from '../../src/ports.ts'
import { BILLING, claimOf, cool, upstream, wish, patience, waits, free, SETTINGS } from './coordinator-kit.ts'
import type { MakeCoordinator } from './coordinator-kit.ts'

/** What every coordinator keeps to about the places of upstream keys. */
export function seatsContract(name: string, make: MakeCoordinator): void {
  suite(`places of upstream keys, coordinated by ${name},`, () => {
    test('are no more than the key may have, and go to whoever came first', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const key = upstream(1, { maxConcurrent: 2 })
      const seats = [await coordinator.seat(wish([key]), patience()), await coordinator.seat(wish([key]), patience())]
      const order: number[] = []
      const waiting = [0, 1, 2].map((i) =>
        coordinator.seat(wish([key]), patience()).then(async (seat: Seat) => {
          order.push(i)
          await free(seat)
        }),
      )
      ok(await waits(Promise.race(waiting)))
      for (const seat of seats) await free(seat)
      await Promise.all(waiting)
      deepEqual(order, [0, 1, 2])
    })

    test('go to a later comer only when the earlier ones cannot use them', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const [a, b] = [upstream(1), upstream(2)]
      const seatA = await coordinator.seat(wish([a]), patience())
      const seatB = await coordinator.seat(wish([b]), patience())
      const forA = coordinator.seat(wish([a]), patience())
      const forB = coordinator.seat(wish([b]), patience())
      const forBoth = coordinator.seat(wish([a, b]), patience())
      await free(seatB)
      equal((await forB).upstream.id, 2)
      ok(await waits(Promise.race([forA, forBoth])))
      await free(await forB)
      equal((await forBoth).upstream.id, 2)
      ok(await waits(forA))
      await free(seatA)
      for (const seat of [await forA, await forBoth]) await free(seat)
    })

    test('are for who does not wait, too, where one is free now and nobody waits for it', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const [a, b] = [upstream(1), upstream(2)]
      const seat = await coordinator.seatNow(wish([a]))
      equal(seat?.upstream.id, 1)
      equal(await coordinator.seatNow(wish([a])), undefined)
      const forA = coordinator.seat(wish([a]), patience())
      const other = await coordinator.seatNow(wish([a, b]))
      equal(other?.upstream.id, 2)
      ok(seat && other)
      await free(seat)
      const earlier = await forA
      equal(await coordinator.seatNow(wish([a])), undefined)
      await free(earlier)
      const again = await coordinator.seatNow(wish([a]))
      ok(again)
      coordinator.report(a, BILLING)
      coordinator.report(b, cool(60_000))
      for (const left of [again, other]) await free(left)
      equal(await coordinator.seatNow(wish([a])), undefined)
      equal(await coordinator.seatNow(wish([a, b])), undefined)
      await rejects(coordinator.seat(wish([a]), patience()), NoSeat)
    })

    test('are given back once, and by those who leave', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const key = upstream(1)
      const seat = await coordinator.seat(wish([key]), patience())
      const leaving = new AbortController()
      const left = coordinator.seat(wish([key]), leaving.signal)
      const next = coordinator.seat(wish([key]), patience())
      const reason = new Error('left')
      leaving.abort(reason)
      await rejects(left, reason)
      await free(seat)
      await free(seat)
      const held = await next
      const last = coordinator.seat(wish([key]), patience())
      ok(await waits(last))
      await free(held)
      await free(await last)
      await rejects(coordinator.seat(wish([key]), leaving.signal), reason)
    })

    test('are not lost when somebody leaves in the very moment of getting one', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const key = upstream(1)
      const seat = await coordinator.seat(wish([key]), patience())
      const leaving = new AbortController()
      const reason = new Error('left')
      const left = coordinator.seat(wish([key]), leaving.signal)
      const freed = free(seat)
      leaving.abort(reason)
      await rejects(left, reason)
      await freed
      await free(await coordinator.seat(wish([key]), patience()))

      const place = await coordinator.admit(claimOf(1, 1), patience())
      const quitting = new AbortController()
      const quit = coordinator.admit(claimOf(1, 1), quitting.signal)
      const given = free(place)
      quitting.abort(reason)
      await rejects(quit, reason)
      await given
      await free(await coordinator.admit(claimOf(1, 1), patience()))
    })

    test('follow the limit of the key when it changes', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const seats = [await coordinator.seat(wish([upstream(1)]), patience())]
      const waiting = coordinator.seat(wish([upstream(1)]), patience())
      ok(await waits(waiting))
      seats.push(await coordinator.seat(wish([upstream(1, { maxConcurrent: 3 })]), patience()), await waiting)
      ok(await waits(coordinator.seat(wish([upstream(1, { maxConcurrent: 3 })]), AbortSignal.timeout(100))))
      for (let i = 0; i < 20; i++) {
        seats.push(await coordinator.seat(wish([upstream(1, { maxConcurrent: 0 })]), patience()))
      }
      for (const seat of seats) await free(seat)
    })

    test('follow what administrators change of keys, where nobody new comes', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const follow = (...upstreams: Upstream[]): void =>
        coordinator.follow({ upstreams: () => upstreams, memberOf: () => undefined })
      const seat = await coordinator.seat(wish([upstream(1)]), patience())
      const waiting = [1, 2, 3].map(() => coordinator.seat(wish([upstream(1)]), patience()))
      follow(upstream(1), upstream(2))
      ok(await waits(Promise.race(waiting)))
      follow(upstream(1, { version: 2, maxConcurrent: 3 }), upstream(2))
      const seats = [seat, ...(await Promise.all(waiting.slice(0, 2)))]
      ok(await waits(waiting[2] ?? Promise.resolve()))
      follow(upstream(1, { version: 3, maxConcurrent: 3, enabled: false }), upstream(2))
      await rejects(waiting[2] ?? Promise.resolve(), NoSeat)
      for (const each of seats) await free(each)
    })

    test('bring a conversation back to its key while that is free and healthy', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const keys = [upstream(1), upstream(2), upstream(3)]
      const sticky = { sticky: 'conversation' }
      const first = await coordinator.seat(wish(keys, sticky), patience())
      const home = first.upstream.id
      await free(first)
      for (let i = 0; i < 5; i++) {
        await using other = await coordinator.seat(wish(keys), patience())
        await using seat = await coordinator.seat(wish(keys, sticky), patience())
        if (other.upstream.id !== home) equal(seat.upstream.id, home)
        else break
      }
      const taken = await coordinator.seat(wish(keys.filter((key) => key.id === home)), patience())
      const away = await coordinator.seat(wish(keys, sticky), patience())
      ok(away.upstream.id !== home)
      for (const seat of [taken, away]) await free(seat)
    })

    test('tell how their key was chosen', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const [one, two] = [upstream(1), upstream(2)]
      const sticky = { sticky: 'conversation' }
      const chosen = async (...asked: Parameters<typeof wish>): Promise<string> => {
        await using seat = await coordinator.seat(wish(...asked), patience())
        return `${seat.chosen} ${seat.upstream.id}`
      }
      equal(await chosen([one]), 'only 1')
      equal(await chosen([one, two]), 'fair 2')
      equal(await chosen([one, two], sticky), 'fair 1')
      equal(await chosen([one, two], sticky), 'pinned 1')
      equal(await chosen([one], sticky), 'pinned 1')
      {
        await using busy = await coordinator.seat(wish([one]), patience())
        equal(busy.chosen, 'only')
        equal(await chosen([one, two]), 'only-free 2')
        equal(await chosen([one, two], sticky), 'only-free 2')
      }
      for (let i = 0; i < SETTINGS.maxFailures; i++) {
        coordinator.report(two, { kind: 'penalty' })
        coordinator.report(one, { kind: 'penalty' })
      }
      match(await chosen([one, two]), /^last-resort/)
    })

    test('are shared by weight', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const keys = [upstream(1, { weight: 1 }), upstream(2, { weight: 3 })]
      const counts = new Map<number, number>()
      for (let i = 0; i < 80; i++) {
        await using seat = await coordinator.seat(wish(keys, i % 2 === 0 ? {} : { sticky: `new ${i}` }), patience())
        counts.set(seat.upstream.id, (counts.get(seat.upstream.id) ?? 0) + 1)
      }
      const heavy = counts.get(2) ?? 0
      ok(heavy >= 56 && heavy <= 64, `${heavy} of 80`)
    })
  })
}
