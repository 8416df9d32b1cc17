/** Sums over calls, as OpenAI's books know them. */
import { LONG_CONTEXT_TOKENS } from '../../core/usd.ts'
import { int, sql, text, withCondition, type Row, type Script, type Statement } from './sql.ts'

/** What is summed; `failed` tries count as requests of their own side. */
const MEASURES = [
  'requests',
  'input',
  'cached',
  'output',
  'written',
  'input_audio',
  'cached_audio',
  'input_image',
  'cached_image',
  'output_audio',
  'over_midnight',
] as const

export type BookMeasures = Readonly<Record<(typeof MEASURES)[number], number>>

/**
 * `proven`: OpenAI stated the usage. `unproven`: it did not, or not yet. `failed`: tries that may have run upstream and are
 * not the one by which their call is counted.
 */
export type BookSide = 'proven' | 'unproven' | 'failed'

/** What one day, upstream, model and tier have of one side. */
export interface BookSum extends BookMeasures {
  /** Days since 1970, UTC. */
  readonly day: number
  readonly upstream: number
  /** Empty = none. */
  readonly model: string
  readonly side: BookSide
  /** Empty = none. */
  readonly tier: string
  /** 1 of calls with a long context. */
  readonly long: number
  /** The day on which its calls ended, which their prices are of. */
  readonly priced_on: number
}

/**
 * Sums of the calls for which the condition holds; they are `c` in it. Searches, offers of voice calls and transcriptions
 * are left out: they stand in other books of OpenAI's than those of its models' completions.
 */
export function* bookSums(which: Statement): Script<readonly BookSum[]> {
  return [...(yield callsOf(which)), ...(yield failuresOf(which))].map(bookSumOf)
}

export function bookSumOf(row: Row): BookSum {
  const measures = Object.fromEntries(MEASURES.map((measure) => [measure, int(row, measure)])) as BookMeasures
  const side = text(row, 'side') as BookSide
  const [model, tier] = [text(row, 'model'), text(row, 'tier')]
  return {
    day: int(row, 'day'),
    upstream: int(row, 'upstream'),
    model,
    side,
    tier,
    long: int(row, 'long'),
    priced_on: int(row, 'priced_on'),
    ...measures,
  }
}

/** Those of one group as one. */
export function merged(sums: readonly BookSum[]): readonly BookSum[] {
  const groups = new Map<string, BookSum>()
  for (const sum of sums) {
    const { day, upstream, model, side, tier, long, priced_on: pricedOn } = sum
    const name = JSON.stringify([day, upstream, model, side, tier, long, pricedOn])
    const before = groups.get(name)
    groups.set(name, before ? { ...before, ...added(before, sum) } : sum)
  }
  return [...groups.values()]
}

function added(one: BookMeasures, other: BookMeasures): BookMeasures {
  return Object.fromEntries(MEASURES.map((measure) => [measure, one[measure] + other[measure]])) as BookMeasures
}

/** A call without an answer belongs to the upstream of its last try. One that cost nothing for sure is on no side. */
function callsOf(which: Statement): Statement {
  return withCondition(
    sql`
    SELECT day, upstream, model, side, tier, long, priced_on, COUNT(*) AS requests,
      CAST(SUM(input_tokens) AS BIGINT) AS input, CAST(SUM(cached_input_tokens) AS BIGINT) AS cached,
      CAST(SUM(output_tokens) AS BIGINT) AS output, CAST(SUM(over_midnight) AS BIGINT) AS over_midnight,
      CAST(SUM(cache_write_tokens) AS BIGINT) AS written, CAST(SUM(input_audio_tokens) AS BIGINT) AS input_audio,
      CAST(SUM(cached_audio_tokens) AS BIGINT) AS cached_audio, CAST(SUM(input_image_tokens) AS BIGINT) AS input_image,
      CAST(SUM(cached_image_tokens) AS BIGINT) AS cached_image,
      CAST(SUM(output_audio_tokens) AS BIGINT) AS output_audio
    FROM (
      SELECT c.started_at / 86400000 AS day, COALESCE(c.ended_at, c.started_at) / 86400000 AS priced_on,
        COALESCE(c.model, '') AS model, c.input_tokens, c.cached_input_tokens,
        c.output_tokens, c.cache_write_tokens, c.input_audio_tokens, c.cached_audio_tokens, c.input_image_tokens,
        c.cached_image_tokens, c.output_audio_tokens, COALESCE(c.service_tier, c.asked_tier, '') AS tier,
        c.input_tokens > ${LONG_CONTEXT_TOKENS} AS long,
        COALESCE(c.upstream, (SELECT a.upstream FROM attempts a WHERE a.call = c.seq ORDER BY a.number DESC LIMIT 1))
          AS upstream,
        COALESCE(c.ended_at / 86400000 > c.started_at / 86400000, 0) AS over_midnight,
        CASE WHEN c.precision = 'exact' THEN
          CASE WHEN c.input_tokens + c.output_tokens > 0 THEN 'proven' ELSE 'nothing' END
          ELSE 'unproven' END AS side
      FROM calls c
      WHERE ${0} AND c.kind NOT IN ('search', 'realtime_call', 'transcription'))
    WHERE upstream IS NOT NULL AND side <> 'nothing'
    GROUP BY day, upstream, model, side, tier, long, priced_on`,
    1,
    which,
  )
}

/** Tries that may have run upstream and are not the one by which their call is counted: a refusal (4xx) never ran. */
function failuresOf(which: Statement): Statement {
  return withCondition(
    sql`
    SELECT c.started_at / 86400000 AS day, a.upstream AS upstream, COALESCE(c.model, '') AS model, 'failed' AS side,
      '' AS tier, 0 AS long, c.started_at / 86400000 AS priced_on, COUNT(*) AS requests, 0 AS input, 0 AS cached, 0 AS output, 0 AS over_midnight,
      0 AS written, 0 AS input_audio, 0 AS cached_audio, 0 AS input_image, 0 AS cached_image, 0 AS output_audio
    FROM calls c JOIN attempts a ON a.call = c.seq
    WHERE ${0} AND c.kind NOT IN ('search', 'realtime_call', 'transcription')
      AND COALESCE(a.sent, 1) = 1 AND (a.status IS NULL OR a.status < 300 OR a.status >= 500)
      AND NOT (
        (c.precision IS NULL OR c.precision <> 'exact' OR c.input_tokens + c.output_tokens > 0)
        AND a.number = (SELECT MAX(number) FROM attempts WHERE call = c.seq))
    GROUP BY c.started_at / 86400000, a.upstream, COALESCE(c.model, '')`,
    0,
    which,
  )
}
