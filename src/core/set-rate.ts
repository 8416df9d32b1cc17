import { cardWith, type CardChange, type RateCard } from './price.ts'
import type { MessageRow, RateRow } from './rates.ts'
import { NANO_PER_CREDIT, type EpochMs, type NanoCredits } from './units.ts'

/** A model's rates in nanocredits per token. */
export interface Prices {
  readonly input: NanoCredits
  readonly cached: NanoCredits
  readonly output: NanoCredits
  /** Undefined = as other input. */
  readonly cacheWrite: NanoCredits | undefined
  /** A minute of audio that is counted by its length; absent = what else is known of it holds. */
  readonly minute?: NanoCredits
}

/** What an administrator set: it wins over what is published and configured, from its date on. */
export type SetRate = SetTokenRate | SetMessageRate

export interface SetTokenRate extends Prices, Setting {}

export interface SetMessageRate extends Setting {
  /** What a message costs on average, where messages are charged. */
  readonly message: NanoCredits
}

interface Setting {
  readonly id: number
  readonly model: string
  /** `YYYY-MM-DD`, a UTC day; undefined = always. */
  readonly from: string | undefined
  readonly who: string
  readonly at: EpochMs
  /** The UTC day of that. */
  readonly on: string
}

/** The most that a token can be set to cost: 100,000 credits per million tokens (see MOST_PER_CALL). */
export const MOST_PER_TOKEN: NanoCredits = 100_000_000n

/** The most that a minute of audio can be set to cost: 50 credits, so that a day of it stays below MOST_PER_CALL, too. */
export const MOST_PER_MINUTE: NanoCredits = 50n * NANO_PER_CREDIT

/** The most that a message can be set to cost: a million credits. */
export const MOST_PER_MESSAGE: NanoCredits = 1_000_000n * NANO_PER_CREDIT

/** The rate card with what the configuration and the administrators change of it. */
export function cardOf(change: CardChange, set: readonly SetRate[]): RateCard {
  const rates = set.filter((each): each is SetTokenRate => !('message' in each))
  const messages = set.filter((each) => 'message' in each)
  return cardWith({ ...change, set: rates.map(rowOfSet), setMessages: messages.map(messageRowOfSet) })
}

function rowOfSet(rate: SetTokenRate): RateRow {
  return { ...origin(rate), ...pricesIn(rate), status: 'set' }
}

/** As a row has them. */
function pricesIn({ input, cached, output, cacheWrite, minute }: Prices) {
  return {
    input,
    cached,
    output,
    ...(cacheWrite !== undefined && { cacheWrite }),
    ...(minute !== undefined && { spoken: { minute } }),
  }
}

function messageRowOfSet(rate: SetMessageRate): MessageRow {
  return { ...origin(rate), credits: rate.message }
}

function origin({ id, model, from, who, on }: Setting) {
  return { model, ...(from !== undefined && { from }), source: `set by ${who}`, asOf: on, mark: `admin-${id}` }
}

/** A model with the day from which a rate counts, as the configuration names it: `gpt-6.1-sol@2026-12-01`; without a day always. */
export function rowOfConfigured(name: string, prices: Prices): RateRow {
  return { ...configured(name), ...pricesIn(prices), status: 'configured' }
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
