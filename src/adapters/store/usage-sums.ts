/** The sums that a report of usage is made of, as SQL adds them up. */
import { HOUR_MS } from '../../core/calendar.ts'
import type { EpochMs } from '../../core/units.ts'
import type { UsageDimension } from '../../ports.ts'
import { CUBE } from './rollups.ts'
import { big, int, listOf, only, sql, withCondition, type Row, type Script, type Statement } from './sql.ts'
import type { Span, Stretch, Unit } from './stretches.ts'

export type Dimensions = ReadonlySet<UsageDimension>

/** The sums of one group. */
export interface Sums {
  readonly requests: number
  readonly messages: number
  readonly inexact: number
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly cacheWriteTokens: number
  readonly outputTokens: number
  readonly reasoningTokens: number
  readonly credits: bigint
  readonly usd: bigint
  readonly unpriced: number
}

export const NO_SUMS: Sums = {
  requests: 0,
  messages: 0,
  inexact: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  credits: 0n,
  usd: 0n,
  unpriced: 0,
}

export function sumsOf(row: Row): Sums {
  return {
    requests: int(row, 'requests'),
    messages: int(row, 'messages'),
    inexact: int(row, 'inexact'),
    inputTokens: int(row, 'input_tokens'),
    cachedInputTokens: int(row, 'cached_input_tokens'),
    cacheWriteTokens: int(row, 'cache_write_tokens'),
    outputTokens: int(row, 'output_tokens'),
    reasoningTokens: int(row, 'reasoning_tokens'),
    credits: big(row, 'credits'),
    usd: big(row, 'usd'),
    unpriced: int(row, 'unpriced'),
  }
}

/** The time of which `rollups` has sums. */
export function* rolledUpSpan(): Script<Span> {
  const row = yield* only(sql`
    SELECT COALESCE((SELECT MIN(at) FROM rollups WHERE cube = ${CUBE.hourAlone}), 0) AS "from",
      COALESCE((SELECT MAX(at) + ${HOUR_MS} FROM rollups WHERE cube = ${CUBE.hourAlone}), 0) AS "to"`)
  return { from: int(row, 'from'), to: int(row, 'to') }
}

/** What stands in `rollups`. Not through the view `sums`, from which SQLite would read in no order. */
export function rolledUpSums({ unit, from, to }: Stretch, asked: Dimensions): Statement {
  const cube = cubeOf(unit, asked)
  return grouped(sql`rollups WHERE cube = ${cube} AND at >= ${from} AND at < ${to}`, unit, asked)
}

/** What is not there yet: little, and by the hour whatever is asked for. */
export function freshSums(from: EpochMs, to: EpochMs, asked: Dimensions): Statement {
  return grouped(sql`fresh_sums WHERE at >= ${from} AND at < ${to}`, 'hour', asked)
}

/** The cube with the fewest rows that tells apart what was asked for. */
function cubeOf(unit: Unit, asked: Dimensions): number {
  const who = asked.has('member') || asked.has('key')
  const how = asked.has('upstream') || asked.has('kind')
  const what = how || asked.has('model')
  if (unit === 'hour') return who || what ? CUBE.hour : CUBE.hourAlone
  if (who && how) return CUBE[unit]
  if (who) return CUBE[`${unit}ByWho${what ? 'AndModel' : ''}`]
  return CUBE[`${unit}ByWhat`]
}

/** A column by which groups are told apart. */
interface Column {
  readonly selected: Statement
  readonly by: Statement
}

const AT: Column = { selected: sql`at`, by: sql`at` }
const DAY: Column = { selected: sql`at - at % 86400000 AS at`, by: sql`at - at % 86400000` }
const NOTHING: Column = { selected: sql`NULL`, by: sql`NULL` }

const COLUMNS = {
  member: sql`member`,
  key: sql`gateway_key`,
  model: sql`model`,
  upstream: sql`upstream`,
  kind: sql`kind`,
} as const

const DIMENSIONS = ['member', 'key', 'model', 'upstream', 'kind'] as const

/**
 * What was asked for and nothing else, in the order of the primary keys: what is read in that order is added up without
 * being sorted first, which takes three times as long as the adding.
 */
function columnsOf(unit: Unit, asked: Dimensions): readonly Column[] {
  const columns = DIMENSIONS.filter((one) => asked.has(one)).map((one) => ({
    selected: COLUMNS[one],
    by: COLUMNS[one],
  }))
  if (asked.has('hour')) return [AT, ...columns]
  if (asked.has('day')) return [unit === 'day' ? AT : DAY, ...columns]
  return columns.length === 0 ? [NOTHING] : columns
}

function grouped(source: Statement, unit: Unit, asked: Dimensions): Statement {
  const columns = columnsOf(unit, asked)
  const start = withCondition(SUMS, 0, listOf(columns.map(({ selected }) => selected)))
  const middle = withCondition(start, 0, source)
  return withCondition(middle, source.params.length, listOf(columns.map(({ by }) => by)))
}

const SUMS = sql`
  SELECT ${undefined}, SUM(requests) AS requests, SUM(messages) AS messages, SUM(inexact) AS inexact,
    SUM(input_tokens) AS input_tokens, SUM(cached_input_tokens) AS cached_input_tokens,
    SUM(cache_write_tokens) AS cache_write_tokens, SUM(output_tokens) AS output_tokens,
    SUM(reasoning_tokens) AS reasoning_tokens, SUM(credits) AS credits, SUM(usd) AS usd, SUM(unpriced) AS unpriced
  FROM ${undefined} GROUP BY ${undefined}`
