import type { PastPage, PastPageCall } from '../../ports.ts'
import { big, int, maybeInt, only, sql, text, type Script } from './sql.ts'

/** Calls are numbered when they are opened, which is near the order in which they came. */
const OUT_OF_ORDER = 1000

export function* pastCalls({ since, after, limit }: PastPage): Script<readonly PastPageCall[]> {
  const from = after > 0 ? after : yield* before(since)
  const rows = yield sql`
    SELECT c.seq AS seq, m.name AS member, c.kind AS kind, c.admitted_at AS admitted_at, c.ended_at AS ended_at,
      c.credits AS credits
    FROM calls c JOIN members m ON m.id = c.member
    WHERE c.seq > ${from} AND c.started_at >= ${since} AND c.ended_at IS NOT NULL AND c.ending <> 'refused'
    ORDER BY c.seq LIMIT ${limit}`
  return rows.map((row) => ({
    seq: int(row, 'seq'),
    member: text(row, 'member'),
    opensWindows: text(row, 'kind') !== 'prewarm',
    admittedAt: int(row, 'admitted_at'),
    endedAt: int(row, 'ended_at'),
    credits: big(row, 'credits'),
  }))
}

/** A number before all calls that began since then. */
function* before(since: number): Script<number> {
  const first = yield* only(sql`
    SELECT (SELECT seq FROM calls WHERE started_at >= ${since} ORDER BY started_at, seq LIMIT 1) AS seq`)
  return Math.max(0, (maybeInt(first, 'seq') ?? 0) - OUT_OF_ORDER)
}
