import { creditsText, type NanoCredits } from './units.ts'

/** Of the language since 2025; not in the compiler's library yet. */
const exact = JSON as unknown as { rawJSON(text: string): object }

/** Credits for JSON.stringify: an exact decimal, which a floating-point number is not. */
export function exactCredits(amount: NanoCredits): object {
  return exact.rawJSON(creditsText(amount))
}
