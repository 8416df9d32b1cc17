import { isIPv4, isIPv6 } from 'node:net'
import { basename } from 'node:path'
import { z } from 'zod'
import { type NanoCredits, parseCredits } from './core/units.ts'

/** What people need to know of a setting beside its name and default. */
export interface Description {
  /** Empty for texts. */
  readonly unit: string
  /** One sentence, no final dot. */
  readonly meaning: string
  /** What a right value is; follows "must be". */
  readonly right: string
  /** Its value is shown to nobody. */
  readonly secret?: true
}

/** The description of every setting in the schema. */
export const descriptions: z.core.$ZodRegistry<Description> = z.registry<Description>()

/** Timers take no more than 2^31 - 1 ms. */
const MAX_SECS = 2_000_000
const MAX_COUNT = 1_000_000_000

function described<T extends z.ZodType>(schema: T, description: Description): T {
  descriptions.add(schema, description)
  return schema
}

/** A length of time; decimals are allowed. */
export function secs(usual: number, meaning: string, least = 0): z.ZodDefault<z.ZodNumber> {
  const right = `a number of seconds from ${least} to ${MAX_SECS}, such as ${usual}`
  return described(z.number().min(least).max(MAX_SECS).default(usual), { unit: 'seconds', meaning, right })
}

export function count(usual: number, meaning: string, least = 0): z.ZodDefault<z.ZodNumber> {
  const right = `a whole number from ${least} to ${MAX_COUNT}, such as ${usual}`
  return described(z.int().min(least).max(MAX_COUNT).default(usual), { unit: 'count', meaning, right })
}

/** Whole days; 0 is for ever. */
export function days(usual: number, meaning: string): z.ZodDefault<z.ZodNumber> {
  const right = `a whole number of days from 0 to ${MAX_COUNT}, such as 90`
  return described(z.int().min(0).max(MAX_COUNT).default(usual), { unit: 'days', meaning, right })
}

export function bytes(usual: number, meaning: string): z.ZodDefault<z.ZodNumber> {
  const right = `a whole number of bytes, at least 1024, such as ${usual}`
  return described(z.int().min(1024).default(usual), { unit: 'bytes', meaning, right })
}

export function credits(usual: number, meaning: string): z.ZodDefault<z.ZodNumber> {
  const right = `a number of credits, 0 or more and below 1000000000, with at most 9 decimals, such as ${usual}`
  return described(z.number().refine(isCredits).default(usual), { unit: 'credits', meaning, right })
}

/** A part of a hundred. */
export function percentage(usual: number, meaning: string): z.ZodDefault<z.ZodNumber> {
  const right = `a number from 0 to 100, such as ${usual}`
  return described(z.number().min(0).max(100).default(usual), { unit: 'percent', meaning, right })
}

/** A time of day, or none. */
export function clockTime(usual: string, meaning: string): z.ZodDefault<z.ZodString> {
  const right = 'empty, or hours and minutes, such as "06:30"'
  return text(usual, meaning, right, (value) => value === '' || /^(?:[01]\d|2[0-3]):[0-5]\d$/.test(value))
}

/** Credits per million tokens: whole nanocredits per token, thus at most three decimals. */
export function rate(usual: number, meaning: string): z.ZodDefault<z.ZodNumber> {
  const right = `a number of credits per million tokens, 0 or more and below 1000000000, with at most 3 decimals, such as ${usual}`
  return described(z.number().refine(isRate).default(usual), { unit: 'credits per 1M tokens', meaning, right })
}

export function choice<const T extends string>(
  options: readonly [T, ...T[]],
  meaning: string,
): z.ZodDefault<z.ZodEnum<{ [K in T]: K }>> {
  const right = `one of ${options.map((option) => `"${option}"`).join(', ')}`
  const schema = z.enum(options).default(options[0] as z.core.util.NoUndefined<T>)
  return described(schema, { unit: '', meaning, right })
}

export function flag(usual: boolean, meaning: string): z.ZodDefault<z.ZodBoolean> {
  return described(z.boolean().default(usual), { unit: '', meaning, right: 'true or false' })
}

/** A text that `fits`; `right` says what does. */
export function text(
  usual: string,
  meaning: string,
  right: string,
  fits: (value: string) => boolean,
): z.ZodDefault<z.ZodString> {
  return described(z.string().refine(fits).default(usual), { unit: '', meaning, right })
}

/** A text that is shown to nobody; empty by default. */
export function secret(meaning: string, right: string, fits: (value: string) => boolean): z.ZodDefault<z.ZodString> {
  return described(z.string().refine(fits).default(''), { unit: '', meaning, right, secret: true })
}

/** A list of whole percents, none twice. */
export function percents(usual: readonly number[], meaning: string): z.ZodDefault<z.ZodArray<z.ZodNumber>> {
  const right = `a list of whole numbers from 1 to 100, none twice, such as [${usual.join(', ')}]`
  const list = z.array(z.int().min(1).max(100)).refine((all) => new Set(all).size === all.length)
  return described(list.default([...usual]), { unit: 'percent', meaning, right })
}

/** A table from names, `tier` or `model/tier`, to factors, in whole tenths. */
export function factors(
  usual: Readonly<Record<string, number>>,
  meaning: string,
): z.ZodDefault<z.ZodRecord<z.ZodString, z.ZodNumber>> {
  const right =
    'a table from names (`tier` or `model/tier`) to factors from 0 to 100 with at most one decimal, such as { priority = 2.5 }'
  const factor = z.number().min(0).max(100).refine(isTenths)
  return described(z.record(z.string().regex(/^(?:[\x21-\x7e]{1,128}\/)?[^/]+$/), factor).default({ ...usual }), {
    unit: 'factor',
    meaning,
    right,
  })
}

/** Whether it is whole nanocredits per token, as credits per million tokens. */
export function isRate(n: number): boolean {
  return isCredits(n) && nanoCredits(n) % 1_000_000n === 0n
}

function isTenths(n: number): boolean {
  return Math.round(n * 10) / 10 === n
}

/** What has more decimals than money is refused, not rounded: a quota that rounds to 0 would be unlimited. */
export function isCredits(n: number): boolean {
  const decimal = plainDecimal(n)
  return Number(decimal) === n && parseCredits(decimal) !== undefined
}

/** The amount as money; only for what `isCredits` let through. */
export function nanoCredits(n: number): NanoCredits {
  return parseCredits(plainDecimal(n)) ?? 0n
}

/** The decimal of this number in nanocredits, never with an exponent (which `String` writes below a millionth). */
function plainDecimal(n: number): string {
  const shortest = String(n)
  return shortest.includes('e-') ? n.toFixed(9).replace(/(?:\.0)?0+$/, '') : shortest
}

/** Splits `127.0.0.1:8080`, `[::1]:8080` or `localhost:0`; undefined when it is none of these. */
export function parseAddress(value: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.]+)?)\]|([\w.-]+)):(\d{1,5})$/.exec(value)
  const port = Number(match?.[3])
  if (!match || port > 65_535) return undefined
  const [, bracketed, plain = ''] = match
  if (bracketed !== undefined) return isIPv6(bracketed) ? { host: bracketed, port } : undefined
  // Digits alone are an address, and no name that could be looked up.
  return /^[\d.]+$/.test(plain) && !isIPv4(plain) ? undefined : { host: plain, port }
}

/** The file of `sqlite://relative.db` or `sqlite:///absolute/file.db`; undefined when it is another scheme or nothing. */
export function parseSqliteUrl(value: string): string | undefined {
  const match = /^sqlite:\/\/([^?#]+)$/.exec(value)
  return match?.[1] !== undefined && isFileName(match[1]) ? match[1] : undefined
}

/** Whether a file can have this name, with folders before it; what ends like a folder is none. */
export function isFileName(value: string): boolean {
  return !/\0|\/$/.test(value) && !['', '.', '..'].includes(basename(value))
}

/** Whether it can stand before the API's own paths, which begin with /v1. */
export function isBaseUrlOf(value: string, schemes: readonly string[]): boolean {
  return isUrlOf(value, schemes) && !/\/v1\/?$/.test(value)
}

/** Whether it is an absolute URL of one of these schemes that carries no query, fragment or credentials. */
export function isUrlOf(value: string, schemes: readonly string[], credentials = false): boolean {
  const url = URL.parse(value)
  if (!url || !schemes.includes(url.protocol) || url.hostname === '') return false
  if (url.search !== '' || url.hash !== '') return false
  return credentials || (url.username === '' && url.password === '')
}
