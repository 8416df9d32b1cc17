/** How a reconciliation is shown: JSON, lines for scripts, a table for people. */
import type { Drift } from '../core/drift.ts'
import { MEASURES, type Comparison, type DayState, type Tally } from '../core/reconcile.ts'
import { visible } from './lines.ts'
import type { Reconciliation } from './reconcile.ts'
import type { Column } from './table.ts'

/** Of the language since 2025; not in the compiler's library yet. */
const exact = JSON as unknown as { rawJSON(text: string): object }

const PICO = 1_000_000_000_000n

/** The exact decimal of an amount in trillionths, with two places at least. */
export function dollarsText(amount: bigint): string {
  const [sign, whole] = amount < 0n ? ['-', -amount] : ['', amount]
  const fraction = (whole % PICO)
    .toString()
    .padStart(12, '0')
    .replace(/0{1,10}$/, '')
  return `${sign}${whole / PICO}.${fraction}`
}

function dollars(amount: bigint | undefined): object | null {
  return amount === undefined ? null : exact.rawJSON(dollarsText(amount))
}

function percent(value: number): number {
  return Math.round(value * 100) / 100
}

function dayText(day: number): string {
  return new Date(day).toISOString().slice(0, 10)
}

function tallyJson({ requests, input, cached, output }: Tally): object {
  return { requests, input_tokens: input, cached_input_tokens: cached, output_tokens: output }
}

/** What the drift says of the calls that cannot be proven. */
export function isExplained({ unexplained }: Pick<Drift, 'unexplained'>): boolean {
  return MEASURES.every((measure) => unexplained[measure] === 0)
}

export function reconciliationJson(result: Reconciliation): object {
  const { days, drift } = result
  return {
    from: dayText(days.from),
    to: dayText(days.to - 1),
    threshold_percent: result.threshold,
    drift_percent: percent(drift.percent),
    over: result.over,
    openai: { ...tallyJson(drift.booked), usd: dollars(drift.billed) },
    proven: tallyJson(drift.proven),
    unproven: tallyJson(drift.unproven),
    ledger_usd: dollars(drift.priced),
    drift: { ...tallyJson(drift.drift), usd: dollars(drift.money) },
    unexplained: tallyJson(drift.unexplained),
    other_keys: tallyJson(result.foreign),
    other_costs_usd: dollars(result.besides),
    keys: result.accounts.map((account) => ({
      name: account.name,
      api_key_id: 'apiKeyId' in account.by ? account.by.apiKeyId : null,
      project: 'project' in account.by ? account.by.project : null,
    })),
    not_compared: result.lost,
    rows: result.rows.map(rowJson),
  }
}

function rowJson(row: Comparison): object {
  return {
    day: dayText(row.day),
    state: row.state,
    key: row.account,
    model: row.model,
    openai: { ...tallyJson(row.booked), usd: dollars(row.billed) },
    proven: tallyJson(row.proven),
    unproven: tallyJson(row.unproven),
    failed_attempts: row.failed,
    over_midnight: row.overMidnight,
    ledger_usd: dollars(row.priced),
    drift: { ...tallyJson(row.drift), usd: dollars(moneyOf(row)) },
    unexplained: tallyJson(row.unexplained),
  }
}

function moneyOf({ billed, priced }: Comparison): bigint | undefined {
  return priced === undefined ? undefined : billed - priced
}

export function rowLine(row: Comparison): string {
  const figures = ([name, tally]: readonly [string, Tally]): string =>
    `${name}=${MEASURES.map((measure) => tally[measure]).join('/')}`
  const tallies = [
    ['openai', row.booked],
    ['proven', row.proven],
    ['unproven', row.unproven],
    ['drift', row.drift],
    ['unexplained', row.unexplained],
  ] as const
  const money = moneyOf(row)
  const parts = [
    ...tallies.map(figures),
    `failed_attempts=${row.failed}`,
    `over_midnight=${row.overMidnight}`,
    `openai_usd=${dollarsText(row.billed)}`,
    ...(money === undefined ? [] : [`drift_usd=${dollarsText(money)}`]),
  ]
  return `${dayText(row.day)} ${row.state} ${visible(row.account)} ${visible(row.model)}: ${parts.join(' ')}`
}

/** What stands below the rows: the verdict, and what was left out. */
export function verdictLines(result: Reconciliation): readonly string[] {
  const { drift, threshold, over } = result
  const figures = MEASURES.map((measure) => `${drift.drift[measure]} of ${drift.booked[measure]} ${WORDS[measure]}`)
  const verdict = `drift: ${percent(drift.percent)} % (threshold ${threshold} %): ${over ? 'TOO MUCH' : 'within it'}`
  return [
    verdict,
    `that is ${figures.join(', ')}, $${dollarsText(drift.money)} of $${dollarsText(drift.billed)}`,
    explanation(drift),
    ...notes(result),
  ]
}

const WORDS: Readonly<Record<keyof Tally, string>> = {
  requests: 'requests',
  input: 'input tokens',
  cached: 'cached tokens',
  output: 'output tokens',
}

function explanation(drift: Drift): string {
  if (MEASURES.every((measure) => drift.drift[measure] === 0)) return 'no tokens differ'
  const calls = 'calls that cannot be proven (cut short, interrupted, failed tries)'
  if (isExplained(drift)) return `all of it is explained by ${calls}`
  const rest = MEASURES.map((measure) => `${drift.unexplained[measure]} ${WORDS[measure]}`)
  return `not explained by ${calls}: ${rest.join(', ')}`
}

function notes({ rows, foreign, besides, lost }: Reconciliation): readonly string[] {
  const daysOf = (states: readonly DayState[]): readonly string[] => [
    ...new Set(rows.filter(({ state }) => states.includes(state)).map(({ day }) => dayText(day))),
  ]
  const [pending, pruned] = [daysOf(['open', 'settling']), daysOf(['pruned'])]
  const unpriced = [...new Set(rows.filter(({ priced }) => priced === undefined).map(({ model }) => model))]
  const over = rows.reduce((sum, { overMidnight }) => sum + overMidnight, 0)
  return [
    pending.length > 0 && `not judged, for OpenAI may still add to it: ${pending.join(', ')}`,
    pruned.length > 0 && `not judged, for calls were deleted of which nothing was kept: ${pruned.join(', ')}`,
    over > 0 && `${over} calls ran over midnight (UTC): OpenAI may have them on the other day`,
    unpriced.length > 0 && `without a known price, so not compared in money: ${unpriced.map(visible).join(', ')}`,
    besides > 0n && `billed to these keys beside the models that are compared: $${dollarsText(besides)}`,
    foreign.requests > 0 && `other keys of the organization: ${foreign.requests} requests, not compared`,
    ...lost.map(({ name, why }) => `not compared: ${visible(name)}: ${why}`),
  ].filter((note) => note !== false)
}

const NUMBERS = new Intl.NumberFormat('en-US')

function signed(value: number): string {
  return value > 0 ? `+${NUMBERS.format(value)}` : NUMBERS.format(value)
}

export const RECONCILE_COLUMNS: readonly Column<Comparison>[] = [
  { title: 'DAY', of: (row) => dayText(row.day) },
  { title: 'BOOKS', of: (row) => row.state, paint: (row) => (row.state === 'final' ? undefined : 'dim') },
  { title: 'KEY', of: (row) => row.account },
  { title: 'MODEL', of: (row) => row.model },
  { title: 'REQUESTS', of: (row) => NUMBERS.format(row.booked.requests), right: true },
  { title: 'UNPROVEN', of: (row) => NUMBERS.format(row.unproven.requests + row.failed), right: true },
  ...MEASURES.map((measure): Column<Comparison> => ({
    title: `± ${measure.toUpperCase()}`,
    of: (row) => signed(row.drift[measure]),
    right: true,
    paint: (row) => (row.unexplained[measure] === 0 ? undefined : 'red'),
  })),
  { title: 'BILLED $', of: (row) => dollarsText(row.billed), right: true },
  {
    title: '± $',
    of: (row) => {
      const money = moneyOf(row)
      return money === undefined ? '-' : dollarsText(money)
    },
    right: true,
  },
]
