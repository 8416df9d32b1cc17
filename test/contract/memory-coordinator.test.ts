import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { memoryCoordinator } from '../../src/adapters/coordination/memory.ts'
import type { MemoryCoordinator } from '../../src/adapters/coordination/memory.ts'
import { OK, claimOf, cool, patience, settle, upstream, waits, wish } from './coordinator-kit.ts'
import { coordinatorContract } from './coordinator.contract.ts'

coordinatorContract('memory', async (settings) => ({
  coordinator: memoryCoordinator({ ...settings, now: Date.now }),
  [Symbol.asyncDispose]: async () => {},
}))

const NOTHING = { placed: 0, waitingForPlace: 0, seated: 0, waitingForSeat: 0, members: 0, cooldowns: 0, timers: 0 }

function make(now: () => number = Date.now): MemoryCoordinator {
  return memoryCoordinator({ now, maxFailures: 3, cooldownMs: 1000, slowProbeMs: 5000, pins: 1000, random: () => 0 })
}

suite('the memory coordinator', () => {
  test('leaves nothing behind but pins', async () => {
    const coordinator = make()
    const keys = [1, 2, 3].map((id) => upstream(id, { maxConcurrent: 4 }))
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < 100_000) {
        const i = next++
        await using place = await coordinator.admit(claimOf(i % 50, 2, 1n), patience())
        place.heldBefore()
        await using seat = await coordinator.seat(wish(keys, { sticky: `session ${i % 5000}` }), patience())
        coordinator.report(seat.upstream, OK)
      }
    }
    await Promise.all(Array.from({ length: 40 }, worker))
    deepEqual(coordinator.traffic(), { ...NOTHING, pins: 1000 })
    equal(coordinator.survey().size, 3)
    for (const [id, pulse] of coordinator.survey()) deepEqual(coordinator.pulse(id), pulse)
  })

  test('wakes when a cooldown ends, by one timer which it takes away with the last who waits', async (context) => {
    context.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 })
    const coordinator = make()
    const key = upstream(1)
    coordinator.report(key, cool(5000))
    const leaving = new AbortController()
    const seat = coordinator.seat(wish([key]), patience())
    const left = coordinator.seat(wish([key]), leaving.signal)
    left.catch(() => {})
    equal(coordinator.traffic().timers, 1)
    let woken = false
    seat.then(() => (woken = true))
    context.mock.timers.tick(4999)
    await settle()
    equal(woken, false)
    context.mock.timers.tick(1)
    await settle()
    equal(woken, true)
    leaving.abort(new Error('left'))
    equal(coordinator.traffic().timers, 0)
    coordinator.report(key, OK)
    await (await seat)[Symbol.asyncDispose]()
    deepEqual(coordinator.traffic(), { ...NOTHING, pins: 0 })
  })

  test('goes on when a probe is lost', async (context) => {
    context.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 })
    const coordinator = make()
    const key = upstream(1, { maxConcurrent: 10 })
    coordinator.report(key, cool(5000))
    const seats = [1, 2].map(() => coordinator.seat(wish([key]), patience()))
    let woken = 0
    for (const seat of seats) seat.then(() => woken++)
    context.mock.timers.tick(5000)
    await settle()
    equal(woken, 1)
    context.mock.timers.tick(10_000)
    await settle()
    equal(woken, 2)
  })

  test('forgets a conversation that is too old', async () => {
    let now = 0
    const coordinator = memoryCoordinator({ now: () => now, maxFailures: 3, cooldownMs: 1, pinAgeMs: 100 })
    const keys = [upstream(1), upstream(2)]
    const visit = async (): Promise<number> => {
      await using seat = await coordinator.seat(wish(keys, { sticky: 's' }), patience())
      return seat.upstream.id
    }
    const home = await visit()
    now = 100
    equal(await visit(), home)
    now = 201
    ok((await visit()) !== home)
    equal(coordinator.traffic().pins, 1)
  })

  test('falls back on a failing key as soon as nothing else speaks against it', async () => {
    let now = 1_000_000
    const coordinator = make(() => now)
    const key = upstream(1)
    for (let i = 0; i < 3; i++) coordinator.report(key, { kind: 'penalty' })
    coordinator.report(key, cool(500))
    const order: string[] = []
    const visit = async (name: string): Promise<void> => {
      await using seat = await coordinator.seat(wish([key]), patience())
      order.push(`${name} ${seat.upstream.id}`)
    }
    const early = visit('early')
    now += 500
    await Promise.all([early, visit('late')])
    deepEqual(order, ['early 1', 'late 1'])
  })

  test('falls back on a failing key when a probe shuts the healthy ones', async () => {
    let now = 1_000_000
    const coordinator = make(() => now)
    const failing = upstream(1)
    const [busy, probing] = [upstream(2, { project: 'p' }), upstream(3, { project: 'p' })]
    await coordinator.seat(wish([busy]), patience())
    for (let i = 0; i < 3; i++) coordinator.report(failing, { kind: 'penalty' })
    coordinator.report(probing, cool(100))
    now += 100
    const waiting = coordinator.seat(wish([failing, busy]), patience())
    await settle()
    equal(coordinator.traffic().waitingForSeat, 1)
    await coordinator.seat(wish([probing]), patience())
    ok(!(await waits(waiting, 300))) // Its timer would come later.
    equal((await waiting).upstream.id, 1)
  })

  test('lets nobody overtake in the moment between the end of a cooldown and its timer', async () => {
    let now = 1_000_000
    const coordinator = make(() => now)
    const key = upstream(1)
    coordinator.report(key, cool(60_000))
    const order: string[] = []
    const visit = async (name: string): Promise<void> => {
      await using seat = await coordinator.seat(wish([key]), patience())
      order.push(name)
      coordinator.report(seat.upstream, OK)
    }
    const early = visit('early')
    now += 60_000
    await Promise.all([early, visit('late')])
    deepEqual(order, ['early', 'late'])
  })

  test('serves at once who would rather have a key whose cooldown is over, though its timer has not rung', async () => {
    let now = 1_000_000
    const coordinator = make(() => now)
    const [busy, cooled] = [upstream(1), upstream(2)]
    const before = await coordinator.seat(wish([cooled], { sticky: 's' }), patience())
    await before[Symbol.asyncDispose]()
    coordinator.report(cooled, cool(60_000))
    const seat = await coordinator.seat(wish([busy]), patience())
    const waiting = coordinator.seat(wish([busy, cooled], { sticky: 's' }), patience())
    now += 60_000
    await seat[Symbol.asyncDispose]()
    ok(!(await waits(waiting)))
    equal((await waiting).upstream.id, 2)
  })

  test('wakes everybody who can be served by a key that got more room', async () => {
    const coordinator = make()
    const seats = [await coordinator.seat(wish([upstream(1)]), patience())]
    const waiting = [1, 2, 3].map(() => coordinator.seat(wish([upstream(1)]), patience()))
    coordinator.report(upstream(1, { maxConcurrent: 4, version: 2 }), { kind: 'neutral' })
    seats.push(...(await Promise.all(waiting)))
    equal(coordinator.traffic().seated, 4)
    for (const seat of seats) await seat[Symbol.asyncDispose]()
  })
})
