import type { CallId, MemberId } from '../../core/units.ts'
import type { ConnectionRow } from '../../ports.ts'
import { memberNamed } from './members.ts'
import { int, maybeInt, maybeText, sql, text, type Row, type Script } from './sql.ts'

export interface ConnectionFilter {
  readonly member: string | undefined
  readonly limit: number
}

/** Throws a RegistryError when the filter names a member who does not exist. */
export function* connectionsReport({ member, limit }: ConnectionFilter): Script<readonly ConnectionRow[]> {
  const most = Math.max(0, Math.trunc(limit))
  const rows = member === undefined ? yield* newest(most) : yield* newestOf((yield* memberNamed(member)).id, most)
  return rows.map(connectionRowOf)
}

// Two statements, each with an index of its own, as for calls.

function* newest(limit: number): Script<readonly Row[]> {
  return yield sql`
    SELECT c.*, m.name AS member_name, k.prefix AS prefix, u.name AS upstream_name
    FROM (SELECT * FROM connections ORDER BY started_at DESC, id DESC LIMIT ${limit}) c
    JOIN members m ON m.id = c.member
    JOIN gateway_keys k ON k.id = c.gateway_key
    LEFT JOIN upstreams u ON u.id = c.upstream
    ORDER BY c.started_at DESC, c.id DESC`
}

function* newestOf(member: MemberId, limit: number): Script<readonly Row[]> {
  return yield sql`
    SELECT c.*, m.name AS member_name, k.prefix AS prefix, u.name AS upstream_name
    FROM (SELECT * FROM connections WHERE member = ${member} ORDER BY started_at DESC, id DESC LIMIT ${limit}) c
    JOIN members m ON m.id = c.member
    JOIN gateway_keys k ON k.id = c.gateway_key
    LEFT JOIN upstreams u ON u.id = c.upstream
    ORDER BY c.started_at DESC, c.id DESC`
}

function connectionRowOf(row: Row): ConnectionRow {
  return {
    id: text(row, 'id') as CallId,
    member: text(row, 'member_name'),
    keyPrefix: text(row, 'prefix'),
    upstream: maybeText(row, 'upstream_name'),
    path: text(row, 'path'),
    sessionId: maybeText(row, 'session_id'),
    threadId: maybeText(row, 'thread_id'),
    startedAt: int(row, 'started_at'),
    endedAt: maybeInt(row, 'ended_at'),
    reason: maybeText(row, 'reason'),
    code: maybeInt(row, 'code'),
    clientMessages: int(row, 'client_messages'),
    upstreamMessages: int(row, 'upstream_messages'),
  }
}
