import type { CallKind } from '../../core/intent.ts'
import type { CallId } from '../../core/units.ts'
import type { Precision, SpokenUsage } from '../../core/usage.ts'
import type { CallFilter, CallRow, Ending, Transport } from '../../ports.ts'
import { memberNamed } from './members.ts'
import {
  big,
  int,
  maybeInt,
  maybeText,
  sql,
  text,
  withCondition,
  type Row,
  type Script,
  type Statement,
} from './sql.ts'
import { upstreamRow } from './upstreams.ts'

/** A filter in the columns' own words. */
interface Wanted extends Omit<CallFilter, 'member' | 'upstream'> {
  readonly member: number | undefined
  readonly upstream: number | undefined
}

/** Throws a RegistryError when the filter names a member or an upstream key that does not exist. */
export function* wantedBy(filter: CallFilter): Script<Wanted> {
  return {
    ...filter,
    member: filter.member === undefined ? undefined : (yield* memberNamed(filter.member)).id,
    upstream: filter.upstream === undefined ? undefined : int(yield* upstreamRow(filter.upstream), 'id'),
  }
}

/**
 * Reads calls with all that is shown of them. They are chosen by `choice`, a statement that gives rows of `calls`, before
 * anything is joined to them.
 */
export function shown(choice: Statement): Statement {
  return withCondition(
    sql`
    SELECT c.*, m.name AS member_name, k.prefix AS prefix, u.name AS upstream_name,
      (SELECT COUNT(*) FROM attempts a WHERE a.call = c.seq) AS attempts
    FROM (${undefined}) c
    JOIN members m ON m.id = c.member
    JOIN gateway_keys k ON k.id = c.gateway_key
    LEFT JOIN upstreams u ON u.id = c.upstream`,
    0,
    choice,
  )
}

/** `choice` with the filter in place of its first parameter. Of the two forms each uses an index of its own. */
export function choose(choice: Statement, wanted: Wanted): Statement {
  const since = wanted.since ?? 0
  const until = wanted.until ?? Number.MAX_SAFE_INTEGER
  const range =
    wanted.member === undefined
      ? sql`started_at >= ${since} AND started_at < ${until}`
      : sql`member = ${wanted.member} AND started_at >= ${since} AND started_at < ${until}`
  return withCondition(choice, 0, withCondition(rest(wanted), 0, range))
}

function rest({ model, upstream, kind, ending, status }: Wanted): Statement {
  return sql`
    ${undefined}
    AND (${model} IS NULL OR model = ${model}) AND (${upstream} IS NULL OR upstream = ${upstream})
    AND (${kind} IS NULL OR kind = ${kind}) AND (${ending} IS NULL OR COALESCE(ending, 'open') = ${ending})
    AND (${status?.from} IS NULL OR (status >= ${status?.from} AND status <= ${status?.to}))`
}

export function spokenIn(row: Row): { readonly spoken?: SpokenUsage } {
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

/** Of a row that `shown` gave. */
export function callRowOf(row: Row): CallRow {
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
    wouldRefuse: maybeText(row, 'would_refuse'),
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
    endedAt,
    durationMs: endedAt === undefined ? undefined : Math.max(0, endedAt - startedAt),
    attempts: int(row, 'attempts'),
  }
}
