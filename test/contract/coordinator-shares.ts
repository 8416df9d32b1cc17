import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { MemberId } from '../../src/core/units.ts'
import type { Coordinator, Seat, Upstream } from '../../src/ports.ts'
import { free, patience, SETTINGS, upstream, wish } from './coordinator-kit.ts'
import type { MakeCoordinator } from './coordinator-kit.ts'

interface Served {
  readonly name: string
  readonly seat: Seat
}

/** Members that wait for places of keys, and the last of those who got one. */
class Crowd {
  readonly #coordinator: Coordinator
  readonly #ids = new Map<string, MemberId>()
  readonly #served: Served[] = []
  #wake = (): void => undefined

  constructor(coordinator: Coordinator) {
    this.#coordinator = coordinator
  }

  call(name: string, weight: number, keys: readonly Upstream[]): void {
    const id = this.#ids.get(name) ?? ((this.#ids.size + 2) as MemberId)
    this.#ids.set(name, id)
    void this.#coordinator.seat(wish(keys, { member: { id, weight } }), patience()).then((seat) => {
      this.#served.push({ name, seat })
      this.#wake()
    })
  }

  /** The next that got a place. */
  async next(): Promise<Served> {
    for (;;) {
      const first = this.#served.shift()
      if (first) return first
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

/** A crowd before the only place that there is. */
class OnePlace {
  readonly key = upstream(1)
  readonly #crowd: Crowd
  #held: Seat | undefined

  constructor(coordinator: Coordinator) {
    this.#crowd = new Crowd(coordinator)
  }

  call(name: string, weight: number, times = 1): void {
    for (let i = 0; i < times; i++) this.#crowd.call(name, weight, [this.key])
  }

  /** The first to come has it at once. */
  async begin(name: string, weight: number): Promise<void> {
    this.call(name, weight)
    this.#held = (await this.#crowd.next()).seat
  }

  /** Who gets it, one after the other. */
  async next(count: number, weights: Readonly<Record<string, number>> = {}): Promise<string[]> {
    const names: string[] = []
    while (names.length < count) {
      if (this.#held) await free(this.#held)
      const { name, seat } = await this.#crowd.next()
      this.#held = seat
      names.push(name)
      // These never tire: for each call that was served another one comes.
      const weight = weights[name]
      if (weight !== undefined) this.call(name, weight)
    }
    return names
  }
}

function countOf(names: readonly string[], name: string): number {
  return names.filter((one) => one === name).length
}

/** What every coordinator keeps to when calls of several members wait for the places of keys. */
export function sharesContract(name: string, make: MakeCoordinator): void {
  suite(`places of upstream keys for which several members wait, coordinated by ${name},`, () => {
    test('go to the members by their weights', async () => {
      await using made = await make(SETTINGS)
      const place = new OnePlace(made.coordinator)
      await place.begin('somebody', 1)
      place.call('light', 1, 3)
      place.call('heavy', 4, 3)
      const names = await place.next(50, { light: 1, heavy: 4 })
      deepEqual(names.slice(0, 6), ['light', 'heavy', 'heavy', 'heavy', 'heavy', 'light'])
      deepEqual([countOf(names, 'light'), countOf(names, 'heavy')], [10, 40])
    })

    test('go by the weights of those that wait for the same key, whatever else is waited for', async () => {
      await fc.assert(
        fc.asyncProperty(situation, (each) => shared(make, each)),
        { numRuns: 60 },
      )
    })

    test('come to the lightest beside the heaviest, though seldom', async () => {
      await using made = await make(SETTINGS)
      const place = new OnePlace(made.coordinator)
      await place.begin('somebody', 1)
      place.call('heavy', 100, 3)
      place.call('light', 0.01, 3)
      const names = await place.next(10_010, { light: 0.01, heavy: 100 })
      const [first, second] = [names.indexOf('light'), names.lastIndexOf('light')]
      equal(first, 1)
      // 10,000 of the other's are between, but for one.
      ok(Math.abs(second - first - 10_001) <= 1, `${second}`)
    })

    test('go to whoever waits alone as they come, and are not held against it', async () => {
      await using made = await make(SETTINGS)
      const place = new OnePlace(made.coordinator)
      await place.begin('alone', 0.5)
      place.call('alone', 0.5, 20)
      equal(countOf(await place.next(20), 'alone'), 20)
      place.call('alone', 0.5, 3)
      place.call('other', 0.5, 3)
      deepEqual(await place.next(6), ['other', 'alone', 'other', 'alone', 'other', 'alone'])
    })

    test('are not saved up by who is away', async () => {
      await using made = await make(SETTINGS)
      const place = new OnePlace(made.coordinator)
      await place.begin('somebody', 1)
      place.call('away', 1)
      place.call('there', 1, 3)
      equal(countOf(await place.next(20, { there: 1 }), 'away'), 1)
      place.call('away', 1, 3)
      deepEqual(await place.next(6), ['away', 'there', 'away', 'there', 'away', 'there'])
    })

    test('go by the weight that a member’s next call brings', async () => {
      await using made = await make(SETTINGS)
      const place = new OnePlace(made.coordinator)
      await place.begin('somebody', 1)
      place.call('changed', 0.001, 3)
      place.call('other', 1, 3)
      equal(countOf(await place.next(30, { changed: 0.001, other: 1 }), 'changed'), 1)
      place.call('changed', 2)
      const after = await place.next(30, { changed: 2, other: 1 })
      equal(countOf(after, 'changed'), 20)
    })

    test('count for nothing where they were free', async () => {
      await using made = await make(SETTINGS)
      const place = new OnePlace(made.coordinator)
      const busy = { id: 2 as MemberId, weight: 0.01 }
      for (let i = 0; i < 20; i++)
        await free(await made.coordinator.seat(wish([place.key], { member: busy }), patience()))
      await place.begin('busy', 0.01)
      place.call('busy', 0.01)
      place.call('heavy', 100)
      deepEqual(await place.next(2), ['busy', 'heavy'])
    })

    test('go by weight when many come free at once', async () => {
      await using made = await make(SETTINGS)
      const { coordinator } = made
      const keys = [upstream(1), upstream(2)]
      for (const key of keys) await coordinator.seat(wish([key]), patience())
      const crowd = new Crowd(coordinator)
      for (let i = 0; i < 12; i++) crowd.call('light', 1, keys)
      for (let i = 0; i < 12; i++) crowd.call('heavy', 3, keys)
      // Behind all of them comes one that tells of more room.
      const roomy = keys.map((key) => ({ ...key, maxConcurrent: 9, version: 2 }))
      crowd.call('late', 1000, roomy)
      const served: string[] = []
      for (let i = 0; i < 16; i++) {
        const { name: who, seat } = await crowd.next()
        served.push(`${who} ${seat.upstream.id}`)
      }
      const counts = ['light 1', 'light 2', 'heavy 1', 'heavy 2'].map((which) => countOf(served, which))
      deepEqual(counts, [2, 2, 6, 6])
    })
  })
}

interface Situation {
  readonly members: readonly { readonly weight: number; readonly mask: number }[]
  /** The places of each key. */
  readonly places: readonly number[]
  /** Which of the taken places comes free next. */
  readonly frees: readonly number[]
}

const situation: fc.Arbitrary<Situation> = fc.record({
  members: fc.array(fc.record({ weight: fc.constantFrom(0.5, 1, 1, 2, 3, 7), mask: fc.integer({ min: 1, max: 7 }) }), {
    minLength: 2,
    maxLength: 4,
  }),
  places: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 3, maxLength: 3 }),
  frees: fc.array(fc.nat(999), { minLength: 100, maxLength: 200, size: 'max' }),
})

/** All members wait all the time, each for some of the keys: those that wait for one share it by weight, but for one call each. */
async function shared(make: MakeCoordinator, { members, places, frees }: Situation): Promise<void> {
  await using made = await make(SETTINGS)
  const keys = places.map((maxConcurrent, i) => upstream(i + 1, { maxConcurrent }))
  const taken: Seat[] = []
  for (const key of keys) {
    for (let i = 0; i < key.maxConcurrent; i++) taken.push(await made.coordinator.seat(wish([key]), patience()))
  }
  const crowd = new Crowd(made.coordinator)
  const all = members.map(({ weight, mask }, i) => {
    const wanted = keys.filter((_, k) => (mask & (1 << k)) !== 0)
    return { name: `${i}`, weight, wanted, call: () => crowd.call(`${i}`, weight, wanted) }
  })
  for (const { call } of all) for (let i = 0; i < 3; i++) call()
  const served: { readonly name: string; readonly key: number }[] = []
  for (const which of frees) {
    const seats = taken.filter(({ upstream: { id } }) => all.some(({ wanted }) => wanted.some((key) => key.id === id)))
    const seat = seats[which % seats.length]
    ok(seat)
    taken.splice(taken.indexOf(seat), 1)
    await free(seat)
    const next = await crowd.next()
    equal(next.seat.upstream.id, seat.upstream.id)
    taken.push(next.seat)
    served.push({ name: next.name, key: seat.upstream.id })
    all.find(({ name }) => name === next.name)?.call()
  }
  for (const { id } of keys) {
    const rivals = all.filter(({ wanted }) => wanted.some((key) => key.id === id))
    const names = served.filter(({ key }) => key === id).map(({ name }) => name)
    for (const f of rivals) for (const g of rivals) checkShares(names, f, g)
  }
}

function checkShares(names: readonly string[], f: Sharer, g: Sharer): void {
  let [lead, least, most] = [0, 0, 0]
  for (const name of names) {
    if (name === f.name) lead += 1 / f.weight
    if (name === g.name) lead -= 1 / g.weight
    ;[least, most] = [Math.min(least, lead), Math.max(most, lead)]
  }
  ok(most - least <= 1 / f.weight + 1 / g.weight + 1e-6, `${f.weight} : ${g.weight} in ${names.join(' ')}`)
}

interface Sharer {
  readonly name: string
  readonly weight: number
}
