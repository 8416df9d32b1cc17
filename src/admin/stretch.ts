import { DAY_MS, HOUR_MS } from '../core/calendar.ts'
import type { EpochMs } from '../core/units.ts'
import { momentOf } from './option-values.ts'
import { WrongUse } from './wrong-use.ts'

/** The time that a report is about: [from, to). */
export interface Stretch {
  readonly from: EpochMs
  readonly to: EpochMs
}

/** What `--since` and `--until` say. */
export interface StretchFlags {
  readonly since?: string
  readonly until?: string
}

/** In full hours, as sums are kept: today (UTC) where nothing is said. Throws WrongUse. */
export function fullHours({ since, until }: StretchFlags, now: EpochMs): Stretch {
  const midnight = now - (now % DAY_MS)
  const from = since === undefined ? midnight : hourOf('--since', since, now)
  const to = until === undefined ? Math.max(midnight, from) + DAY_MS : hourOf('--until', until, now)
  return ordered({ from, to }, { since, until })
}

/** To the millisecond: from the beginning to now and beyond where nothing is said. Throws WrongUse. */
export function anyStretch({ since, until }: StretchFlags, now: EpochMs): Stretch {
  const from = since === undefined ? 0 : momentOf('--since', since, now)
  const to = until === undefined ? Number.MAX_SAFE_INTEGER : momentOf('--until', until, now)
  return ordered({ from, to }, { since, until })
}

function hourOf(option: string, text: string, now: EpochMs): EpochMs {
  const at = momentOf(option, text, now)
  // A length of time back ends where it ends; nobody asked for that second.
  if (/^\d+[a-z]$/.test(text)) return at - (at % HOUR_MS)
  if (at % HOUR_MS === 0) return at
  throw new WrongUse(`${option} ${JSON.stringify(text)}: sums are kept by the hour, so it must be at a full one (UTC)`)
}

function ordered(
  stretch: Stretch,
  { since, until }: { since: string | undefined; until: string | undefined },
): Stretch {
  if (stretch.from < stretch.to) return stretch
  const said = [since === undefined ? 'today' : `--since ${since}`, until === undefined ? 'today' : `--until ${until}`]
  throw new WrongUse(`${said.join(' is not before ')}: nothing lies between`)
}
