import { dayOf } from '../core/calendar.ts'
import { MOST_PER_MESSAGE, MOST_PER_MINUTE, MOST_PER_TOKEN } from '../core/set-rate.ts'
import { creditsText, parseCredits, type NanoCredits } from '../core/units.ts'
import { wrong } from './option-values.ts'
import { WrongUse } from './wrong-use.ts'

/** Credits per million tokens, as nanocredits per token. */
export function priceOf(option: string, text: string | undefined): NanoCredits {
  if (text === undefined)
    throw new WrongUse(`${option} is missing: give credits per million tokens, such as 50 or 4.375`)
  const perMillion = parseCredits(text)
  if (perMillion !== undefined && perMillion % 1_000_000n === 0n && perMillion / 1_000_000n <= MOST_PER_TOKEN) {
    return perMillion / 1_000_000n
  }
  const most = MOST_PER_TOKEN / 1000n
  throw wrong(option, text, `credits per million tokens from 0 to ${most} with at most 3 decimals, such as 4.375`)
}

/** Credits for a message. */
export function messagePriceOf(option: string, text: string): NanoCredits {
  return creditsUpTo(MOST_PER_MESSAGE, option, text, '5')
}

/** Credits for a minute of audio. */
export function minutePriceOf(option: string, text: string): NanoCredits {
  return creditsUpTo(MOST_PER_MINUTE, option, text, '0.425')
}

function creditsUpTo(most: NanoCredits, option: string, text: string, example: string): NanoCredits {
  const credits = parseCredits(text)
  if (credits !== undefined && credits <= most) return credits
  throw wrong(option, text, `credits from 0 to ${creditsText(most)} with at most 9 decimals, such as ${example}`)
}

/** A UTC day. */
export function dateOf(option: string, text: string): string {
  if (dayOf(text) !== undefined) return text
  throw wrong(option, text, 'a date such as 2026-12-01')
}
