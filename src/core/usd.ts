import { covers, creditsOf, identityOf, type Rate } from './price.ts'
import { byModel, rowOf } from './rate-lookup.ts'
import { ALIASES } from './rates.ts'
import type { EpochMs } from './units.ts'
import { USD_RATES, USD_TIERS, type UsdRow } from './usd-rates.ts'
import type { Usage } from './usage.ts'

/** Money: whole billionths of a US dollar. */
export type NanoUsd = bigint

/** A request of more input tokens is a long one, and all of its tokens are priced as such. */
export const LONG_CONTEXT_TOKENS = 272_000

const STANDARD: ReadonlySet<string> = new Set(['auto', 'default', 'standard'])
const ROWS: ReadonlyMap<string, readonly UsdRow[]> = byModel(USD_RATES)
const NAMES: ReadonlyMap<string, string> = new Map(ALIASES.map(({ name, model }) => [name, model]))

/**
 * What the API charges for a call in US dollars: each kind of token at its price, times the tier, times the surcharge
 * for a long context where the model has one; rounded up once. Undefined when the model's price at that time is not
 * known, or not for what is stated. An unknown tier counts as the standard one.
 */
export function usdOf(usage: Usage, model: string, tier: string | undefined, at: EpochMs): NanoUsd | undefined {
  return usdOfSum(usage, { model, tier, long: usage.inputTokens > LONG_CONTEXT_TOKENS }, at)
}

/** The same for the sum of many calls, all of one model and tier, and all of them long or none. */
export function usdOfSum(
  usage: Usage,
  { model, tier, long }: { readonly model: string; readonly tier: string | undefined; readonly long: boolean },
  at: EpochMs,
): NanoUsd | undefined {
  const row = rowOf(model, at, ROWS, NAMES)
  if (!row) return undefined
  const rate = rateOf(row, row.longContext === true && long)
  if (!covers(rate, usage)) return undefined
  return creditsOf(usage, rate, {
    tenths: usdTierTenths(row.model, tier) ?? 10n,
    known: true,
  })
}

/** The row that counts at an instant, by its identity. */
export function usdIdentityOf(model: string, at: EpochMs): string | undefined {
  const row = rowOf(model, at, ROWS, NAMES)
  return row && identityOf(row)
}

/** The name by which the API's prices know the model; undefined where they do not. */
export function usdNameOf(model: string, at: EpochMs): string | undefined {
  return rowOf(model, at, ROWS, NAMES)?.model
}

/** Every row of a model's price, whatever its date; empty when there is none. */
export function usdRowsOf(model: string): readonly UsdRow[] {
  return ROWS.get(model) ?? []
}

function rateOf(row: UsdRow, long: boolean): Rate {
  const { model, input, cached, output, cacheWrite, spoken } = row
  const times = long ? 2n : 1n
  return {
    identity: identityOf(row),
    model,
    input: input * times,
    cached: cached * times,
    cacheWrite: cacheWrite === undefined ? undefined : cacheWrite * times,
    output: long ? (output * 3n) / 2n : output,
    ...(spoken && { spoken }),
  }
}

/** Of a service tier's name the factor in tenths; undefined for one that is not known, and for none. */
export function usdTierTenths(model: string, serviceTier: string | undefined): bigint | undefined {
  if (serviceTier !== undefined && STANDARD.has(serviceTier.toLowerCase())) return 10n
  const tier = serviceTier?.toLowerCase()
  const row =
    USD_TIERS.find((each) => each.tier === tier && each.model === model) ??
    USD_TIERS.find((each) => each.tier === tier && each.model === undefined)
  return row?.tenths
}
