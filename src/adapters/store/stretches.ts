import { DAY_MS, HOUR_MS } from '../../core/calendar.ts'
import type { EpochMs } from '../../core/units.ts'

/** From an instant up to another, itself not in it. */
export interface Span {
  readonly from: EpochMs
  readonly to: EpochMs
}

/** A part of the time of a report that is read from sums of one length. */
export interface Stretch extends Span {
  readonly unit: Unit
  readonly sign: Sign
}

export type Unit = 'hour' | 'day' | 'month'

/** Whether sums are added, or taken away from longer ones that were added before. */
export type Sign = 1 | -1

export const ALWAYS: Span = { from: 0, to: Number.MAX_SAFE_INTEGER }

/**
 * Cuts a time into as few sums as there can be: whole months in the middle, days and hours at the edges; no longer than
 * `longest`. Where less of an edge's month (or day) lies outside than inside, it is read as a whole, and what lies outside
 * is taken away again. There are sums in `kept` only: outside of it lies nothing, and so a report up to now reads whole
 * months to its end. Throws a RangeError when the time does not begin and end at full hours, UTC.
 */
export function stretchesOf(time: Span, longest: Unit, kept: Span): readonly Stretch[] {
  if (time.from % HOUR_MS !== 0 || time.to % HOUR_MS !== 0) throw new RangeError('sums begin and end at full hours')
  return cut(both(time, kept), longest, kept)
}

const SHORTER = { month: 'day', day: 'hour' } as const

function cut(time: Span, unit: Unit, kept: Span): readonly Stretch[] {
  const { from, to } = time
  if (from >= to) return []
  if (unit === 'hour') return [{ unit, from, to, sign: 1 }]
  const [before, after] = [unitAt(from, unit), unitAt(to, unit)]
  const first = isMostlyIn(before, time, kept) ? before.from : before.to
  const last = isMostlyIn(after, time, kept) ? after.to : after.from
  const shorter = SHORTER[unit]
  if (first >= last) return cut(time, shorter, kept)
  return [
    { unit, from: first, to: last, sign: 1 },
    ...cut({ from, to: first }, shorter, kept),
    ...cut({ from: last, to }, shorter, kept),
    ...away(cut(both({ from: first, to: from }, kept), shorter, kept)),
    ...away(cut(both({ from: to, to: last }, kept), shorter, kept)),
  ]
}

/** The month or the day in which `at` lies; nothing where one begins just there. */
function unitAt(at: EpochMs, unit: 'day' | 'month'): Span {
  const date = new Date(at)
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  const from = unit === 'day' ? at - (at % DAY_MS) : Date.UTC(year, month)
  if (from === at) return { from, to: from }
  return { from, to: unit === 'day' ? from + DAY_MS : Date.UTC(year, month + 1) }
}

/** Of what is kept of a month or a day. */
function isMostlyIn(whole: Span, time: Span, kept: Span): boolean {
  const inside = both(whole, time)
  return lengthOf(both(whole, kept)) < 2 * lengthOf(inside)
}

function both(one: Span, other: Span): Span {
  return { from: Math.max(one.from, other.from), to: Math.min(one.to, other.to) }
}

function lengthOf({ from, to }: Span): number {
  return Math.max(0, to - from)
}

function away(stretches: readonly Stretch[]): readonly Stretch[] {
  return stretches.map((stretch) => ({ ...stretch, sign: stretch.sign === 1 ? -1 : 1 }))
}
