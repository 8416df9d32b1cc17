/** How sums of usage are shown: plain lines, tables, CSV and JSON (docs/json.md). */
import { creditsText } from '../core/units.ts'
import type { MemberUsage, UsageDimension, UsageSum } from '../ports.ts'
import type { ListForm } from './cli-session.ts'
import type { CsvColumn } from './csv.ts'
import { exactCredits } from '../core/exact-json.ts'
import { usageJson } from './json-form.ts'
import { pairs, usageLine } from './lines.ts'
import { USAGE_COLUMNS, usdCell, wholeNumber, type Column } from './table.ts'

const COUNTS = [
  { name: 'requests', title: 'REQUESTS', of: (sum: UsageSum) => sum.requests },
  { name: 'messages', title: 'MESSAGES', of: (sum: UsageSum) => sum.messages },
  { name: 'inexact', title: 'INEXACT', of: (sum: UsageSum) => sum.inexact },
  { name: 'input_tokens', title: 'INPUT', of: (sum: UsageSum) => sum.inputTokens },
  { name: 'cached_input_tokens', title: 'CACHED', of: (sum: UsageSum) => sum.cachedInputTokens },
  { name: 'cache_write_tokens', title: 'WRITTEN', of: (sum: UsageSum) => sum.cacheWriteTokens },
  { name: 'output_tokens', title: 'OUTPUT', of: (sum: UsageSum) => sum.outputTokens },
  { name: 'reasoning_tokens', title: 'REASONING', of: (sum: UsageSum) => sum.reasoningTokens },
] as const

/** In a table the sign before the dollars says it. */
const UNPRICED = { name: 'unpriced', of: (sum: UsageSum) => sum.unpriced } as const

/** Sums told apart by these. */
export function sumForm(by: readonly UsageDimension[], none: string): ListForm<UsageSum> {
  const group = (sum: UsageSum) => by.map((dimension) => [dimension, groupText(sum, dimension)] as const)
  const counts = (sum: UsageSum) => [...COUNTS, UNPRICED].map(({ name, of }) => [name, of(sum)] as const)
  const columns: Column<UsageSum>[] = [
    ...by.map((dimension) => ({
      title: dimension.toUpperCase(),
      of: (sum: UsageSum) => groupText(sum, dimension) ?? '-',
    })),
    { title: 'CREDITS', of: (sum) => creditsText(sum.credits), right: true },
    { title: 'USD', of: usdCell, right: true },
    ...COUNTS.map(({ title, of }) => ({ title, of: (sum: UsageSum) => wholeNumber(of(sum)), right: true })),
  ]
  return {
    json: (sum) => ({
      ...Object.fromEntries(group(sum).map(([name, value]) => [name, value ?? null])),
      credits: exactCredits(sum.credits),
      usd: exactCredits(sum.usd),
      ...Object.fromEntries(counts(sum)),
    }),
    line: (sum) =>
      pairs({
        ...Object.fromEntries(group(sum)),
        credits: creditsText(sum.credits),
        usd: creditsText(sum.usd),
        ...Object.fromEntries(counts(sum)),
      }),
    columns,
    csv: [
      ...by.map((dimension) => ({ name: dimension, of: (sum: UsageSum) => groupText(sum, dimension) })),
      { name: 'credits', of: (sum) => creditsText(sum.credits) },
      { name: 'usd', of: (sum) => creditsText(sum.usd) },
      ...COUNTS,
      UNPRICED,
    ],
    none,
  }
}

function groupText(sum: UsageSum, dimension: UsageDimension): string | undefined {
  if (dimension !== 'day' && dimension !== 'hour') return sum[dimension]
  if (sum.at === undefined) return undefined
  const instant = new Date(sum.at).toISOString()
  return dimension === 'day' ? instant.slice(0, 10) : instant
}

const MEMBER_CSV: readonly CsvColumn<MemberUsage>[] = [
  { name: 'member', of: (usage) => usage.name },
  { name: 'credits', of: (usage) => creditsText(usage.credits) },
  { name: 'input_tokens', of: (usage) => usage.inputTokens },
  { name: 'cached_input_tokens', of: (usage) => usage.cachedInputTokens },
  { name: 'output_tokens', of: (usage) => usage.outputTokens },
  { name: 'total_tokens', of: (usage) => usage.totalTokens },
  { name: 'requests', of: (usage) => usage.requests },
  { name: 'messages', of: (usage) => usage.messages },
  { name: 'ws_connections', of: (usage) => usage.wsConnections },
  { name: 'usd', of: (usage) => creditsText(usage.usd) },
  { name: 'unpriced', of: (usage) => usage.unpriced },
]

/** One member a row, in the words that scripts have known from the beginning. */
export function memberUsageForm(none: string): ListForm<MemberUsage> {
  return { json: usageJson, line: usageLine, columns: USAGE_COLUMNS, csv: MEMBER_CSV, none }
}
