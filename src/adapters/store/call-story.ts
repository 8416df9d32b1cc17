import type { Choice } from '../../core/choice.ts'
import type { QuotaRules, WindowName } from '../../core/quota.ts'
import type { MemberId } from '../../core/units.ts'
import type { AttemptRow, CallStory, CallWindow, Repricing } from '../../ports.ts'
import { callRowOf, shown } from './call-rows.ts'
import { windowsOf } from './quota-windows.ts'
import { big, flag, int, maybeInt, maybeText, sql, text, type Row, type Script } from './sql.ts'

/** All that the ledger knows of the call with this id, or whose id alone begins so. */
export function* callStory(rules: QuotaRules, id: string): Script<CallStory | undefined> {
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
    windows: yield* countedIn(row, rules),
    organization: maybeText(row, 'organization'),
    tries: yield* triesOf(seq),
    charging: maybeText(row, 'charging') as CallStory['charging'],
    message: flag(row, 'messages'),
    rate: maybeText(row, 'rate'),
    repricings: yield* repricingsOf(text(row, 'id')),
  }
}

/** Those of a member whose windows roll are never opened: what stands in the rows is for the day on which they do not. */
function* countedIn(call: Row, rules: QuotaRules): Script<readonly CallWindow[]> {
  const windows = yield* windowsOf(int(call, 'member') as MemberId, rules)
  if (windows.some(({ rolling }) => rolling)) return []
  const rows = yield sql`
    SELECT name, opened_at, resets_at, settled FROM windows
    WHERE id IN (${maybeInt(call, 'window_5h')}, ${maybeInt(call, 'window_daily')}, ${maybeInt(call, 'window_weekly')},
      ${maybeInt(call, 'window_monthly')})
    ORDER BY resets_at - opened_at`
  return rows.map((row) => ({
    name: text(row, 'name') as WindowName,
    openedAt: int(row, 'opened_at'),
    resetsAt: int(row, 'resets_at'),
    settled: big(row, 'settled'),
  }))
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
    chosen: maybeText(row, 'chosen') as Choice | undefined,
  }))
}

function* repricingsOf(call: string): Script<readonly Repricing[]> {
  const rows = yield sql`
    SELECT adjusted_at, old_credits, new_credits, old_rate, new_rate, adjusted_by, reason FROM adjustments
    WHERE call = ${call} ORDER BY id`
  return rows.map((row) => ({
    at: int(row, 'adjusted_at'),
    before: big(row, 'old_credits'),
    after: big(row, 'new_credits'),
    rateBefore: maybeText(row, 'old_rate'),
    rate: text(row, 'new_rate'),
    who: text(row, 'adjusted_by'),
    why: text(row, 'reason'),
  }))
}
