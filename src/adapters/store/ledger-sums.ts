/** What the ledger has to say to OpenAI's books. */
import { DAY_MS, NOTHING, plus, type LedgerSums, type Tally } from '../../core/reconcile.ts'
import type { UpstreamId } from '../../core/units.ts'
import { LONG_CONTEXT_TOKENS, usdOfSum } from '../../core/usd.ts'
import type { Days } from '../../ports.ts'
import { flag, int, maybeText, sql, text, type Row, type Script } from './sql.ts'

/**
 * Per day, upstream key and model, of calls that began in [from, to). Searches, offers of voice calls and transcriptions
 * are left out: they stand in other books of OpenAI's than those of its models' completions.
 */
export function* ledgerSums(days: Days): Script<readonly LedgerSums[]> {
  const sums = new Map<string, LedgerSums>()
  const add = (row: Row, more: (before: LedgerSums) => Partial<LedgerSums>): void => {
    const [day, upstream] = [int(row, 'day') * DAY_MS, int(row, 'upstream') as UpstreamId]
    const model = maybeText(row, 'model')
    const name = JSON.stringify([day, upstream, model])
    const none = { proven: NOTHING, unproven: NOTHING, failed: 0, overMidnight: 0, usd: { proven: 0n, unproven: 0n } }
    const before = sums.get(name) ?? { day, upstream, model, ...none }
    sums.set(name, { ...before, ...more(before) })
  }
  for (const row of yield* calls(days)) {
    const over = int(row, 'over_midnight')
    const side = text(row, 'side') === 'proven' ? 'proven' : 'unproven'
    const usd = usdOfRow(row)
    add(row, (before) => ({
      [side]: plus(before[side], tallyOf(row)),
      overMidnight: before.overMidnight + over,
      usd: before.usd && usd !== undefined ? { ...before.usd, [side]: before.usd[side] + usd } : undefined,
    }))
  }
  for (const row of yield* failures(days)) add(row, (before) => ({ failed: before.failed + int(row, 'tries') }))
  return [...sums.values()]
}

function tallyOf(row: Row): Tally {
  return {
    requests: int(row, 'requests'),
    input: int(row, 'input'),
    cached: int(row, 'cached'),
    output: int(row, 'output'),
  }
}

/** By the prices of the day on which its calls ended. Undefined where that of its model is not known. */
function usdOfRow(row: Row): bigint | undefined {
  const usage = {
    inputTokens: int(row, 'input'),
    cachedInputTokens: int(row, 'cached'),
    cacheWriteTokens: int(row, 'written'),
    outputTokens: int(row, 'output'),
    reasoningTokens: 0,
    spoken: {
      inputAudioTokens: int(row, 'input_audio'),
      cachedAudioTokens: int(row, 'cached_audio'),
      inputImageTokens: int(row, 'input_image'),
      cachedImageTokens: int(row, 'cached_image'),
      outputAudioTokens: int(row, 'output_audio'),
      audioMs: 0,
    },
  }
  const [tier, long] = [maybeText(row, 'tier'), flag(row, 'long')]
  return usdOfSum(usage, { model: maybeText(row, 'model') ?? '', tier, long }, int(row, 'priced_on') * DAY_MS)
}

/** A call without an answer belongs to the upstream of its last try. One that cost nothing for sure is on no side. */
function* calls({ from, to }: Days): Script<readonly Row[]> {
  return yield sql`
    SELECT day, upstream, model, side, tier, long, priced_on, COUNT(*) AS requests,
      CAST(SUM(input_tokens) AS BIGINT) AS input, CAST(SUM(cached_input_tokens) AS BIGINT) AS cached,
      CAST(SUM(output_tokens) AS BIGINT) AS output, CAST(SUM(over_midnight) AS BIGINT) AS over_midnight,
      CAST(SUM(cache_write_tokens) AS BIGINT) AS written, CAST(SUM(input_audio_tokens) AS BIGINT) AS input_audio,
      CAST(SUM(cached_audio_tokens) AS BIGINT) AS cached_audio, CAST(SUM(input_image_tokens) AS BIGINT) AS input_image,
      CAST(SUM(cached_image_tokens) AS BIGINT) AS cached_image,
      CAST(SUM(output_audio_tokens) AS BIGINT) AS output_audio
    FROM (
      SELECT c.started_at / 86400000 AS day, COALESCE(c.ended_at, c.started_at) / 86400000 AS priced_on, c.model, c.input_tokens, c.cached_input_tokens, c.output_tokens,
        c.cache_write_tokens, c.input_audio_tokens, c.cached_audio_tokens, c.input_image_tokens, c.cached_image_tokens,
        c.output_audio_tokens, COALESCE(c.service_tier, c.asked_tier) AS tier,
        c.input_tokens > ${LONG_CONTEXT_TOKENS} AS long,
        COALESCE(c.upstream, (SELECT a.upstream FROM attempts a WHERE a.call = c.seq ORDER BY a.number DESC LIMIT 1))
          AS upstream,
        COALESCE(c.ended_at / 86400000 > c.started_at / 86400000, 0) AS over_midnight,
        CASE WHEN c.precision = 'exact' THEN
          CASE WHEN c.input_tokens + c.output_tokens > 0 THEN 'proven' ELSE 'nothing' END
          ELSE 'unproven' END AS side
      FROM calls c
      WHERE c.started_at >= ${from} AND c.started_at < ${to}
        AND c.kind NOT IN ('search', 'realtime_call', 'transcription'))
    WHERE upstream IS NOT NULL AND side <> 'nothing'
    GROUP BY day, upstream, model, side, tier, long, priced_on`
}

/** Tries that may have run upstream and are not the one by which their call is counted: a refusal (4xx) never ran. */
function* failures({ from, to }: Days): Script<readonly Row[]> {
  return yield sql`
    SELECT c.started_at / 86400000 AS day, a.upstream AS upstream, c.model AS model, COUNT(*) AS tries
    FROM calls c JOIN attempts a ON a.call = c.seq
    WHERE c.started_at >= ${from} AND c.started_at < ${to}
      AND c.kind NOT IN ('search', 'realtime_call', 'transcription')
      AND COALESCE(a.sent, 1) = 1 AND (a.status IS NULL OR a.status < 300 OR a.status >= 500)
      AND NOT (
        (c.precision IS NULL OR c.precision <> 'exact' OR c.input_tokens + c.output_tokens > 0)
        AND a.number = (SELECT MAX(number) FROM attempts WHERE call = c.seq))
    GROUP BY day, a.upstream, c.model`
}
