import type { WindowName } from '../../core/quota.ts'
import type { AttemptRow, CallStory, CallWindow } from '../../ports.ts'
import { callRowOf, shown } from './call-rows.ts'
import { big, flag, int, maybeInt, maybeText, one, sql, text, type Row, type Script } from './sql.ts'

/** All that the ledger knows of the call with this id, or whose id alone begins so. */
export function* callStory(id: string): Script<CallStory | undefined> {
  // A tilde comes after whatever is in an id.
  const rows = yield shown(sql`SELECT * FROM calls WHERE id >= ${id} AND id < ${`${id}~`} ORDER BY id LIMIT 2`)
  const [row] = rows.length === 1 ? rows : rows.filter((candidate) => text(candidate, 'id') === id)
  if (!row) return undefined
  const seq = int(row, 'seq')
  return {
    call: callRowOf(row),
    askedTier: maybeText(row, 'asked_tier'),
    turnId: maybeText(row, 'turn_id'),
    admittedAt: int(row, 'admitted_at'),
    hold: big(row, 'hold'),
    windows: yield* windowsOf(row),
    organization: maybeText(row, 'organization'),
    answeredBefore: yield* answeredBefore(row),
    tries: yield* triesOf(seq),
    charging: maybeText(row, 'charging') as CallStory['charging'],
    message: flag(row, 'messages'),
    rate: maybeText(row, 'rate'),
  }
}

function* windowsOf(call: Row): Script<readonly CallWindow[]> {
  const rows = yield sql`
    SELECT name, opened_at, resets_at, settled FROM windows
    WHERE id IN (${maybeInt(call, 'window_5h')}, ${maybeInt(call, 'window_weekly')}) ORDER BY resets_at - opened_at`
  return rows.map((row) => ({
    name: text(row, 'name') as WindowName,
    openedAt: int(row, 'opened_at'),
    resetsAt: int(row, 'resets_at'),
    settled: big(row, 'settled'),
  }))
}

/** By the indexes of threads and of sessions: the newest that had ended when this one was admitted. */
function* answeredBefore(call: Row): Script<string | undefined> {
  const [member, admitted] = [int(call, 'member'), int(call, 'admitted_at')]
  const [thread, session] = [maybeText(call, 'thread_id'), maybeText(call, 'session_id')]
  const before =
    (yield* one(sql`
      SELECT u.name AS name FROM calls c JOIN upstreams u ON u.id = c.upstream
      WHERE c.member = ${member} AND c.thread_id = ${thread} AND c.ended_at <= ${admitted} AND c.upstream IS NOT NULL
        AND c.seq <> ${int(call, 'seq')}
      ORDER BY c.ended_at DESC LIMIT 1`)) ??
    (yield* one(sql`
      SELECT u.name AS name FROM calls c JOIN upstreams u ON u.id = c.upstream
      WHERE c.member = ${member} AND c.session_id = ${session} AND c.ended_at <= ${admitted} AND c.upstream IS NOT NULL
        AND c.seq <> ${int(call, 'seq')}
      ORDER BY c.ended_at DESC LIMIT 1`))
  return before && text(before, 'name')
}

function* triesOf(seq: number): Script<readonly AttemptRow[]> {
  const rows = yield sql`
    SELECT a.*, u.name AS upstream_name FROM attempts a JOIN upstreams u ON u.id = a.upstream
    WHERE a.call = ${seq} ORDER BY a.number`
  return rows.map((row) => ({
    number: int(row, 'number'),
    upstream: text(row, 'upstream_name'),
    startedAt: int(row, 'started_at'),
    status: maybeInt(row, 'status'),
    errorClass: maybeText(row, 'error_class'),
    sent: maybeInt(row, 'sent') === undefined ? undefined : flag(row, 'sent'),
    durationMs: maybeInt(row, 'duration_ms'),
  }))
}
