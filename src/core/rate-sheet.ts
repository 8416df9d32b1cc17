import { identityOf, messagePriceOf, ownTiersOf, rateOf, withBelow, type RateCard } from './price.ts'
import { ALIASES, type RateRow } from './rates.ts'
import type { EpochMs, NanoCredits } from './units.ts'
import { usdNameOf, usdRowsOf, usdTierTenths, usdIdentityOf } from './usd.ts'
import type { UsdRow } from './usd-rates.ts'

/** One row of a card, and whether it is the one that counts now. */
export interface Listed<Row extends RateRow> {
  readonly row: Row
  readonly inForce: boolean
}

/** All that is known of a model's price. */
export interface RateSheet {
  /** As asked for. */
  readonly asked: string
  /** The name in the rate card; undefined when no row counts now: the fallback does. */
  readonly model: string | undefined
  /** Other names that lead to it, and who says so. */
  readonly names: readonly { readonly name: string; readonly source: string; readonly asOf: string | undefined }[]
  readonly credits: readonly Listed<RateRow>[]
  readonly usd: readonly Listed<UsdRow>[]
  /** Factors in tenths on the price in credits, and on that in US dollars; undefined where none is known. */
  readonly tiers: readonly { readonly tier: string; readonly credits: bigint; readonly usd: bigint | undefined }[]
  /** What a message costs on average, where messages are charged, and what says so. */
  readonly message: { readonly credits: NanoCredits; readonly identity: string }
}

export function rateSheet(asked: string, at: EpochMs, card: RateCard): RateSheet {
  const current = rateOf(asked, at, card)
  const model = current?.model ?? asked
  const usdNow = usdIdentityOf(asked, at)
  return {
    asked,
    model: current?.model,
    names: namesOf(model, card),
    credits: listed(card.rates.get(model) ?? [], current?.identity).map(({ row, inForce }) => ({
      row: inForce ? withBelow(row, at, card) : row,
      inForce,
    })),
    // A rate of one's own for a snapshot is none in dollars: those are still its model's.
    usd: listed(usdRowsOf(usdNameOf(asked, at) ?? model), usdNow),
    tiers: tiersOf(ownTiersOf(asked, current ?? card.fallback, card), model, card),
    message: messagePriceOf(asked, at, card),
  }
}

/** The rows that count at an instant, one of each model, by name. */
export function ratesInForce(at: EpochMs, card: RateCard): readonly RateRow[] {
  return [...card.rates]
    .flatMap(([model, rows]) => {
      const identity = rateOf(model, at, card)?.identity
      const row = rows.findLast((each) => identityOf(each) === identity)
      return row ? withBelow(row, at, card) : []
    })
    .toSorted((one, other) => one.model.localeCompare(other.model, 'en'))
}

function listed<Row extends RateRow>(rows: readonly Row[], current: string | undefined): readonly Listed<Row>[] {
  // Of two that name themselves alike the last one counts.
  const last = rows.findLast((row) => identityOf(row) === current)
  return rows.map((row) => ({ row, inForce: row === last }))
}

function namesOf(model: string, { aliases }: RateCard): RateSheet['names'] {
  return [...aliases]
    .filter(([, target]) => target === model)
    .map(([name]) => {
      const row = ALIASES.find((each) => each.name === name && each.model === model)
      return { name, source: row?.source ?? 'the configuration', asOf: row?.asOf }
    })
}

function tiersOf(own: ReadonlyMap<string, bigint>, model: string, { tiers }: RateCard): RateSheet['tiers'] {
  return [...new Set([...tiers.keys(), ...own.keys()])].map((tier) => ({
    tier,
    credits: own.get(tier) ?? tiers.get(tier) ?? 10n,
    usd: usdTierTenths(model, tier),
  }))
}
