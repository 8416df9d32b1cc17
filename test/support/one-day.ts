import { setTimeout as sleep } from 'node:timers/promises'
import { DAY_MS } from '../../src/core/calendar.ts'

/** Longer than a test takes that is about a day of the calendar. */
const LONG_MS = 60_000

/** Resolves at once, but for the last minute of a day, by UTC: then when the next one has begun. */
export async function oneDay(): Promise<void> {
  const left = DAY_MS - (Date.now() % DAY_MS)
  if (left < LONG_MS) await sleep(left + 1)
}
