import type { EpochMs } from './units.ts'

export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000
export const DAY_MS = 86_400_000

/** Days since 1970-01-01 of a date of the Gregorian calendar; undefined when there is no such day. */
export function dayNumber(year: number, month: number, day: number): number | undefined {
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined
  // Counted in years that begin in March, so that the leap day is the last of its year.
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

/** Days since 1970-01-01 of `YYYY-MM-DD`; undefined when it is no such date. */
export function dayOf(date: string): number | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(date)
  if (!match) return undefined
  return dayNumber(Number(match[1]), Number(match[2]), Number(match[3]))
}

/** The UTC day of an instant, as days since 1970-01-01. */
export function dayAt(at: EpochMs): number {
  return Math.floor(at / DAY_MS)
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** Reads a date of HTTP in its preferred form, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7); undefined otherwise. */
export function httpDate(text: string): EpochMs | undefined {
  const match = /^[a-z]{3}, (\d{2}) ([a-z]{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) gmt$/i.exec(text.trim())
  if (!match) return undefined
  const [, day, month = '', year, hours, minutes, seconds] = match
  const days = dayNumber(Number(year), MONTHS.indexOf(month.toLowerCase()) + 1, Number(day))
  if (days === undefined) return undefined
  return days * DAY_MS + ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}
