import { deepEqual, ok, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { DAY_MS, HOUR_MS } from '../../core/calendar.ts'
import { ALWAYS, stretchesOf, type Span, type Stretch, type Unit } from './stretches.ts'

function span(from: string, to: string): Span {
  return { from: Date.parse(from), to: Date.parse(to) }
}

function cut(from: string, to: string, longest: Unit, kept: Span = ALWAYS): readonly string[] {
  const short = (at: number) => new Date(at).toISOString().slice(0, 13)
  return stretchesOf(span(from, to), longest, kept).map(
    (one) => `${one.sign === 1 ? '' : 'less '}${one.unit} ${short(one.from)} ${short(one.to)}`,
  )
}

/** A hundred days, and a month before and after them. */
const FIRST = Date.parse('2027-12-30T00:00Z')
const HOURS: readonly number[] = Array.from({ length: 130 * 24 + 800 }, (_, i) => FIRST + (i - 800) * HOUR_MS)

const hour = fc.integer({ min: 0, max: 100 * 24 }).map((i) => FIRST + i * HOUR_MS)
const time: fc.Arbitrary<Span> = fc.record({ from: hour, to: hour })

function isIn({ from, to }: Span, at: number): boolean {
  return at >= from && at < to
}

function timesIn(stretches: readonly Stretch[], at: number): number {
  return stretches.reduce((times, stretch) => times + (isIn(stretch, at) ? stretch.sign : 0), 0)
}

/** Whether it begins and ends with its unit. */
function isWhole({ unit, from, to }: Stretch): boolean {
  const length = unit === 'hour' ? HOUR_MS : DAY_MS
  return [from, to].every((at) => at % length === 0 && (unit !== 'month' || new Date(at).getUTCDate() === 1))
}

suite('the stretches of a report', () => {
  test('are whole months, with days and hours at the edges', () => {
    deepEqual(cut('2026-01-30T22:00Z', '2026-12-02T03:00Z', 'month'), [
      'month 2026-02-01T00 2026-12-01T00',
      'day 2026-01-31T00 2026-02-01T00',
      'hour 2026-01-30T22 2026-01-31T00',
      'day 2026-12-01T00 2026-12-02T00',
      'hour 2026-12-02T00 2026-12-02T03',
    ])
    deepEqual(cut('2026-01-01T00:00Z', '2027-01-01T00:00Z', 'month'), ['month 2026-01-01T00 2027-01-01T00'])
  })

  test('are whole ones at the edges too, less what lies outside, where that is less', () => {
    deepEqual(cut('2026-01-02T05:00Z', '2026-11-28T23:00Z', 'month'), [
      'month 2026-01-01T00 2026-12-01T00',
      'less day 2026-01-01T00 2026-01-02T00',
      'less hour 2026-01-02T00 2026-01-02T05',
      'less day 2026-11-29T00 2026-12-01T00',
      'less hour 2026-11-28T23 2026-11-29T00',
    ])
    // What is taken away has edges of its own.
    deepEqual(cut('2026-01-03T22:00Z', '2026-02-01T00:00Z', 'month'), [
      'month 2026-01-01T00 2026-02-01T00',
      'less day 2026-01-01T00 2026-01-04T00',
      'hour 2026-01-03T22 2026-01-04T00',
    ])
    deepEqual(cut('2026-01-03T02:00Z', '2026-01-03T20:00Z', 'month'), [
      'day 2026-01-03T00 2026-01-04T00',
      'less hour 2026-01-03T00 2026-01-03T02',
      'less hour 2026-01-03T20 2026-01-04T00',
    ])
  })

  test('take nothing away where there are no sums, and read none there', () => {
    const kept = span('2026-02-11T07:00Z', '2026-11-09T15:00Z')
    deepEqual(cut('2026-02-11T07:00Z', '2026-11-10T00:00Z', 'month', kept), ['month 2026-02-01T00 2026-12-01T00'])
    deepEqual(cut('1970-01-01T00:00Z', '2030-01-01T00:00Z', 'month', kept), ['month 2026-02-01T00 2026-12-01T00'])
    deepEqual(cut('2026-02-11T08:00Z', '2026-11-09T15:00Z', 'day', kept), [
      'day 2026-02-11T00 2026-11-10T00',
      'less hour 2026-02-11T07 2026-02-11T08',
    ])
    deepEqual(cut('2026-01-01T00:00Z', '2026-02-11T07:00Z', 'month', kept), [])
    deepEqual(cut('2026-01-01T00:00Z', '2027-01-01T00:00Z', 'month', { from: 0, to: 0 }), [])
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

  test('count every hour that was asked for and is kept once, and no other, whatever they are', () => {
    const unit = fc.constantFrom<Unit>('hour', 'day', 'month')
    fc.assert(
      fc.property(time, unit, fc.oneof(time, fc.constant(ALWAYS)), (asked, longest, kept) => {
        const stretches = stretchesOf(asked, longest, kept)
        ok(stretches.every(isWhole))
        const counted = HOURS.filter((at) => isIn(kept, at)).map((at) => timesIn(stretches, at))
        const wanted = HOURS.filter((at) => isIn(kept, at)).map((at) => (isIn(asked, at) ? 1 : 0))
        deepEqual(counted, wanted)
      }),
    )
  })

  test('begin and end at full hours', () => {
    throws(() => stretchesOf({ from: 1, to: 7_200_000 }, 'month', ALWAYS), RangeError)
    throws(() => stretchesOf({ from: 0, to: 7_200_001 }, 'month', ALWAYS), RangeError)
  })
})
