import type { CallKind } from '../../core/intent.ts'
import type { CallId, MemberId } from '../../core/units.ts'
import type { Precision, SpokenUsage } from '../../core/usage.ts'
import type { CallRow, Ending, Transport } from '../../ports.ts'
import { memberNamed } from './members.ts'
import { big, int, maybeInt, maybeText, sql, text, type Row, type Script } from './sql.ts'

export interface CallFilter {
  readonly member: string | undefined
  readonly limit: number
}

/** Throws a RegistryError when the filter names a member who does not exist. */
export function* callsReport(filter: CallFilter): Script<readonly CallRow[]> {
  const limit = Math.max(0, Math.trunc(filter.limit))
  const rows = filter.member === undefined ? yield* newest(limit) : yield* newestOf(filter.member, limit)
  return rows.map(callRowOf)
}

// The newest calls are chosen before anything is joined to them. The two differ only in the member: one statement with
// "or" in it would not use the member's index.

function* newest(limit: number): Script<readonly Row[]> {
  return yield sql`
    SELECT c.*, m.name AS member_name, k.prefix AS prefix, u.name AS upstream_name,
      (SELECT COUNT(*) FROM attempts a WHERE a.call = c.seq) AS attempts
    FROM (SELECT * FROM calls ORDER BY started_at DESC, seq DESC LIMIT ${limit}) c
    JOIN members m ON m.id = c.member
    JOIN gateway_keys k ON k.id = c.gateway_key
    LEFT JOIN upstreams u ON u.id = c.upstream
    ORDER BY c.started_at DESC, c.seq DESC`
}

function* newestOf(name: string, limit: number): Script<readonly Row[]> {
  const member: MemberId = (yield* memberNamed(name)).id
  return yield sql`
    SELECT c.*, m.name AS member_name, k.prefix AS prefix, u.name AS upstream_name,
      (SELECT COUNT(*) FROM attempts a WHERE a.call = c.seq) AS attempts
    FROM (SELECT * FROM calls WHERE member = ${member} ORDER BY started_at DESC, seq DESC LIMIT ${limit}) c
    JOIN members m ON m.id = c.member
    JOIN gateway_keys k ON k.id = c.gateway_key
    LEFT JOIN upstreams u ON u.id = c.upstream
    ORDER BY c.started_at DESC, c.seq DESC`
}

function spokenIn(row: Row): { readonly spoken?: SpokenUsage } {
  const spoken: SpokenUsage = {
    inputAudioTokens: int(row, 'input_audio_tokens'),
    cachedAudioTokens: int(row, 'cached_audio_tokens'),
    inputImageTokens: int(row, 'input_image_tokens'),
    cachedImageTokens: int(row, 'cached_image_tokens'),
    outputAudioTokens: int(row, 'output_audio_tokens'),
    audioMs: int(row, 'audio_ms'),
  }
  return Object.values(spoken).some((part) => part !== 0) ? { spoken } : {}
}

function callRowOf(row: Row): CallRow {
  const startedAt = int(row, 'started_at')
  const endedAt = maybeInt(row, 'ended_at')
  return {
    id: text(row, 'id') as CallId,
    requestId: maybeText(row, 'request_id'),
    member: text(row, 'member_name'),
    keyPrefix: text(row, 'prefix'),
    upstream: maybeText(row, 'upstream_name'),
    kind: text(row, 'kind') as CallKind,
    transport: text(row, 'transport') as Transport,
    path: text(row, 'path'),
    model: maybeText(row, 'model'),
    serviceTier: maybeText(row, 'service_tier') ?? maybeText(row, 'asked_tier'),
    status: maybeInt(row, 'status'),
    ending: maybeText(row, 'ending') as Ending | undefined,
    refusal: maybeText(row, 'refusal'),
    precision: maybeText(row, 'precision') as Precision | undefined,
    inputTokens: int(row, 'input_tokens'),
    cachedInputTokens: int(row, 'cached_input_tokens'),
    cacheWriteTokens: int(row, 'cache_write_tokens'),
    outputTokens: int(row, 'output_tokens'),
    reasoningTokens: int(row, 'reasoning_tokens'),
    ...spokenIn(row),
    credits: big(row, 'credits'),
    responseId: maybeText(row, 'response_id'),
    threadId: maybeText(row, 'thread_id'),
    sessionId: maybeText(row, 'session_id'),
    startedAt,
    durationMs: endedAt === undefined ? undefined : Math.max(0, endedAt - startedAt),
    attempts: int(row, 'attempts'),
  }
}
