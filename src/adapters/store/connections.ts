import type { EpochMs, MemberId } from '../../core/units.ts'
import type { ClosedConnection, NewConnection } from '../../ports.ts'
import type { Scribe } from './calls.ts'
import { addConnectionToRollups } from './rollups.ts'
import { int, sql, type Script } from './sql.ts'

export function* openConnection(scribe: Scribe, connection: NewConnection): Script<void> {
  const made = yield sql`
    INSERT INTO connections (id, instance, member, gateway_key, path, session_id, thread_id, upstream, started_at)
    VALUES (${connection.id}, ${scribe.instance}, ${connection.member}, ${connection.key}, ${connection.path},
            ${connection.sessionId}, ${connection.threadId}, ${connection.upstream}, ${connection.startedAt})
    ON CONFLICT (id) DO NOTHING RETURNING id`
  if (made.length === 0) return
  const { member, startedAt } = connection
  yield* addConnectionToRollups({ member, startedAt, connections: 1, clientMessages: 0, upstreamMessages: 0 })
}

/** A second time changes nothing. */
export function* closeConnection(closed: ClosedConnection): Script<void> {
  const rows = yield sql`
    UPDATE connections SET
      ended_at = ${closed.endedAt}, reason = ${closed.reason}, code = ${closed.code}, upstream = ${closed.upstream},
      client_messages = ${closed.clientMessages}, upstream_messages = ${closed.upstreamMessages}
    WHERE id = ${closed.id} AND ended_at IS NULL
    RETURNING member, started_at`
  for (const row of rows) {
    const { clientMessages, upstreamMessages } = closed
    const began = { member: int(row, 'member') as MemberId, startedAt: int(row, 'started_at') }
    yield* addConnectionToRollups({ ...began, connections: 0, clientMessages, upstreamMessages })
  }
}

/** Those that dead instances left open ended with them. */
export function* closeLeftOpen(instance: string, now: EpochMs): Script<void> {
  yield sql`
    UPDATE connections SET ended_at = ${now}, reason = 'interrupted' WHERE ended_at IS NULL AND instance <> ${instance}`
}
