import { DAY_MS, HOUR_MS } from '../../core/calendar.ts'
import type { EpochMs, MemberId } from '../../core/units.ts'
import { sql, type Script } from './sql.ts'

/**
 * What the rows of `rollups` are sums over: a length of time, and what they tell apart. Who is the member and its key;
 * what is the model, the upstream and the kind. The narrow ones are for reports that ask for many short stretches.
 */
export const CUBE = {
  hour: 1,
  day: 2,
  month: 3,
  dayByWho: 4,
  dayByWhat: 5,
  hourAlone: 6,
} as const

/**
 * Adds a call that was settled just now, in the same transaction, to all sums that it belongs to: those of the stretches
 * in which it started. A refusal is in none.
 */
export function* addToRollups(seq: number): Script<void> {
  yield sql`
    INSERT INTO rollups
      (cube, at, member, gateway_key, model, upstream, kind, requests, messages, inexact,
       input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits)
    WITH settled AS (
      SELECT started_at - started_at % ${HOUR_MS} AS hour, started_at - started_at % ${DAY_MS} AS day,
        unixepoch(started_at / 1000, 'unixepoch', 'start of month') * 1000 AS month,
        member, gateway_key, COALESCE(model, '') AS model, COALESCE(upstream, 0) AS upstream, kind,
        messages, precision <> 'exact' AS inexact,
        input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits
      FROM calls WHERE seq = ${seq} AND ended_at IS NOT NULL AND ending <> 'refused')
    SELECT cube, at, member, gateway_key, model, upstream, kind, 1, messages, inexact,
      input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits
    FROM (
      SELECT ${CUBE.hour} AS cube, hour AS at, * FROM settled
      UNION ALL SELECT ${CUBE.day}, day, * FROM settled
      UNION ALL SELECT ${CUBE.month}, month, * FROM settled)
    UNION ALL
    SELECT ${CUBE.dayByWho}, day, member, gateway_key, '', 0, '', 1, messages, inexact,
      input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits
    FROM settled
    UNION ALL
    SELECT ${CUBE.dayByWhat}, day, 0, 0, model, upstream, kind, 1, messages, inexact,
      input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits
    FROM settled
    UNION ALL
    SELECT ${CUBE.hourAlone}, hour, 0, 0, '', 0, '', 1, messages, inexact,
      input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits
    FROM settled WHERE true
    ON CONFLICT DO UPDATE SET
      requests = requests + excluded.requests, messages = messages + excluded.messages,
      inexact = inexact + excluded.inexact, input_tokens = input_tokens + excluded.input_tokens,
      cached_input_tokens = cached_input_tokens + excluded.cached_input_tokens,
      cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens,
      output_tokens = output_tokens + excluded.output_tokens,
      reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens, credits = credits + excluded.credits`
}

/** A WebSocket counts in the stretches in which it began; its messages come when it has ended. */
export interface ConnectionPart {
  readonly member: MemberId
  readonly startedAt: EpochMs
  readonly connections: number
  readonly clientMessages: number
  readonly upstreamMessages: number
}

export function* addConnectionToRollups(part: ConnectionPart): Script<void> {
  for (const length of [HOUR_MS, DAY_MS]) {
    yield sql`
      INSERT INTO connection_rollups (length_ms, at, member, connections, client_messages, upstream_messages)
      VALUES (${length}, ${part.startedAt - (part.startedAt % length)}, ${part.member}, ${part.connections},
              ${part.clientMessages}, ${part.upstreamMessages})
      ON CONFLICT DO UPDATE SET
        connections = connections + excluded.connections,
        client_messages = client_messages + excluded.client_messages,
        upstream_messages = upstream_messages + excluded.upstream_messages`
  }
}
