import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { MemberTurns } from './member-turns.ts'
import type { MemberId } from './units.ts'

interface Waits {
  readonly id: MemberId
  weight: number
}

function members(...weights: readonly number[]): Waits[] {
  return weights.map((weight, i) => ({ id: i as MemberId, weight }))
}

/** Whose turn it is of these, all of whom wait; of several the one named first. */
function takeNext(turns: MemberTurns, waiting: readonly Waits[]): number {
  const next = waiting.map(({ id, weight }) => turns.next(id, weight))
  const first = waiting[next.indexOf(Math.min(...next))]
  ok(first)
  turns.take(first.id, first.weight)
  return first.id
}

function takeMany(turns: MemberTurns, waiting: readonly Waits[], count: number): number[] {
  return Array.from({ length: count }, () => takeNext(turns, waiting))
}

function countOf(taken: readonly number[], id: number): number {
  return taken.filter((one) => one === id).length
}

const weight = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(0.3, 0.5, 1 / 3, 20))

suite('the turns of members', () => {
  test('are as their weights say, over every stretch of time and but for one turn each', () => {
    fc.assert(
      fc.property(fc.array(weight, { minLength: 2, maxLength: 5 }), (weights) => {
        const all = members(...weights)
        const taken = takeMany(new MemberTurns(), all, 300)
        for (const [f, g] of pairs(all)) {
          let [lead, least, most] = [0, 0, 0]
          for (const id of taken) {
            lead += id === f.id ? 1 / f.weight : id === g.id ? -1 / g.weight : 0
            ;[least, most] = [Math.min(least, lead), Math.max(most, lead)]
          }
          ok(most - least <= 1 / f.weight + 1 / g.weight + 1e-6, `${f.weight} : ${g.weight}`)
        }
      }),
    )
  })

  test('come to everybody, however light', () => {
    const taken = takeMany(new MemberTurns(), members(0.01, 100), 30_000)
    deepEqual([taken.indexOf(0), taken.indexOf(0, 1), countOf(taken, 0)], [0, 10_001, 3])
  })

  test('are not saved up by who does not wait', () => {
    const turns = new MemberTurns()
    const [light, heavy] = members(1, 4)
    ok(light && heavy)
    takeMany(turns, [light, heavy], 40)
    takeMany(turns, [heavy], 50)
    deepEqual(takeMany(turns, [light, heavy], 9), [0, 1, 1, 1, 0, 1, 1, 1, 1])
  })

  test('go by the weight of today, whatever it was at the last turn', () => {
    const turns = new MemberTurns()
    const [one, other] = members(0.001, 1)
    ok(one && other)
    equal(takeNext(turns, [one, other]), 0)
    equal(countOf(takeMany(turns, [one, other], 50), 0), 0)
    one.weight = 1
    ok(Math.abs(countOf(takeMany(turns, [one, other], 50), 0) - 25) <= 1)
  })

  test('do not lose a step of the heaviest behind many of the lightest, nor in weights beyond all measure', () => {
    const turns = new MemberTurns()
    const [lightest, one, heaviest] = members(1e-9, 1e5, 1e300)
    ok(lightest && one && heaviest)
    takeMany(turns, [lightest], 19_999)
    ok(Math.abs(countOf(takeMany(turns, [one, heaviest], 1100), one.id) - 100) <= 2)
  })

  test('leave nothing behind of members that stay away', () => {
    const turns = new MemberTurns()
    for (let id = 0; id < 5000; id++) turns.take(id as MemberId, 1)
    equal(turns.size, 5000)
    takeMany(turns, members(1, 1), 300)
    equal(turns.size, 2)
  })
})

function pairs<T>(all: readonly T[]): [T, T][] {
  return all.flatMap((one, i) => all.slice(i + 1).map((other): [T, T] => [one, other]))
}
