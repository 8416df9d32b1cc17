import { byModel, inForce, namesOf, rowOf } from './rate-lookup.ts'
import { dayAt } from './calendar.ts'
import { ALIASES, MESSAGES, MODEL_TIERS, RATES, TIERS, UNKNOWN_MODEL } from './rates.ts'
import type { MessageRow, RateRow, SpokenRate } from './rates.ts'
import { NANO_PER_CREDIT } from './units.ts'
import type { EpochMs, NanoCredits } from './units.ts'
import type { SpokenUsage, Usage } from './usage.ts'

/** What a model's tokens cost, in nanocredits each. */
export interface Rate {
  /** `gpt-5.5@2026-04-23`, `gpt-5@always` or `fallback`: says by which row a call was priced. */
  readonly identity: string
  /** The name in the rate card; `fallback` for a model that it does not know. */
  readonly model: string
  readonly input: NanoCredits
  readonly cached: NanoCredits
  readonly output: NanoCredits
  /** Undefined = as other input. */
  readonly cacheWrite: NanoCredits | undefined
  /** Of audio and images; absent, or a part of it absent = as text. */
  readonly spoken?: SpokenRate
}

/** A service tier's share in the price. */
export interface Tier {
  readonly tenths: bigint
  /** False when the card does not know the tier: it then counts as the standard one. */
  readonly known: boolean
}

/** Everything that prices depend on. Multipliers are in tenths; names of tiers in lower case. */
export interface RateCard {
  readonly rates: ReadonlyMap<string, readonly RateRow[]>
  readonly messages: ReadonlyMap<string, readonly MessageRow[]>
  readonly aliases: ReadonlyMap<string, string>
  readonly fallback: Rate
  readonly unknownMessage: NanoCredits
  readonly tiers: ReadonlyMap<string, bigint>
  readonly modelTiers: ReadonlyMap<string, ReadonlyMap<string, bigint>>
}

/** In nanocredits per token, and for a minute of audio that is counted by its length; absent or 0 = that has no price. */
interface Fallback {
  readonly input: NanoCredits
  readonly cached: NanoCredits
  readonly output: NanoCredits
  readonly minute?: NanoCredits
}

/** What an operator may set otherwise; what is absent stays as published. Maps are merged into the published ones. */
export interface CardChange {
  /** Rates of what the card does not know. */
  readonly fallback?: Fallback
  /** The price of a message of a model that the card does not know. */
  readonly unknownMessage?: NanoCredits
  readonly tiers?: Readonly<Record<string, bigint>>
  readonly modelTiers?: Readonly<Record<string, Readonly<Record<string, bigint>>>>
  readonly aliases?: Readonly<Record<string, string>>
  /** Rows of the configuration: from its date on, each wins over the published ones of its model. */
  readonly rates?: readonly RateRow[]
  /** Rows that administrators set: each wins over those of the configuration too. */
  readonly set?: readonly RateRow[]
  /** Averages of messages of the configuration, which win likewise. */
  readonly messages?: readonly MessageRow[]
  /** And those that administrators set. */
  readonly setMessages?: readonly MessageRow[]
}

/**
 * The most that one call is charged: ten million credits. A call of a million tokens stays below it at the highest rate
 * and the highest factor that can be set, and 900 calls of this price still add up to a sum of 64 bits, which is what a
 * store holds: one that passed them could not be settled at all.
 */
export const MOST_PER_CALL: NanoCredits = 10_000_000n * NANO_PER_CREDIT

export function bounded(credits: NanoCredits): NanoCredits {
  return least(credits, MOST_PER_CALL)
}

const FALLBACK = 'fallback'
const MINUTE_MS = 60_000n

/** The rate card with the operator's changes. Throws a RangeError that names the entry when a date or multiplier is none. */
export function cardWith(change: CardChange = {}): RateCard {
  const rates = byModel([...RATES, ...byDate(change.rates), ...byDate(change.set)])
  const modelTiers = new Map<string, ReadonlyMap<string, bigint>>()
  for (const model of new Set([...Object.keys(MODEL_TIERS), ...Object.keys(change.modelTiers ?? {})])) {
    modelTiers.set(model, multipliers({ ...MODEL_TIERS[model], ...change.modelTiers?.[model] }))
  }
  return {
    rates,
    messages: byModel([...MESSAGES, ...byDate(change.messages), ...byDate(change.setMessages)]),
    aliases: new Map([
      ...ALIASES.map(({ name, model }) => [name, model] as const),
      ...Object.entries(change.aliases ?? {}),
    ]),
    fallback: fallbackOf(change.fallback ?? UNKNOWN_MODEL),
    unknownMessage: change.unknownMessage ?? 5n * NANO_PER_CREDIT,
    tiers: multipliers({ ...TIERS, ...change.tiers }),
    modelTiers,
  }
}

function fallbackOf({ minute = 0n, ...tokens }: Fallback): Rate {
  const spoken = minute > 0n ? { spoken: { minute } } : {}
  return { identity: FALLBACK, model: FALLBACK, cacheWrite: undefined, ...tokens, ...spoken }
}

/**
 * The rate by which a usage is priced: that of its model, or the fallback where the model has none, or none for what is
 * stated. Ask `covers` whether the fallback has one.
 */
export function rateFor(usage: Usage, model: string, at: EpochMs, card: RateCard): Rate {
  const rate = rateOf(model, at, card)
  return rate !== undefined && covers(rate, usage) ? rate : card.fallback
}

/**
 * Whether a rate has a price for what a usage states. Audio that is counted by its length needs one of a minute; where a
 * minute is all that has a price, tokens have none. What is not covered is not free: nobody knows its price.
 */
export function covers(rate: Rate, usage: Usage): boolean {
  if ((usage.spoken?.audioMs ?? 0) > 0 && rate.spoken?.minute === undefined) return false
  const tokens = usage.inputTokens > 0 || usage.outputTokens > 0
  return !tokens || !hasMinutesAlone(rate)
}

/**
 * The rate of a model at an instant: by its exact name, then without the date of a snapshot (`-YYYY-MM-DD`), then by
 * an alias. Undefined when the card does not know the model, or not at that time: take `card.fallback` then.
 */
export function rateOf(model: string, at: EpochMs, card: RateCard): Rate | undefined {
  const row = rowOf(model, at, card.rates, card.aliases)
  if (!row) return undefined
  const { input, cached, output, cacheWrite, spoken } = withBelow(row, at, card)
  const identity = identityOf(row)
  return { identity, model: row.model, input, cached, output, cacheWrite, ...(spoken && { spoken }) }
}

/** `gpt-5.5@2026-04-23`; `gpt-5.5@always/admin-3` for what an administrator set. */
export function identityOf({ model, from, mark }: RateRow): string {
  return `${model}@${from ?? 'always'}${mark === undefined ? '' : `/${mark}`}`
}

/**
 * An operator's row with what it leaves to those that it covers, those of a snapshot's model too: audio and images of which it
 * says nothing, and tokens, where it has a price of minutes alone.
 */
export function withBelow(row: RateRow, at: EpochMs, card: RateCard): RateRow {
  if (row.mark === undefined) return row
  const day = dayAt(at)
  const below = namesOf(row.model, card.aliases)
    .toReversed()
    .flatMap((name) => card.rates.get(name) ?? [])
    .filter((each) => inForce(each, day))
  const spoken = below.reduce<SpokenRate | undefined>(
    (before, each) => (each.spoken ? { ...before, ...each.spoken } : before),
    undefined,
  )
  const whole = { ...row, ...(spoken && { spoken }) }
  const tokens = hasMinutesAlone(row) ? below.findLast((each) => !hasMinutesAlone(each)) : undefined
  if (tokens === undefined) return whole
  const { input, cached, output, cacheWrite } = tokens
  return { ...whole, input, cached, output, ...(cacheWrite !== undefined && { cacheWrite }) }
}

function hasMinutesAlone({
  input,
  cached,
  output,
  spoken,
}: Pick<Rate, 'input' | 'cached' | 'output' | 'spoken'>): boolean {
  return spoken?.minute !== undefined && input + cached + output === 0n
}

/** Later ones last: of two that are in force the last wins. */
function byDate<Row extends RateRow | MessageRow>(rows: readonly Row[] = []): readonly Row[] {
  return rows.toSorted((one, other) => (one.from ?? '').localeCompare(other.from ?? '', 'en'))
}

/**
 * What a message of the model costs on average, and what says so: `gpt-5.5@message`, `gpt-5.5@message:2026-12-01/config` for
 * what the configuration says from a day on, or `fallback`.
 */
export function messagePriceOf(
  model: string | undefined,
  at: EpochMs,
  card: RateCard,
): { readonly credits: NanoCredits; readonly identity: string } {
  const row = model === undefined ? undefined : rowOf(model, at, card.messages, card.aliases)
  if (!row) return { credits: card.unknownMessage, identity: FALLBACK }
  const [from, mark] = [row.from === undefined ? '' : `:${row.from}`, row.mark === undefined ? '' : `/${row.mark}`]
  return { credits: row.credits, identity: `${row.model}@message${from}${mark}` }
}

/**
 * The multiplier of a service tier as upstream (or the request) names it, for the model that was asked for and the rate that
 * was found for it; none named is the standard one.
 */
export function tierOf(serviceTier: string | undefined, model: string | undefined, rate: Rate, card: RateCard): Tier {
  if (serviceTier === undefined) return { tenths: 10n, known: true }
  const name = serviceTier.toLowerCase()
  const tenths = ownTiersOf(model, rate, card).get(name) ?? card.tiers.get(name)
  return { tenths: tenths ?? 10n, known: tenths !== undefined }
}

/** A model's own multipliers by tier: looked for by its names, as its rate is, then by that of its row. */
export function ownTiersOf(model: string | undefined, rate: Rate, card: RateCard): ReadonlyMap<string, bigint> {
  const names = [...(model === undefined ? [] : namesOf(model, card.aliases)), rate.model]
  // Of two that have the same tier the one that comes first counts.
  return new Map(names.toReversed().flatMap((name) => [...(card.modelTiers.get(name) ?? [])]))
}

/**
 * What a call costs: each kind of token at its rate, times the tier, rounded up once.
 *
 * Cached and cache-write tokens are parts of the input. Where they add up to more than the input, the cached ones
 * are believed first; nothing is ever charged twice, and no part is negative.
 */
export function creditsOf(usage: Usage, rate: Rate, tier: Tier): NanoCredits {
  const { text, spoken } = usage.spoken ? apart(usage, usage.spoken, rate) : { text: usage, spoken: 0n }
  const input = count(text.inputTokens)
  const cached = least(count(text.cachedInputTokens), input)
  const written = least(count(text.cacheWriteTokens), input - cached)
  const ordinary = input - cached - written
  const sum =
    ordinary * rate.input +
    written * (rate.cacheWrite ?? rate.input) +
    cached * rate.cached +
    count(text.outputTokens) * rate.output
  return ((sum + spoken) * tier.tenths + 9n) / 10n
}

/** What of a usage is text, and what the rest of it costs. */
function apart(usage: Usage, parts: SpokenUsage, rate: Rate): { readonly text: Usage; readonly spoken: NanoCredits } {
  const { inputAudioTokens, cachedAudioTokens, inputImageTokens, cachedImageTokens, outputAudioTokens } = parts
  const { audio = rate, image = rate, minute = 0n } = rate.spoken ?? {}
  const spoken =
    count(inputAudioTokens - cachedAudioTokens) * audio.input +
    count(cachedAudioTokens) * audio.cached +
    count(outputAudioTokens) * audio.output +
    count(inputImageTokens - cachedImageTokens) * image.input +
    count(cachedImageTokens) * image.cached +
    (count(parts.audioMs) * minute + MINUTE_MS - 1n) / MINUTE_MS
  const text = {
    ...usage,
    inputTokens: usage.inputTokens - inputAudioTokens - inputImageTokens,
    cachedInputTokens: usage.cachedInputTokens - cachedAudioTokens - cachedImageTokens,
    outputTokens: usage.outputTokens - outputAudioTokens,
  }
  return { text, spoken }
}

function multipliers(tiers: Readonly<Record<string, bigint>>): ReadonlyMap<string, bigint> {
  for (const [name, tenths] of Object.entries(tiers)) {
    if (tenths < 0n) throw new RangeError(`multiplier of tier ${name}: ${tenths} tenths, expected 0 or more`)
  }
  return new Map(Object.entries(tiers).map(([name, tenths]) => [name.toLowerCase(), tenths]))
}

/** Settling must not fail on a figure that makes no sense: it counts as none. */
function count(tokens: number): bigint {
  return Number.isFinite(tokens) && tokens > 0 ? BigInt(Math.ceil(tokens)) : 0n
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
