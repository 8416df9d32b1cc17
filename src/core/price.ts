import { dayAt, dayOf } from './calendar.ts'
import { ALIASES, MESSAGES, MODEL_TIERS, RATES, TIERS, UNKNOWN_MODEL } from './rates.ts'
import type { Dated, MessageRow, RateRow, SpokenRate } from './rates.ts'
import { NANO_PER_CREDIT } from './units.ts'
import type { EpochMs, NanoCredits } from './units.ts'
import type { SpokenUsage, Usage } from './usage.ts'

/** What a model's tokens cost, in nanocredits each. */
export interface Rate {
  /** `gpt-5.5@2026-04-23`, `gpt-5@always` or `fallback`: with the tokens, enough to price a row again. */
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

/** What an operator may set otherwise; what is absent stays as published. Maps are merged into the published ones. */
export interface CardChange {
  /** Rates of models that the card does not know, in nanocredits per token. */
  readonly fallback?: { readonly input: NanoCredits; readonly cached: NanoCredits; readonly output: NanoCredits }
  /** The price of a message of a model that the card does not know. */
  readonly unknownMessage?: NanoCredits
  readonly tiers?: Readonly<Record<string, bigint>>
  readonly modelTiers?: Readonly<Record<string, Readonly<Record<string, bigint>>>>
  readonly aliases?: Readonly<Record<string, string>>
  /** Rows for further models; a model named here loses its published rows. */
  readonly rates?: readonly RateRow[]
}

const FALLBACK = 'fallback'
const MINUTE_MS = 60_000n
const SNAPSHOT = /-\d{4}-\d{2}-\d{2}$/

/** The rate card with the operator's changes. Throws a RangeError that names the entry when a date or multiplier is none. */
export function cardWith(change: CardChange = {}): RateCard {
  const rates = byModel(RATES)
  for (const [model, rows] of byModel(change.rates ?? [])) rates.set(model, rows)
  const modelTiers = new Map<string, ReadonlyMap<string, bigint>>()
  for (const model of new Set([...Object.keys(MODEL_TIERS), ...Object.keys(change.modelTiers ?? {})])) {
    modelTiers.set(model, multipliers({ ...MODEL_TIERS[model], ...change.modelTiers?.[model] }))
  }
  return {
    rates,
    messages: byModel(MESSAGES),
    aliases: new Map(Object.entries({ ...ALIASES, ...change.aliases })),
    fallback: { identity: FALLBACK, model: FALLBACK, cacheWrite: undefined, ...(change.fallback ?? UNKNOWN_MODEL) },
    unknownMessage: change.unknownMessage ?? 5n * NANO_PER_CREDIT,
    tiers: multipliers({ ...TIERS, ...change.tiers }),
    modelTiers,
  }
}

/**
 * The rate of a model at an instant: by its exact name, then without the date of a snapshot (`-YYYY-MM-DD`), then by
 * an alias. Undefined when the card does not know the model, or not at that time: take `card.fallback` then.
 */
export function rateOf(model: string, at: EpochMs, card: RateCard): Rate | undefined {
  const row = rowOf(model, at, card.rates, card)
  if (!row) return undefined
  const { input, cached, output, cacheWrite, spoken } = row
  const identity = `${row.model}@${row.from ?? 'always'}`
  return { identity, model: row.model, input, cached, output, cacheWrite, ...(spoken && { spoken }) }
}

/** What a message of the model costs on average, and what says so (`gpt-5.5@message`, or `fallback`). */
export function messagePriceOf(
  model: string | undefined,
  at: EpochMs,
  card: RateCard,
): { readonly credits: NanoCredits; readonly identity: string } {
  const row = model === undefined ? undefined : rowOf(model, at, card.messages, card)
  if (!row) return { credits: card.unknownMessage, identity: FALLBACK }
  return { credits: row.credits * NANO_PER_CREDIT, identity: `${row.model}@message` }
}

/** The multiplier of a service tier as upstream (or the request) names it; none named is the standard one. */
export function tierOf(serviceTier: string | undefined, rate: Rate, card: RateCard): Tier {
  if (serviceTier === undefined) return { tenths: 10n, known: true }
  const name = serviceTier.toLowerCase()
  const tenths = card.modelTiers.get(rate.model)?.get(name) ?? card.tiers.get(name)
  return { tenths: tenths ?? 10n, known: tenths !== undefined }
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

function rowOf<Row extends Dated>(
  model: string,
  at: EpochMs,
  rows: ReadonlyMap<string, readonly Row[]>,
  card: RateCard,
): Row | undefined {
  const undated = model.replace(SNAPSHOT, '')
  const day = dayAt(at)
  for (const name of [model, undated, card.aliases.get(model), card.aliases.get(undated)]) {
    const row = name === undefined ? undefined : rows.get(name)?.findLast((each) => inForce(each, day))
    if (row) return row
  }
  return undefined
}

function inForce(row: Dated, day: number): boolean {
  const from = row.from === undefined ? -Infinity : dayOf(row.from)
  const to = row.to === undefined ? Infinity : dayOf(row.to)
  return from !== undefined && to !== undefined && from <= day && day <= to
}

function byModel<Row extends Dated>(rows: readonly Row[]): Map<string, readonly Row[]> {
  for (const row of rows) {
    for (const date of [row.from, row.to]) {
      if (date !== undefined && dayOf(date) === undefined) {
        throw new RangeError(`rate of ${row.model}: ${date} is no date, expected YYYY-MM-DD`)
      }
    }
  }
  return Map.groupBy(rows, (row) => row.model)
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
