import type { EpochMs, MemberId } from '../../core/units.ts'
import type { ModelUsage } from '../../ports.ts'
import { big, int, maybeText, sql, type Script } from './sql.ts'

/** A member's settled calls that started in [from, to), by model, the dearest first. Refusals are no requests. */
export function* usedBy(member: MemberId, from: EpochMs, to: EpochMs): Script<readonly ModelUsage[]> {
  const rows = yield sql`
    SELECT model,
      CAST(SUM(credits) AS BIGINT) AS credits,
      CAST(SUM(input_tokens) AS BIGINT) AS input_tokens,
      CAST(SUM(cached_input_tokens) AS BIGINT) AS cached_input_tokens,
      CAST(SUM(output_tokens) AS BIGINT) AS output_tokens,
      COUNT(*) AS requests
    FROM calls
    WHERE member = ${member} AND started_at >= ${from} AND started_at < ${to}
      AND ended_at IS NOT NULL AND ending <> 'refused'
    GROUP BY model ORDER BY SUM(credits) DESC, model`
  return rows.map((row) => ({
    model: maybeText(row, 'model'),
    credits: big(row, 'credits'),
    inputTokens: int(row, 'input_tokens'),
    cachedInputTokens: int(row, 'cached_input_tokens'),
    outputTokens: int(row, 'output_tokens'),
    requests: int(row, 'requests'),
  }))
}
