import type { EpochMs, MemberId, UpstreamId } from '../../core/units.ts'
import type { Entry, ThreadOwner } from '../../ports.ts'
import type { LedgerMemory, OpenedCall } from './memory.ts'
import { int, maybeText, one, sql, type Script } from './sql.ts'

/** An owner that stays the same is written again this often: it is kept as long as the calls are (retention.ts). */
const RENEW_MS = 3_600_000

/** The key of the last answer that was given in the thread; else in the session of this id. */
export function* ownerOf(member: MemberId, threadId: string): Script<ThreadOwner | undefined> {
  const row = yield* one(sql`
    SELECT upstream, organization FROM owners
    WHERE member = ${member} AND conversation = ${threadId} ORDER BY named_by DESC LIMIT 1`)
  return row && { upstream: int(row, 'upstream') as UpstreamId, organization: maybeText(row, 'organization') }
}

/** After an answer: what it is bound to is known to this key alone. */
export function* rememberOwner(
  memory: LedgerMemory,
  { member, threadId, sessionId }: Pick<OpenedCall, 'member' | 'threadId' | 'sessionId'>,
  { upstream, organization, status, endedAt }: Entry,
): Script<void> {
  if (upstream === undefined || status === undefined || status >= 300) return
  for (const [namedBy, conversation] of [
    ['thread', threadId],
    ['session', sessionId],
  ] as const) {
    if (conversation === undefined) continue
    const before = memory.owner(member, namedBy, conversation)
    if (before?.upstream === upstream && before.organization === organization && isFresh(before.answeredAt, endedAt))
      continue
    yield sql`
      INSERT INTO owners (member, conversation, named_by, upstream, organization, answered_at)
      VALUES (${member}, ${conversation}, ${namedBy}, ${upstream}, ${organization}, ${endedAt})
      ON CONFLICT DO UPDATE SET
        upstream = excluded.upstream, organization = excluded.organization, answered_at = excluded.answered_at`
    memory.setOwner(member, namedBy, conversation, { upstream, organization, answeredAt: endedAt })
  }
}

function isFresh(writtenAt: EpochMs, now: EpochMs): boolean {
  return now >= writtenAt && now < writtenAt + RENEW_MS
}
