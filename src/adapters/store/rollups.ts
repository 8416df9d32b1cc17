import { DAY_MS, HOUR_MS } from '../../core/calendar.ts'
import type { EpochMs, MemberId, NanoCredits } from '../../core/units.ts'
import type { Precision, Usage } from '../../core/usage.ts'
import { int, maybeText, sql, text, type Row, type Script } from './sql.ts'

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

/** What of a call says to which sums it belongs. */
export interface Summand {
  readonly startedAt: EpochMs
  readonly member: number
  readonly key: number
  /** As asked for; empty = none. */
  readonly model: string
  /** 0 = none. */
  readonly upstream: number
  readonly kind: string
}

/** What it adds to them. */
export interface Addend {
  readonly usage: Usage
  readonly messages: number
  readonly precision: Precision
  readonly credits: NanoCredits
}

/** Reads it from a row of `calls`, in which the upstream may not stand yet. */
export function summandOf(call: Row, upstream: number | undefined): Summand {
  return {
    startedAt: int(call, 'started_at'),
    member: int(call, 'member'),
    key: int(call, 'gateway_key'),
    model: maybeText(call, 'model') ?? '',
    upstream: upstream ?? 0,
    kind: text(call, 'kind'),
  }
}

/**
 * Adds a call to all sums that it belongs to, those of the stretches in which it started: called once for each call, by
 * the transaction that settles it, and never for a refusal. One statement, for every call pays for it.
 */
export function* addToRollups(call: Summand, { usage, messages, precision, credits }: Addend): Script<void> {
  const { startedAt, member, key, model, upstream, kind } = call
  const hour = startedAt - (startedAt % HOUR_MS)
  const day = startedAt - (startedAt % DAY_MS)
  const month = monthOf(startedAt)
  yield sql`
    INSERT INTO rollups
      (cube, at, member, gateway_key, model, upstream, kind, requests, messages, inexact,
       input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits)
    WITH call (hour, day, month, member, key, model, upstream, kind, n, messages, inexact, input, cached, written,
               output, reasoning, credits) AS NOT MATERIALIZED (
      SELECT ${hour}, ${day}, ${month}, ${member}, ${key}, ${model}, ${upstream}, ${kind}, 1, ${messages},
        ${precision !== 'exact'}, ${usage.inputTokens}, ${usage.cachedInputTokens}, ${usage.cacheWriteTokens},
        ${usage.outputTokens}, ${usage.reasoningTokens}, ${credits}),
    summed (cube, at, member, key, model, upstream, kind, n, messages, inexact, input, cached, written,
            output, reasoning, credits) AS (
      SELECT 1, hour, member, key, model, upstream, kind, n, messages, inexact, input, cached, written, output, reasoning, credits FROM call UNION ALL
      SELECT 2, day, member, key, model, upstream, kind, n, messages, inexact, input, cached, written, output, reasoning, credits FROM call UNION ALL
      SELECT 3, month, member, key, model, upstream, kind, n, messages, inexact, input, cached, written, output, reasoning, credits FROM call UNION ALL
      SELECT 4, day, member, key, '', 0, '', n, messages, inexact, input, cached, written, output, reasoning, credits FROM call UNION ALL
      SELECT 5, day, 0, 0, model, upstream, kind, n, messages, inexact, input, cached, written, output, reasoning, credits FROM call UNION ALL
      SELECT 6, hour, 0, 0, '', 0, '', n, messages, inexact, input, cached, written, output, reasoning, credits FROM call)
    SELECT * FROM summed WHERE true
    ON CONFLICT DO UPDATE SET
      requests = requests + excluded.requests, messages = messages + excluded.messages,
      inexact = inexact + excluded.inexact, input_tokens = input_tokens + excluded.input_tokens,
      cached_input_tokens = cached_input_tokens + excluded.cached_input_tokens,
      cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens,
      output_tokens = output_tokens + excluded.output_tokens,
      reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens, credits = credits + excluded.credits`
}

/** A call that was added to them has been found to cost so much more, or less. */
export function* correctRollups(call: Summand, credits: NanoCredits): Script<void> {
  if (credits === 0n) return
  const { startedAt, member, key, model, upstream, kind } = call
  const hour = startedAt - (startedAt % HOUR_MS)
  const day = startedAt - (startedAt % DAY_MS)
  yield sql`
    UPDATE rollups SET credits = credits + ${credits}
    WHERE (cube, at, member, gateway_key, model, upstream, kind) IN (VALUES
      (1, ${hour}, ${member}, ${key}, ${model}, ${upstream}, ${kind}),
      (2, ${day}, ${member}, ${key}, ${model}, ${upstream}, ${kind}),
      (3, ${monthOf(startedAt)}, ${member}, ${key}, ${model}, ${upstream}, ${kind}),
      (4, ${day}, ${member}, ${key}, '', 0, ''),
      (5, ${day}, 0, 0, ${model}, ${upstream}, ${kind}),
      (6, ${hour}, 0, 0, '', 0, ''))`
}

/** When the month of an instant began, UTC. */
function monthOf(at: EpochMs): EpochMs {
  const date = new Date(at)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth())
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
