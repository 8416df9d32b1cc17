import type { Cutoffs } from '../../ports.ts'
import { int, sql, type Row, type Script } from './sql.ts'

export function* prune(
  before: Cutoffs,
  most: number,
): Script<{ readonly calls: number; readonly connections: number }> {
  const calls = before.calls === undefined ? 0 : yield* pruneCalls(before.calls, most)
  const connections = before.connections === undefined ? 0 : yield* pruneConnections(before.connections, most)
  return { calls, connections }
}

/** The newest call stays: the ledger's order and its time go on from it. */
function* pruneCalls(before: number, most: number): Script<number> {
  const old = yield sql`
    SELECT seq FROM calls
    WHERE started_at < ${before} AND ended_at IS NOT NULL AND seq < (SELECT MAX(seq) FROM calls)
    ORDER BY started_at LIMIT ${most}`
  const list = JSON.stringify(old.map((row: Row) => int(row, 'seq')))
  yield sql`DELETE FROM attempts WHERE call IN (SELECT value FROM json_each(${list}))`
  yield sql`DELETE FROM calls WHERE seq IN (SELECT value FROM json_each(${list}))`
  yield sql`
    DELETE FROM owners WHERE (member, conversation, named_by) IN (
      SELECT member, conversation, named_by FROM owners WHERE answered_at < ${before}
      ORDER BY answered_at LIMIT ${most})`
  return old.length
}

function* pruneConnections(before: number, most: number): Script<number> {
  const gone = yield sql`
    DELETE FROM connections WHERE id IN (
      SELECT id FROM connections WHERE started_at < ${before} AND ended_at IS NOT NULL
      ORDER BY started_at LIMIT ${most})
    RETURNING id`
  return gone.length
}
