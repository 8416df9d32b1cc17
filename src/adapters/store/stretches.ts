import { DAY_MS, HOUR_MS } from '../../core/calendar.ts'
import type { EpochMs } from '../../core/units.ts'

/** A part of the time of a report that is read from sums of one length. */
export interface Stretch {
  readonly unit: Unit
  readonly from: EpochMs
  readonly to: EpochMs
}

export type Unit = 'hour' | 'day' | 'month'

/**
 * Cuts [from, to) into as few sums as there can be: whole months in the middle, days and hours at the edges; no longer
 * than `longest`. Throws a RangeError when it does not begin and end at full hours, UTC.
 */
export function stretchesOf(from: EpochMs, to: EpochMs, longest: Unit): readonly Stretch[] {
  if (from % HOUR_MS !== 0 || to % HOUR_MS !== 0) throw new RangeError('sums begin and end at full hours')
  return cut(from, to, longest)
}

const SHORTER = { month: 'day', day: 'hour' } as const

function cut(from: EpochMs, to: EpochMs, unit: Unit): readonly Stretch[] {
  if (from >= to) return []
  if (unit === 'hour') return [{ unit, from, to }]
  const [first, last] = [floorOf(from, unit) === from ? from : nextOf(from, unit), floorOf(to, unit)]
  if (first >= last) return cut(from, to, SHORTER[unit])
  return [...cut(from, first, SHORTER[unit]), { unit, from: first, to: last }, ...cut(last, to, SHORTER[unit])]
}

function floorOf(at: EpochMs, unit: 'day' | 'month'): EpochMs {
  if (unit === 'day') return at - (at % DAY_MS)
  const date = new Date(at)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth())
}

function nextOf(at: EpochMs, unit: 'day' | 'month'): EpochMs {
  if (unit === 'day') return floorOf(at, unit) + DAY_MS
  const date = new Date(at)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1)
}
