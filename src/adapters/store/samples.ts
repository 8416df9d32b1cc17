import type { MemberId } from '../../core/units.ts'
import type { Sample } from '../../ports.ts'
import { int, maybeText, sql, type Script } from './sql.ts'

/** So many rows are looked at for each sample: what ran last is mostly what can be learned from. */
const LOOKED_AT = 4

/** The newest calls whose usage was stated, the oldest of them first. */
export function* samples(limit: number): Script<readonly Sample[]> {
  const rows = yield sql`
    SELECT * FROM (SELECT * FROM calls ORDER BY seq DESC LIMIT ${limit * LOOKED_AT})
    WHERE precision = 'exact' AND ending = 'complete' AND status < 300 AND input_tokens > 0
    ORDER BY seq DESC LIMIT ${limit}`
  return rows.toReversed().map((row) => ({
    member: int(row, 'member') as MemberId,
    model: maybeText(row, 'model'),
    threadId: maybeText(row, 'thread_id'),
    sessionId: maybeText(row, 'session_id'),
    requestBytes: int(row, 'request_bytes'),
    outputBytes: int(row, 'output_bytes'),
    usage: {
      inputTokens: int(row, 'input_tokens'),
      cachedInputTokens: int(row, 'cached_input_tokens'),
      cacheWriteTokens: int(row, 'cache_write_tokens'),
      outputTokens: int(row, 'output_tokens'),
      reasoningTokens: int(row, 'reasoning_tokens'),
    },
  }))
}
