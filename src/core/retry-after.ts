import { httpDate } from './calendar.ts'
import { header } from './headers.ts'
import type { HeaderList } from './headers.ts'
import type { EpochMs } from './units.ts'

/** No hint is believed beyond this: keys have stayed dead for days on a reset instant that was wrong. */
export const LONGEST_WAIT_MS = 600_000

/**
 * How long upstream asks to wait, in ms from now, between 0 and ten minutes; undefined when it does not say.
 *
 * In this order: `retry-after-ms`, `retry-after` (seconds, with or without a fraction, or a date), a text such as
 * "Please try again in 11.054s", and, on the answer to a call that was rate-limited (`limited`), the reset headers
 * of the limits that have nothing remaining, or of all limits where none says so. The text comes before the reset
 * headers because these tell when the limit is full again, which is later than when one more call fits.
 */
export function waitOf(
  headers: HeaderList,
  message: string | undefined,
  now: EpochMs,
  limited = true,
): number | undefined {
  const wait =
    milliseconds(header(headers, 'retry-after-ms')) ??
    secondsOrDate(header(headers, 'retry-after'), now) ??
    fromText(message) ??
    (limited ? fromResets(headers) : undefined)
  return wait === undefined ? undefined : Math.min(Math.max(Math.ceil(wait), 0), LONGEST_WAIT_MS)
}

const NUMBER = /^\d{1,15}(?:\.\d{0,9})?$/

function milliseconds(text: string | undefined): number | undefined {
  const trimmed = text?.trim() ?? ''
  return NUMBER.test(trimmed) ? Number(trimmed) : undefined
}

function secondsOrDate(text: string | undefined, now: EpochMs): number | undefined {
  const seconds = milliseconds(text)
  if (seconds !== undefined) return seconds * 1000
  const at = text === undefined ? undefined : httpDate(text)
  return at === undefined ? undefined : at - now
}

const LIMITS = ['requests', 'tokens']

/** OpenAI states the reset of each limit as a duration of Go: `6m0s`, `12ms`. */
function fromResets(headers: HeaderList): number | undefined {
  let spent: number | undefined
  let any: number | undefined
  for (const limit of LIMITS) {
    const reset = goDuration(header(headers, `x-ratelimit-reset-${limit}`)?.trim())
    if (reset === undefined) continue
    any = Math.max(any ?? 0, reset)
    if (header(headers, `x-ratelimit-remaining-${limit}`)?.trim() === '0') spent = Math.max(spent ?? 0, reset)
  }
  return spent ?? any
}

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
  ['us', 0.001],
  ['µs', 0.001],
  ['ns', 0.000_001],
])

const GO_DURATION = /^(?:\d{1,12}(?:\.\d{1,9})?(?:ms|us|µs|ns|h|m|s))+$/
const GO_PART = /(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)/g

/** Reads `1h2m3.5s`; a plain number is seconds. */
function goDuration(text: string | undefined): number | undefined {
  if (text === undefined || text.length > 60) return undefined
  if (NUMBER.test(text)) return Number(text) * 1000
  if (!GO_DURATION.test(text)) return undefined
  let sum = 0
  for (const [, amount, unit = ''] of text.matchAll(GO_PART)) sum += Number(amount) * (UNIT_MS.get(unit) ?? 0)
  return sum
}

const ASKED =
  /\btry again in\s{0,3}((?:\d{1,12}(?:\.\d{1,9})?\s?(?:milliseconds?|minutes?|seconds?|hours?|ms|h|m|s)\s?)+)/i
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/\s/g, ''],
  [/milliseconds?/g, 'ms'],
  [/seconds?/g, 's'],
  [/minutes?/g, 'm'],
  [/hours?/g, 'h'],
]

function fromText(message: string | undefined): number | undefined {
  // What asks for patience stands near the beginning; nobody's text is searched without end.
  let asked = ASKED.exec(message?.slice(0, 2000) ?? '')?.[1]?.toLowerCase()
  if (asked === undefined) return undefined
  for (const [word, unit] of WORDS) asked = asked.replaceAll(word, unit)
  return goDuration(asked)
}
