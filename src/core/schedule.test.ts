import { equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { choose, turnAfter } from './schedule.ts'
import type { Candidate } from './schedule.ts'
import type { UpstreamId } from './units.ts'

type Key = { -readonly [K in keyof Candidate]: Candidate[K] } & { calls: number }

function keys(weights: readonly number[]): Key[] {
  return weights.map((weight, i) => ({
    id: i as UpstreamId,
    weight,
    inFlight: 0,
    turn: 0,
    chosen: 0,
    calls: 0,
  }))
}

let sequence = 0

function take(from: readonly Key[]): Key {
  const chosen = choose(from, undefined)
  ok(chosen)
  chosen.turn = turnAfter(chosen, from)
  chosen.chosen = ++sequence
  chosen.calls++
  chosen.inFlight++
  return chosen
}

function shareError(all: readonly Key[]): number {
  const calls = all.reduce((sum, key) => sum + key.calls, 0)
  const weight = all.reduce((sum, key) => sum + key.weight, 0)
  return Math.max(...all.map((key) => Math.abs(key.calls / calls - key.weight / weight)))
}

const weights = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 2, maxLength: 6 })

suite('the choice of a key', () => {
  test('is the one that the conversation had, when it is there', () => {
    const all = keys([1, 1, 1])
    for (const key of all) key.inFlight = key.id === 2 ? 50 : 0
    equal(choose(all, 2 as UpstreamId)?.id, 2)
    equal(choose(all, 9 as UpstreamId)?.id, 0)
    equal(choose([], 2 as UpstreamId), undefined)
  })

  test('is the least loaded for its weight', () => {
    const [a, b] = keys([1, 4])
    ok(a && b)
    a.inFlight = 1
    b.inFlight = 3
    equal(choose([a, b], undefined), b)
    b.inFlight = 5
    equal(choose([a, b], undefined), a)
  })

  test('goes round among equals', () => {
    const all = keys([1, 1, 1])
    for (let i = 0; i < 9; i++) {
      const chosen = take(all)
      chosen.inFlight = 0
      equal(chosen.id, i % 3)
    }
  })

  test('shares one call after the other by weight', () => {
    fc.assert(
      fc.property(weights, (all) => {
        const pool = keys(all)
        for (let i = 0; i < 600; i++) take(pool).inFlight--
        ok(shareError(pool) < 0.01, `${shareError(pool)}`)
      }),
    )
  })

  test('shares many calls at a time by weight, however long each lasts', () => {
    fc.assert(
      fc.property(weights, fc.infiniteStream(fc.nat()), (all, random) => {
        const pool = keys(all)
        const running: Key[] = []
        for (let i = 0; i < 3000; i++) {
          running.push(take(pool))
          if (running.length > 100) {
            const [ended] = running.splice(Number(random.next().value) % running.length, 1)
            if (ended) ended.inFlight--
          }
        }
        ok(shareError(pool) < 0.04, `${shareError(pool)}`)
      }),
      { numRuns: 30 },
    )
  })

  test('does not pour everything on a key that was away', () => {
    const [a, b] = keys([1, 1])
    ok(a && b)
    for (let i = 0; i < 1000; i++) take([a]).inFlight--
    let inRow = 0
    while (take([a, b]) === b) {
      b.inFlight--
      inRow++
    }
    ok(inRow <= 3, `${inRow} in a row`)
  })
})
