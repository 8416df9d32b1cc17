import { deepEqual, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { stretchesOf, type Unit } from './stretches.ts'

function cut(from: string, to: string, longest: Unit): readonly string[] {
  const short = (at: number) => new Date(at).toISOString().slice(0, 13)
  return stretchesOf(Date.parse(from), Date.parse(to), longest).map(
    (one) => `${one.unit} ${short(one.from)} ${short(one.to)}`,
  )
}

suite('the stretches of a report', () => {
  test('are whole months, with days and hours at the edges', () => {
    deepEqual(cut('2026-01-30T22:00Z', '2026-12-02T03:00Z', 'month'), [
      'hour 2026-01-30T22 2026-01-31T00',
      'day 2026-01-31T00 2026-02-01T00',
      'month 2026-02-01T00 2026-12-01T00',
      'day 2026-12-01T00 2026-12-02T00',
      'hour 2026-12-02T00 2026-12-02T03',
    ])
    deepEqual(cut('2026-01-01T00:00Z', '2027-01-01T00:00Z', 'month'), ['month 2026-01-01T00 2027-01-01T00'])
  })

  test('are no longer than the report tells apart', () => {
    deepEqual(cut('2026-01-01T00:00Z', '2026-03-01T01:00Z', 'day'), [
      'day 2026-01-01T00 2026-03-01T00',
      'hour 2026-03-01T00 2026-03-01T01',
    ])
    deepEqual(cut('2026-01-01T00:00Z', '2026-03-01T01:00Z', 'hour'), ['hour 2026-01-01T00 2026-03-01T01'])
  })

  test('are hours where no whole day lies between, and none of no time', () => {
    deepEqual(cut('2026-01-01T05:00Z', '2026-01-01T07:00Z', 'month'), ['hour 2026-01-01T05 2026-01-01T07'])
    deepEqual(cut('2026-01-31T23:00Z', '2026-02-01T01:00Z', 'month'), ['hour 2026-01-31T23 2026-02-01T01'])
    deepEqual(cut('2026-01-01T05:00Z', '2026-01-01T05:00Z', 'month'), [])
    deepEqual(cut('2026-01-02T05:00Z', '2026-01-01T05:00Z', 'day'), [])
  })

  test('begin and end at full hours', () => {
    throws(() => stretchesOf(1, 7_200_000, 'month'), RangeError)
    throws(() => stretchesOf(0, 7_200_001, 'month'), RangeError)
  })
})
