import { WINDOW_NAMES, type WindowMode, type WindowName } from '../core/quota.ts'
import { type EpochMs, type NanoCredits, parseCredits } from '../core/units.ts'
import { WrongUse } from './wrong-use.ts'

/** Everything here reads the text of one option, or throws WrongUse saying which, what was wrong and what would be right. */
export function wrong(option: string, text: string, right: string): WrongUse {
  return new WrongUse(`${option} ${JSON.stringify(text)}: must be ${right}`)
}

export function weightOf(option: string, text: string): number {
  const weight = Number(text)
  if (/^\d+(?:\.\d+)?$/.test(text) && weight > 0 && weight <= 1_000_000) return weight
  throw wrong(option, text, 'a number above 0 and up to 1000000, such as 1.0 or 2.5')
}

/** What is counted, and an example: `calls`, `4 (0 = unlimited)`. */
interface Counted {
  readonly of: string
  readonly example: string
}

export function countOf(option: string, text: string, least: number, { of, example }: Counted): number {
  const count = Number(text)
  if (/^\d{1,9}$/.test(text) && count >= least) return count
  throw wrong(option, text, `a whole number of ${of} from ${least} to 999999999, such as ${example}`)
}

export function portOf(option: string, text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw wrong(option, text, 'a port from 0 to 65535, such as 9090')
}

export function speedOf(option: string, text: string): number {
  const speed = Number(text)
  if (/^\d{1,9}(?:\.\d+)?$/.test(text) && speed > 0) return speed
  throw wrong(option, text, 'a number of tokens above 0 and below 1000000000, such as 50')
}

export function textOf(option: string, text: string): string {
  if (text.trim() !== '') return text
  throw wrong(option, text, 'at least one word, such as "Hello"')
}

/** The name of a file that may or may not be there. */
export function fileOf(option: string, text: string): string {
  // With a zero byte in it Node throws what nobody understands.
  if (text !== '' && !text.includes('\0')) return text
  throw wrong(option, text, 'the name of a file')
}

export function quotaOf(option: string, text: string): NanoCredits {
  const credits = parseCredits(text)
  if (credits !== undefined) return credits
  const right = 'a number of credits below 1000000000 with at most 9 decimals, such as 100 or 12.5 (0 = unlimited)'
  throw wrong(option, text, right)
}

export function windowOf(option: string, text: string): WindowName {
  const name = WINDOW_NAMES.find((one) => one === text)
  if (name !== undefined) return name
  throw wrong(option, text, `the name of a window: ${WINDOW_NAMES.join(', ')}`)
}

/** `default` takes a member's own quota away. */
export function ownQuotaOf(option: string, text: string): NanoCredits | undefined {
  return text === 'default' ? undefined : quotaOf(option, text)
}

/** `default` takes a member's own mode away. */
export function modeOf(option: string, text: string): WindowMode | undefined {
  if (text === 'default') return undefined
  if (text === 'anchored' || text === 'rolling') return text
  throw wrong(option, text, 'anchored, rolling or default')
}

/** A list of model names; `all` takes a restriction away. */
export function modelsOf(option: string, text: string): readonly string[] | undefined {
  if (text === 'all') return undefined
  const models = text.split(',').map((model) => model.trim())
  if (models.every((model) => /^[\w.:/@+-]{1,128}$/.test(model))) return [...new Set(models)]
  throw wrong(option, text, 'model names with commas between, such as gpt-5.5,gpt-5.4-mini, or the word all')
}

export function baseUrlOf(option: string, text: string): string | undefined {
  if (text === '') return undefined
  const url = URL.parse(text)
  const plain = url && url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  // The paths of the API begin with /v1 themselves.
  const versioned = url !== null && /\/v1\/?$/.test(url.pathname)
  if (plain && !versioned && ['http:', 'https:'].includes(url.protocol)) return text
  const right = 'an http:// or https:// URL without query, credentials or a final /v1, such as https://api.openai.com'
  throw wrong(option, text, right)
}

/** An organization or a project, as it travels in a header; empty takes a label away. */
export function labelOf(option: string, text: string): string | undefined {
  if (text === '') return undefined
  if (/^[\x21-\x7e]{1,128}$/.test(text)) return text
  throw wrong(option, text, 'a name without spaces, such as org-abc123, or empty for none')
}

/** The first instant of a day, UTC. */
export function dayOf(option: string, text: string): EpochMs {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? instantOf(text) : undefined
  if (at !== undefined) return at
  throw wrong(option, text, 'a date such as 2026-11-23')
}

export function percentOf(option: string, text: string): number {
  const percent = Number(text)
  if (/^\d{1,3}(?:\.\d{1,6})?$/.test(text) && percent <= 100) return percent
  throw wrong(option, text, 'a number of percent from 0 to 100, such as 2 or 0.5')
}

const DURATION_MS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
}

/** A date (from its first instant on, UTC), an instant, or a length of time from now. */
export function expiryOf(option: string, text: string, now: EpochMs): EpochMs {
  const length = /^(\d{1,6})([mhdw])$/.exec(text)
  const at = length ? now + Number(length[1]) * (DURATION_MS[length[2] ?? ''] ?? 0) : instantOf(text)
  if (at === undefined || Number.isNaN(at)) {
    throw wrong(
      option,
      text,
      'a date such as 2027-01-31, an instant such as 2027-01-31T18:00:00Z, or a length of time such as 90d, 12h or 30m',
    )
  }
  if (at <= now) throw wrong(option, text, `in the future; it is ${new Date(now).toISOString()} now`)
  return at
}

/** A date (from its first instant on, UTC), an instant, or a length of time back from now. */
export function sinceOf(option: string, text: string, now: EpochMs): EpochMs {
  const length = /^(\d{1,6})([mhdw])$/.exec(text)
  const at = length ? now - Number(length[1]) * (DURATION_MS[length[2] ?? ''] ?? 0) : instantOf(text)
  if (at === undefined || Number.isNaN(at)) {
    throw wrong(
      option,
      text,
      'a date such as 2026-11-01, an instant such as 2026-11-01T18:00:00Z, or a length of time such as 30d or 12h',
    )
  }
  if (at > now) throw wrong(option, text, `in the past; it is ${new Date(now).toISOString()} now`)
  return at
}

/** A date (its first instant, UTC), an instant, or a length of time back from now. */
export function momentOf(option: string, text: string, now: EpochMs): EpochMs {
  const length = /^(\d{1,6})([mhdw])$/.exec(text)
  const at = length ? now - Number(length[1]) * (DURATION_MS[length[2] ?? ''] ?? 0) : instantOf(text)
  if (at !== undefined && at >= 0) return at
  const right =
    'a date such as 2026-11-01, an instant such as 2026-11-01T18:00:00Z, or a length of time back such as 30d'
  throw wrong(option, text, right)
}

/** One status, or all that begin alike: `4xx`. */
export function statusOf(option: string, text: string): { readonly from: number; readonly to: number } {
  const match = /^([1-5])(\d\d|xx)$/.exec(text)
  if (!match) throw wrong(option, text, 'a status such as 429, or a class of them such as 5xx')
  if (match[2] !== 'xx') return { from: Number(text), to: Number(text) }
  const from = Number(match[1]) * 100
  return { from, to: from + 99 }
}

/** One word out of a few. */
export function choiceOf<T extends string>(option: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((one) => one === text)
  if (choice !== undefined) return choice
  throw wrong(option, text, `one of ${choices.join(', ')}`)
}

/** Some words out of a few, each once, in the order in which they are given. */
export function choicesOf<T extends string>(option: string, text: string, choices: readonly T[]): readonly T[] {
  const chosen = text.split(',').map((word) => choices.find((one) => one === word.trim()))
  if (chosen.every((choice) => choice !== undefined)) return [...new Set(chosen)]
  throw wrong(option, text, `one or more of ${choices.join(', ')}, with commas between`)
}

function instantOf(text: string): EpochMs | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/.exec(text)
  if (!match) return undefined
  const day = match[1] ?? ''
  // Date.parse takes 30 February for 2 March.
  const exists = new Date(Date.parse(`${day}T00:00:00Z`))
  if (Number.isNaN(exists.getTime()) || !exists.toISOString().startsWith(day)) return undefined
  return Date.parse(text)
}

/** An API key as it travels in a header. */
export function secretOf(text: string): string {
  const secret = text.replace(/\r?\n$/, '')
  if (secret === '') throw new WrongUse('the secret is empty: give the API key of the upstream')
  if (/^[\x21-\x7e]{1,1024}$/.test(secret)) return secret
  throw new WrongUse('the secret must be one line without spaces: give the API key alone')
}
