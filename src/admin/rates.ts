import type { CardChange, RateCard } from '../core/price.ts'
import { rateSheet, ratesInForce, type RateSheet } from '../core/rate-sheet.ts'
import type { RateRow } from '../core/rates.ts'
import { cardOf, type Prices } from '../core/set-rate.ts'
import type { EpochMs, NanoCredits } from '../core/units.ts'
import type { RateBook, RateName, SetRate } from '../ports.ts'
import { WrongUse } from './wrong-use.ts'

/** The rate card as a gateway with this configuration has it. */
export async function cardInForce(book: RateBook, change: CardChange): Promise<RateCard> {
  return cardOf(change, await book.rates())
}

/** The rates that count now, of one model or of all; throws WrongUse for a model without one. */
export function listRates(card: RateCard, now: EpochMs, model: string | undefined): readonly RateRow[] {
  const rows = ratesInForce(now, card)
  if (model === undefined) return rows
  const named = rows.filter((row) => row.model === rateSheet(model, now, card).model)
  if (named.length > 0) return named
  throw new WrongUse(`no rate of ${JSON.stringify(model)} counts now: its calls are priced by the fallback`)
}

export function showRate(card: RateCard, now: EpochMs, model: string): RateSheet {
  return rateSheet(model, now, card)
}

/** What an administrator says of a model's price, and who that is. */
export interface RateWish {
  readonly model: string
  /** `YYYY-MM-DD`; undefined = always. */
  readonly from: string | undefined
  readonly who: string
}

/** Names count as they are written: one that is known but for its capitals is more likely a slip than another model. */
export function likeKnown(card: RateCard, model: string): readonly string[] {
  const names = [...card.rates.keys(), ...card.aliases.keys()]
  if (names.includes(model)) return []
  const meant = names.find((name) => name.toLowerCase() === model.toLowerCase())
  return meant === undefined
    ? []
    : [`calls that ask for ${meant} are not priced by this: the name is written ${model} here`]
}

export function setRate(
  book: RateBook,
  wish: RateWish,
  prices: Prices | { readonly message: NanoCredits },
): Promise<SetRate> {
  return book.set({ ...wish, ...prices })
}

export function unsetRate(book: RateBook, { who, ...name }: RateWish, of: RateName['of']): Promise<SetRate> {
  return book.unset({ ...name, of }, who)
}
