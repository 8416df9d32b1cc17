import type { EpochMs } from '../../core/units.ts'
import type { ClosedConnection, NewConnection } from '../../ports.ts'
import type { Scribe } from './calls.ts'
import { sql, type Script } from './sql.ts'

export function* openConnection(scribe: Scribe, connection: NewConnection): Script<void> {
  yield sql`
    INSERT INTO connections (id, instance, member, gateway_key, path, session_id, thread_id, upstream, started_at)
    VALUES (${connection.id}, ${scribe.instance}, ${connection.member}, ${connection.key}, ${connection.path},
            ${connection.sessionId}, ${connection.threadId}, ${connection.upstream}, ${connection.startedAt})
    ON CONFLICT (id) DO NOTHING`
}

/** A second time changes nothing. */
export function* closeConnection(closed: ClosedConnection): Script<void> {
  yield sql`
    UPDATE connections SET
      ended_at = ${closed.endedAt}, reason = ${closed.reason}, code = ${closed.code}, upstream = ${closed.upstream},
      client_messages = ${closed.clientMessages}, upstream_messages = ${closed.upstreamMessages}
    WHERE id = ${closed.id} AND ended_at IS NULL`
}

/** Those that dead instances left open ended with them. */
export function* closeLeftOpen(instance: string, now: EpochMs): Script<void> {
  yield sql`
    UPDATE connections SET ended_at = ${now}, reason = 'interrupted' WHERE ended_at IS NULL AND instance <> ${instance}`
}
