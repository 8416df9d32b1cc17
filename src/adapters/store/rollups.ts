import { usdAddend, type UsdAddend } from '../../core/call-usd.ts'
import { DAY_MS, HOUR_MS } from '../../core/calendar.ts'
import type { EpochMs, MemberId, NanoCredits } from '../../core/units.ts'
import { NO_USAGE, type Precision, type Usage } from '../../core/usage.ts'
import { change, int, maybeText, type Row, type Script, sql, type Statement, text } from './sql.ts'

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
  monthByWho: 7,
  monthByWhat: 8,
  dayByWhoAndModel: 9,
  monthByWhoAndModel: 10,
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
  /** The tier that was really used, else the one that was asked for. */
  readonly serviceTier: string | undefined
  readonly endedAt: EpochMs
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
 * Adds a call to the fresh sums of the hour in which it started: called once for each call, by the transaction that
 * settles it, and never for a refusal. `foldFresh` brings them to all sums that they belong to.
 */
export function* addToRollups(call: Summand, more: Addend): Script<void> {
  const { usage, messages, precision, credits, serviceTier, endedAt } = more
  const inexact = precision !== 'exact'
  const money = usdAddend({ ...usage, model: call.model, serviceTier, endedAt }, precision)
  yield freshly(call, { requests: 1, messages, inexact, usage, credits, money })
}

const NO_MONEY: UsdAddend = { usd: 0n, unpriced: false }

/** A call that was added to them has been found to cost so much more, or less. Dollars are by OpenAI's prices alone: they stay. */
export function* correctRollups(call: Summand, credits: NanoCredits): Script<void> {
  if (credits === 0n) return
  yield freshly(call, { requests: 0, messages: 0, inexact: false, usage: NO_USAGE, credits, money: NO_MONEY })
}

function freshly(
  { startedAt, member, key, model, upstream, kind }: Summand,
  more: {
    readonly requests: number
    readonly messages: number
    readonly inexact: boolean
    readonly usage: Usage
    readonly credits: NanoCredits
    readonly money: UsdAddend
  },
): Statement {
  const { usage, money } = more
  return change`
    INSERT INTO fresh_sums
      (at, member, gateway_key, model, upstream, kind, requests, messages, inexact,
       input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits,
       usd, unpriced)
    VALUES
      (${startedAt - (startedAt % HOUR_MS)}, ${member}, ${key}, ${model}, ${upstream}, ${kind}, ${more.requests},
       ${more.messages}, ${more.inexact}, ${usage.inputTokens}, ${usage.cachedInputTokens}, ${usage.cacheWriteTokens},
       ${usage.outputTokens}, ${usage.reasoningTokens}, ${more.credits}, ${money.usd}, ${money.unpriced})
    ON CONFLICT DO UPDATE SET
      requests = requests + excluded.requests, messages = messages + excluded.messages,
      inexact = inexact + excluded.inexact, input_tokens = input_tokens + excluded.input_tokens,
      cached_input_tokens = cached_input_tokens + excluded.cached_input_tokens,
      cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens,
      output_tokens = output_tokens + excluded.output_tokens,
      reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens, credits = credits + excluded.credits,
      usd = usd + excluded.usd, unpriced = unpriced + excluded.unpriced`
}

/** Moves the first `most` of the fresh sums into `rollups`, and returns how many there were: readers see no difference. */
export function* foldFresh(most: number): Script<number> {
  yield sql`
    INSERT INTO rollups
    WITH slice AS MATERIALIZED (
      SELECT *, at - at % 86400000 AS day, unixepoch(at / 1000, 'unixepoch', 'start of month') * 1000 AS month
      FROM fresh_sums ORDER BY at, member, gateway_key, model, upstream, kind LIMIT ${most}),
    cubes AS (
      SELECT 1 AS cube, at, member, gateway_key, model, upstream, kind, requests, messages, inexact, input_tokens,
        cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM slice UNION ALL
      SELECT 2, day, member, gateway_key, model, upstream, kind, requests, messages, inexact, input_tokens,
        cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM slice UNION ALL
      SELECT 3, month, member, gateway_key, model, upstream, kind, requests, messages, inexact, input_tokens,
        cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM slice UNION ALL
      SELECT 4, day, member, gateway_key, '', 0, '', requests, messages, inexact, input_tokens,
        cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM slice UNION ALL
      SELECT 5, day, 0, 0, model, upstream, kind, requests, messages, inexact, input_tokens,
        cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM slice UNION ALL
      SELECT 6, at, 0, 0, '', 0, '', requests, messages, inexact, input_tokens,
        cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM slice UNION ALL
      SELECT 7, month, member, gateway_key, '', 0, '', requests, messages, inexact, input_tokens,
        cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM slice UNION ALL
      SELECT 8, month, 0, 0, model, upstream, kind, requests, messages, inexact, input_tokens,
        cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM slice UNION ALL
      SELECT 9, day, member, gateway_key, model, 0, '', requests, messages, inexact, input_tokens,
        cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM slice UNION ALL
      SELECT 10, month, member, gateway_key, model, 0, '', requests, messages, inexact, input_tokens,
        cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, credits, usd, unpriced FROM slice)
    SELECT * FROM cubes WHERE true
    ON CONFLICT DO UPDATE SET
      requests = requests + excluded.requests, messages = messages + excluded.messages,
      inexact = inexact + excluded.inexact, input_tokens = input_tokens + excluded.input_tokens,
      cached_input_tokens = cached_input_tokens + excluded.cached_input_tokens,
      cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens,
      output_tokens = output_tokens + excluded.output_tokens,
      reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens, credits = credits + excluded.credits,
      usd = usd + excluded.usd, unpriced = unpriced + excluded.unpriced`
  const folded = yield sql`
    DELETE FROM fresh_sums WHERE (at, member, gateway_key, model, upstream, kind) IN (
      SELECT at, member, gateway_key, model, upstream, kind FROM fresh_sums
      ORDER BY at, member, gateway_key, model, upstream, kind LIMIT ${most})
    RETURNING at`
  return folded.length
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
