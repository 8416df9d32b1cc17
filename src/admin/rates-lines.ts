/** `admin rates` for people and for scripts. */
import type { Listed, RateSheet } from '../core/rate-sheet.ts'
import type { RateRow } from '../core/rates.ts'
import type { Prices } from '../core/set-rate.ts'
import { creditsText } from '../core/units.ts'
import type { SetRate } from '../ports.ts'
import { pairs, visible } from './lines.ts'
import type { Difference, Repricing } from './repricing.ts'
import type { Column } from './table.ts'

function quoted(text: string): string {
  return visible(JSON.stringify(text))
}

function perMillion(amount: bigint): string {
  return creditsText(amount * 1_000_000n)
}

export function rateLine(row: RateRow): string {
  return `${row.model}: ${pairs({ ...pricesOf(row), minute: minuteOf(row.spoken?.minute), from: row.from, to: row.to, status: row.status })} source=${quoted(row.source)} as_of=${row.asOf}`
}

function pricesOf({ input, cached, output, cacheWrite }: Omit<Prices, 'cacheWrite'> & Partial<Prices>) {
  return {
    input: perMillion(input),
    cached: perMillion(cached),
    output: perMillion(output),
    cache_write: cacheWrite === undefined ? undefined : perMillion(cacheWrite),
  }
}

function minuteOf(price: bigint | undefined): string | undefined {
  return price === undefined ? undefined : creditsText(price)
}

/** Credits, then US dollars, each row with where it was read; then other names, tiers and the price of a message. */
export function sheetLines(sheet: RateSheet): readonly string[] {
  const { asked, model, names, tiers } = sheet
  const none = `no rate of ${quoted(asked)} counts now: its calls are priced by the fallback`
  return [
    ...(model === undefined ? [none] : model === asked ? [] : [`${visible(asked)} is priced as ${model}`]),
    ...sheet.credits.map((row) => listedLine('credits', row)),
    ...sheet.usd.map((row) => listedLine('usd', row)),
    ...names.map(({ name, source }) => `name ${name}: source=${quoted(source)}`),
    ...tiers.map(({ tier, credits, usd }) => `tier ${tier}: ${pairs({ credits: tenths(credits), usd: tenths(usd) })}`),
    `message: ${pairs({ credits: creditsText(sheet.message.credits), rate: sheet.message.identity })}`,
  ]
}

function listedLine(unit: string, { row, inForce }: Listed<RateRow>): string {
  return `${unit} ${rateLine(row)} ${inForce ? 'in_force=true' : 'in_force=false'}`
}

function tenths(factor: bigint | undefined): string | undefined {
  return factor === undefined ? undefined : String(Number(factor) / 10)
}

export function setRateLine(rate: SetRate): string {
  const prices =
    'message' in rate ? { message: creditsText(rate.message) } : { ...pricesOf(rate), minute: minuteOf(rate.minute) }
  return `${rate.model}: ${pairs({ ...prices, from: rate.from ?? 'always' })}`
}

export function differenceLine({ model, member, calls, before, after }: Difference): string {
  return `${pairs({ model, member, calls, before: creditsText(before), after: creditsText(after) })} difference=${creditsText(after - before)}`
}

/** What all differences come to. */
export function sumLine({ differences, kept }: Repricing): string {
  const sum = (of: (each: Difference) => bigint): bigint => differences.reduce((all, each) => all + of(each), 0n)
  const calls = differences.reduce((all, each) => all + each.calls, 0)
  const [before, after] = [sum((each) => each.before), sum((each) => each.after)]
  const figures = { calls, before: creditsText(before), after: creditsText(after) }
  return `all: ${pairs(figures)} difference=${creditsText(after - before)} kept=${kept}`
}

export const RATE_COLUMNS: readonly Column<RateRow>[] = [
  { title: 'MODEL', of: (row) => row.model },
  { title: 'INPUT', of: (row) => perMillion(row.input), right: true },
  { title: 'CACHED', of: (row) => perMillion(row.cached), right: true },
  { title: 'OUTPUT', of: (row) => perMillion(row.output), right: true },
  { title: 'CACHE WRITE', of: (row) => (row.cacheWrite === undefined ? '-' : perMillion(row.cacheWrite)), right: true },
  { title: 'MINUTE', of: (row) => minuteOf(row.spoken?.minute) ?? '-', right: true },
  { title: 'FROM', of: (row) => row.from ?? 'always' },
  { title: 'STATUS', of: (row) => row.status, paint: statusColour },
  { title: 'SOURCE', of: (row) => row.source },
  { title: 'READ', of: (row) => row.asOf },
]

function statusColour({ status }: RateRow): 'yellow' | 'green' | undefined {
  if (status === 'set' || status === 'configured') return 'green'
  return status === 'published' ? undefined : 'yellow'
}

export const DIFFERENCE_COLUMNS: readonly Column<Difference>[] = [
  { title: 'MODEL', of: (row) => row.model },
  { title: 'MEMBER', of: (row) => row.member },
  { title: 'CALLS', of: (row) => row.calls, right: true },
  { title: 'BEFORE', of: (row) => creditsText(row.before), right: true },
  { title: 'AFTER', of: (row) => creditsText(row.after), right: true },
  { title: 'DIFFERENCE', of: (row) => creditsText(row.after - row.before), right: true },
]
