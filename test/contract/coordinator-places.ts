import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { claimOf, patience, waits, free, SETTINGS } from './coordinator-kit.ts'
import type { MakeCoordinator } from './coordinator-kit.ts'

/** What every coordinator keeps to about the places of members. */
export function placesContract(name: string, make: MakeCoordinator): void {
  suite(`places of a member, coordinated by ${name},`, () => {
    test('are no more than the member may have, and go to whoever came first', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const first = await coordinator.admit(claimOf(1, 2), patience())
      const second = await coordinator.admit(claimOf(1, 2), patience())
      const order: string[] = []
      const third = coordinator.admit(claimOf(1, 2), patience()).finally(() => order.push('third'))
      const fourth = coordinator.admit(claimOf(1, 2), patience()).finally(() => order.push('fourth'))
      ok(await waits(Promise.race([third, fourth])))
      await free(await coordinator.admit(claimOf(2, 2), patience())) // Another member does not wait.

      await free(second)
      await free(second) // Once is enough.
      await free(await third)
      await fourth
      deepEqual(order, ['third', 'fourth'])
      const fifth = coordinator.admit(claimOf(1, 2), patience())
      ok(await waits(fifth))
      await free(first)
      await free(await fourth)
      await free(await fifth)
    })

    test('are given back once, whatever came in between', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const first = await coordinator.admit(claimOf(1, 1), patience())
      await free(first)
      const second = await coordinator.admit(claimOf(1, 1), patience())
      await free(first)
      const third = coordinator.admit(claimOf(1, 1), patience())
      ok(await waits(third))
      await free(second)
      await free(await third)
    })

    test('are without number when the limit is 0', async () => {
      await using made = await make(SETTINGS)
      const places = await Promise.all(
        Array.from({ length: 50 }, () => made.coordinator.admit(claimOf(1, 0), patience())),
      )
      await Promise.all(places.map(free))
    })

    test('follow the limit when it changes', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const first = await coordinator.admit(claimOf(1, 1), patience())
      const second = coordinator.admit(claimOf(1, 1), patience())
      ok(await waits(second))
      const third = await coordinator.admit(claimOf(1, 3), patience())
      for (const place of [first, await second, third]) await free(place)
    })

    test('follow what administrators change of the limit, where nobody new comes', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const follow = (maxConcurrent: number): void =>
        coordinator.follow({ upstreams: () => [], memberOf: () => claimOf(1, maxConcurrent).member })
      const first = await coordinator.admit(claimOf(1, 1), patience())
      const [second, third] = [1, 2].map(() => coordinator.admit(claimOf(1, 1), patience()))
      follow(1)
      ok(second && third && (await waits(second)))
      follow(2)
      const places = [first, await second]
      ok(await waits(third))
      follow(0)
      for (const place of [...places, await third]) await free(place)
    })

    test('are not given to those who have left', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const first = await coordinator.admit(claimOf(1, 1), patience())
      const leaving = new AbortController()
      const second = coordinator.admit(claimOf(1, 1), leaving.signal)
      const third = coordinator.admit(claimOf(1, 1), patience())
      const reason = new Error('left')
      leaving.abort(reason)
      await rejects(second, reason)
      await rejects(coordinator.admit(claimOf(1, 1), leaving.signal), reason)
      await free(first)
      await free(await third)
    })

    test('know what earlier calls hold, and tell when one of them goes', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const first = await coordinator.admit(claimOf(1, 0, 5n), patience())
      const second = await coordinator.admit(claimOf(1, 0, 7n), patience())
      const third = await coordinator.admit(claimOf(1, 0, 9n), patience())
      await coordinator.admit(claimOf(2, 0, 100n), patience())
      first.admitted(123)
      deepEqual(first.heldBefore(), [])
      deepEqual(third.heldBefore(), [
        { credits: 5n, admittedAt: 123 },
        { credits: 7n, admittedAt: undefined },
      ])
      second.admitted(123)
      deepEqual(third.heldBefore(), [{ credits: 12n, admittedAt: 123 }])
      const changed = second.changed(patience())
      await free(third) // Came later: no concern of the second's.
      ok(await waits(changed))
      await free(first)
      await changed
      deepEqual(second.heldBefore(), [])
      await free(second)
    })

    test('do not miss a call that goes between the look and the wait', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const first = await coordinator.admit(claimOf(1, 0, 5n), patience())
      const second = await coordinator.admit(claimOf(1, 0, 7n), patience())
      const third = await coordinator.admit(claimOf(1, 0, 7n), patience())
      equal(third.heldBefore()[0]?.credits, 12n)
      await free(first)
      await third.changed(patience())
      equal(third.heldBefore()[0]?.credits, 7n)
      const leaving = new AbortController()
      const changed = third.changed(leaving.signal)
      ok(await waits(changed))
      const reason = new Error('left')
      leaving.abort(reason)
      await rejects(changed, reason)
      for (const place of [second, third]) await free(place)
    })
  })
}
