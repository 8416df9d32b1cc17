import { z } from 'zod'
import { descriptions, isCredits, isRate, nanoCredits } from './config-kinds.ts'
import type { SettledConfig } from './config-shape.ts'
import { dayOf } from './core/calendar.ts'
import type { CardChange } from './core/price.ts'
import type { MessageRow, RateRow } from './core/rates.ts'
import {
  messageRowOfConfigured,
  modelAndDay,
  MOST_PER_MINUTE,
  MOST_PER_TOKEN,
  rowOfConfigured,
} from './core/set-rate.ts'
import { NANO_PER_CREDIT } from './core/units.ts'

/** Credits per million tokens: a millionth of that, in nanocredits, is what one token costs. */
export function perToken(perMillion: number): bigint {
  return nanoCredits(perMillion) / 1_000_000n
}

const MOST = Number(MOST_PER_TOKEN / 1000n)
const price: z.ZodNumber = z.number().refine((n) => isRate(n) && n <= MOST)

const MOST_A_MINUTE = Number(MOST_PER_MINUTE / NANO_PER_CREDIT)
const ofMinute: z.ZodNumber = z.number().refine((n) => isCredits(n) && n <= MOST_A_MINUTE)

type Maybe = z.ZodOptional<z.ZodNumber>
type Prices = z.ZodObject<
  { input: z.ZodNumber; cached: z.ZodNumber; output: z.ZodNumber; cache_write: Maybe; minute: Maybe },
  z.core.$strict
>

const prices: Prices = z.strictObject({
  input: price,
  cached: price,
  output: price,
  cache_write: price.optional(),
  minute: ofMinute.optional(),
})

/** The setting `[credit] rates`. */
export const rates: z.ZodDefault<z.ZodRecord<z.ZodString, Prices>> = z
  .record(z.string().refine(isModelAndDay), prices)
  .default({})

descriptions.add(rates, {
  unit: 'credits per 1M tokens',
  meaning:
    'Rates of models in the place of the published ones, from a day on where one is named (`model@2026-12-01`, UTC); what `admin rates set` says wins over them',
  right:
    'a table from models to { input, cached, output } and, where writing to the cache has its own price, cache_write, ' +
    `each from 0 to ${MOST} with at most 3 decimals, and, where audio is counted by its length, minute, the credits of one, ` +
    `from 0 to ${MOST_A_MINUTE}, such as "gpt-6.1-sol@2026-12-01" = { input = 50, cached = 2.5, output = 250 }`,
})

/** The setting `[credit] messages`. */
export const messages: z.ZodDefault<z.ZodRecord<z.ZodString, z.ZodNumber>> = z
  .record(z.string().refine(isModelAndDay), z.number().refine(isCredits))
  .default({})

descriptions.add(messages, {
  unit: 'credits',
  meaning:
    'Average prices of messages of models in the place of the published ones (message_average), from a day on where one is named (`model@2026-12-01`, UTC); what `admin rates set --message` says wins over them',
  right:
    'a table from models to credits, each 0 or more and below 1000000000, with at most 9 decimals, such as "gpt-5.5@2026-12-01" = 14',
})

function isModelAndDay(name: string): boolean {
  const { model, from } = modelAndDay(name)
  return /^[\x21-\x7e]{1,128}$/.test(model) && !model.includes('@') && (from === undefined || dayOf(from) !== undefined)
}

/** As the rate card has them. */
export function rateRowsOf(values: z.infer<typeof rates>): readonly RateRow[] {
  return Object.entries(values).map(([name, { input, cached, output, cache_write: written, minute }]) =>
    rowOfConfigured(name, {
      input: perToken(input),
      cached: perToken(cached),
      output: perToken(output),
      cacheWrite: written === undefined ? undefined : perToken(written),
      ...(minute !== undefined && { minute: nanoCredits(minute) }),
    }),
  )
}

/** As the rate card has them. */
export function messageRowsOf(values: z.infer<typeof messages>): readonly MessageRow[] {
  return Object.entries(values).map(([name, credits]) => messageRowOfConfigured(name, nanoCredits(credits)))
}

/** What the configuration changes of the rate card. Tiers are set as `tier` or `model/tier`. */
export function cardChangeOf(credit: SettledConfig['credit']): CardChange {
  const tiers: Record<string, bigint> = {}
  const modelTiers: Record<string, Record<string, bigint>> = {}
  for (const [name, tenths] of credit.tierTenths) {
    const slash = name.lastIndexOf('/')
    if (slash === -1) tiers[name] = tenths
    else (modelTiers[name.slice(0, slash)] ??= {})[name.slice(slash + 1)] = tenths
  }
  return {
    fallback: credit.unknownModelRate,
    unknownMessage: credit.unknownModelMessageCredits,
    tiers,
    modelTiers,
    rates: credit.rates,
    messages: credit.messages,
  }
}
