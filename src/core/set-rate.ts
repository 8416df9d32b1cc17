import { cardWith, type CardChange, type RateCard } from './price.ts'
import type { MessageRow, RateRow } from './rates.ts'
import type { EpochMs, NanoCredits } from './units.ts'

/** A model's rates in nanocredits per token. */
export interface Prices {
  readonly input: NanoCredits
  readonly cached: NanoCredits
  readonly output: NanoCredits
  /** Undefined = as other input. */
  readonly cacheWrite: NanoCredits | undefined
}

/** A rate that an administrator set: it wins over what is published and configured, from its date on. */
export interface SetRate extends Prices {
  readonly id: number
  readonly model: string
  /** `YYYY-MM-DD`, a UTC day; undefined = always. */
  readonly from: string | undefined
  readonly who: string
  readonly at: EpochMs
  /** The UTC day of that. */
  readonly on: string
}

/** The most that a token can be set to cost, so that no call passes 64 bits: 100,000 credits per million tokens. */
export const MOST_PER_TOKEN: NanoCredits = 100_000_000n

/** The rate card with what the configuration and the administrators change of it. */
export function cardOf(change: CardChange, set: readonly SetRate[]): RateCard {
  return cardWith({ ...change, set: set.map(rowOfSet) })
}

function rowOfSet({ id, model, input, cached, output, cacheWrite, from, who, on }: SetRate): RateRow {
  return {
    model,
    input,
    cached,
    output,
    ...(cacheWrite !== undefined && { cacheWrite }),
    ...(from !== undefined && { from }),
    status: 'set',
    source: `set by ${who}`,
    asOf: on,
    mark: `admin-${id}`,
  }
}

/** A model with the day from which a rate counts, as the configuration names it: `gpt-6.1-sol@2026-12-01`; without a day always. */
export function rowOfConfigured(name: string, { cacheWrite, ...prices }: Prices): RateRow {
  return { ...configured(name), ...prices, ...(cacheWrite !== undefined && { cacheWrite }), status: 'configured' }
}

/** What a message of the model costs on average; the name as in `rowOfConfigured`. */
export function messageRowOfConfigured(name: string, credits: NanoCredits): MessageRow {
  return { ...configured(name), credits }
}

function configured(name: string) {
  const { model, from } = modelAndDay(name)
  return { model, ...(from !== undefined && { from }), source: 'the configuration', asOf: 'start', mark: 'config' }
}

/** Takes such a name apart. */
export function modelAndDay(name: string): { readonly model: string; readonly from: string | undefined } {
  const [, model = name, from] = /^(.*)@(\d{4}-\d{2}-\d{2})$/.exec(name) ?? []
  return { model, from }
}
