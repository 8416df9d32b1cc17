import type { Choice } from '../../core/choice.ts'
import {
  judge,
  type Hold,
  type QuotaRules,
  type QuotaWindow,
  type Standing,
  type Verdict,
  type WindowName,
} from '../../core/quota.ts'
import { QUOTA_REFUSAL } from '../../core/refusal.ts'
import type { CallId, EpochMs, MemberId, UpstreamId } from '../../core/units.ts'
import type { SpokenUsage } from '../../core/usage.ts'
import type { Entry, Made, OpenCall, RefusedCall, ThreadOwner } from '../../ports.ts'
import type { LedgerTime } from './ledger-time.ts'
import { addToRollups, summandOf } from './rollups.ts'
import { int, maybeInt, maybeText, one, only, sql, type Row, type Script } from './sql.ts'
import { addToTotals } from './rolling.ts'
import { warnOnce } from './warnings.ts'
import { standingAt, windowsOf } from './standing.ts'
import { addToWindows, closeOwnWindows, openMissing, openWindowsOf } from './windows.ts'

/** A key's last use is written at most this often: it is for people. */
const KEY_USE_MS = 30_000

/** Who writes, and at what ledger time. */
export interface Scribe {
  /** The running process, named in the calls that it opens. */
  readonly instance: string
  readonly time: LedgerTime
  readonly quota: QuotaRules
}

export function* openCall(scribe: Scribe, call: OpenCall, heldBefore: readonly Hold[], now: EpochMs): Script<Verdict> {
  const at = scribe.time.at(now)
  const open = yield* openWindowsOf(call.member, at)
  const before = yield* one(sql`SELECT admitted_at FROM calls WHERE id = ${call.id} AND ended_at IS NULL`)
  // Its caller gave up waiting for the commit that opened it, and asks again.
  const standing = { windows: yield* standingAt(call.member, call.windows, open, at) }
  if (before) return { state: 'admitted', at: int(before, 'admitted_at'), standing }
  const judged = judge(standing, heldBefore, at)
  if (judged.state !== 'admitted' && call.unasked !== true && call.shadow !== true) return judged
  const wouldRefuse = call.shadow === true && judged.state === 'spent' ? QUOTA_REFUSAL[judged.window.name] : undefined
  const own = call.opensWindows ? yield* openMissing(call, open, at) : open
  const id = (name: WindowName): number | undefined =>
    call.windows.some((window) => window.name === name) ? own.windows.get(name)?.id : undefined
  yield sql`
    INSERT INTO calls
      (id, instance, member, gateway_key, kind, transport, path, model, asked_tier, session_id, thread_id, turn_id,
       started_at, admitted_at, hold, window_5h, window_daily, window_weekly,
       window_monthly, would_refuse)
    VALUES
      (${call.id}, ${scribe.instance}, ${call.member}, ${call.key}, ${call.kind}, ${call.transport}, ${call.path},
       ${call.model}, ${call.serviceTier}, ${call.sessionId}, ${call.threadId}, ${call.turnId}, ${call.startedAt},
       ${at}, ${call.hold}, ${id('5h')}, ${id('daily')}, ${id('weekly')}, ${id('monthly')}, ${wouldRefuse})`
  yield sql`
    UPDATE gateway_keys SET last_used_at = ${at}
    WHERE id = ${call.key} AND (last_used_at IS NULL OR last_used_at <= ${at - KEY_USE_MS})`
  const opened = own === open ? standing : { windows: yield* standingAt(call.member, call.windows, own, at) }
  return { state: 'admitted', at, standing: opened }
}

/** The attempt stands in the ledger before its request may go. */
export function* beginAttempt(call: CallId, upstream: UpstreamId, now: EpochMs, chosen?: Choice): Script<void> {
  const rows = yield sql`
    INSERT INTO attempts (call, number, upstream, started_at, chosen)
    SELECT seq, (SELECT COUNT(*) FROM attempts WHERE attempts.call = calls.seq) + 1, ${upstream}, ${now}, ${chosen}
    FROM calls WHERE id = ${call} AND ended_at IS NULL
    RETURNING number`
  if (rows.length === 0) throw new Error(`call ${call} is not open: it cannot make an attempt`)
}

export function* settleCall(scribe: Scribe, entry: Entry): Script<Standing> {
  const call = yield* one(sql`
    SELECT seq, member, gateway_key, model, kind, started_at, turn_id, window_5h, window_daily, window_weekly,
      window_monthly, ended_at
    FROM calls WHERE id = ${entry.call}`)
  if (!call) throw new Error(`call ${entry.call} was never opened: it cannot be settled`)
  if (maybeInt(call, 'ended_at') === undefined) {
    const message = yield* isFirstMessage(call, entry)
    const credits = entry.charging === 'message' && !message ? 0n : entry.credits
    yield* closeCall(int(call, 'seq'), { ...entry, credits, message })
    if (entry.usage.spoken) yield* writeSpoken(int(call, 'seq'), entry.usage.spoken)
    yield* writeAttempts(int(call, 'seq'), entry)
    yield* addToWindows(call, credits)
    yield* addToTotals(int(call, 'member') as MemberId, credits, scribe.time.at(entry.endedAt))
    if (entry.ending === 'refused') yield* closeOwnWindows(int(call, 'seq'))
    else yield* addToRollups(summandOf(call, entry.upstream), { ...entry, credits, messages: message ? 1 : 0 })
  }
  const member = int(call, 'member') as MemberId
  const at = scribe.time.at(entry.endedAt)
  const open = yield* openWindowsOf(member, at)
  const windows = yield* standingAt(member, yield* windowsOf(member, scribe.quota), open, at)
  return { windows, warnings: yield* warnOnce(member, windows, open, { warnAt: scribe.quota.warnAt, at }) }
}

/**
 * Writes the row of a call that was refused before it was opened; a second time changes nothing. A call whose caller
 * gave up waiting for its opening, which was committed all the same, is closed.
 */
export function* refuseCall(scribe: Scribe, call: RefusedCall): Script<void> {
  yield sql`
    INSERT INTO calls
      (id, instance, member, gateway_key, kind, transport, path, model, asked_tier, session_id, thread_id, turn_id,
       started_at, admitted_at, hold, ended_at, ending, status, refusal, request_id, precision)
    VALUES
      (${call.id}, ${scribe.instance}, ${call.member}, ${call.key}, ${call.kind}, ${call.transport}, ${call.path},
       ${call.model}, ${call.serviceTier}, ${call.sessionId}, ${call.threadId}, ${call.turnId}, ${call.startedAt},
       ${scribe.time.at(call.endedAt)}, 0, ${call.endedAt}, 'refused', ${call.status}, ${call.refusal},
       ${call.requestId}, 'exact')
    ON CONFLICT (id) DO UPDATE SET
      ended_at = excluded.ended_at, ending = excluded.ending, status = excluded.status, refusal = excluded.refusal,
      request_id = excluded.request_id, precision = excluded.precision, hold = 0
    WHERE calls.ended_at IS NULL`
}

export function* standing(member: MemberId, windows: readonly QuotaWindow[], at: EpochMs): Script<Standing> {
  return { windows: yield* standingAt(member, windows, yield* openWindowsOf(member, at), at) }
}

export function* ownerOf(member: MemberId, threadId: string): Script<ThreadOwner | undefined> {
  const row =
    (yield* one(sql`
      SELECT upstream, organization FROM calls
      WHERE member = ${member} AND thread_id = ${threadId} AND upstream IS NOT NULL AND status < 300
      ORDER BY ended_at DESC, seq DESC LIMIT 1`)) ??
    (yield* one(sql`
      SELECT upstream, organization FROM calls
      WHERE member = ${member} AND session_id = ${threadId} AND upstream IS NOT NULL AND status < 300
      ORDER BY ended_at DESC, seq DESC LIMIT 1`))
  return row && { upstream: int(row, 'upstream') as UpstreamId, organization: maybeText(row, 'organization') }
}

export function* makerOf(member: MemberId, responseId: string): Script<Made | undefined> {
  const row = yield* one(sql`
    SELECT upstream, model FROM calls
    WHERE member = ${member} AND response_id = ${responseId} AND upstream IS NOT NULL ORDER BY seq DESC LIMIT 1`)
  return row && { upstream: int(row, 'upstream') as UpstreamId, model: maybeText(row, 'model') }
}

/** A committed change, so that a disk which is full or read-only is found out. */
export function* probe(): Script<void> {
  yield* only(sql`UPDATE meta SET probes = probes + 1 RETURNING probes`)
}

/** Of the calls of one turn only the first that is settled counts as its message. */
function* isFirstMessage(call: Row, entry: Entry): Script<boolean> {
  const turn = maybeText(call, 'turn_id')
  if (!entry.message || turn === undefined) return entry.message
  const other = yield* one(sql`
    SELECT seq FROM calls WHERE member = ${int(call, 'member')} AND turn_id = ${turn} AND messages = 1 LIMIT 1`)
  return other === undefined
}

function* closeCall(seq: number, entry: Entry): Script<void> {
  const { usage } = entry
  yield sql`
    UPDATE calls SET
      ended_at = ${entry.endedAt}, ending = ${entry.ending}, status = ${entry.status}, refusal = ${entry.refusal},
      request_id = ${entry.requestId}, upstream = ${entry.upstream}, organization = ${entry.organization},
      response_id = ${entry.responseId}, service_tier = ${entry.serviceTier}, input_tokens = ${usage.inputTokens},
      cached_input_tokens = ${usage.cachedInputTokens}, cache_write_tokens = ${usage.cacheWriteTokens},
      output_tokens = ${usage.outputTokens}, reasoning_tokens = ${usage.reasoningTokens},
      request_bytes = ${entry.requestBytes}, output_bytes = ${entry.outputBytes},
      precision = ${entry.precision}, charging = ${entry.charging}, credits = ${entry.credits},
      messages = ${entry.message}, rate = ${entry.rate}
    WHERE seq = ${seq}`
}

function* writeSpoken(seq: number, spoken: SpokenUsage): Script<void> {
  yield sql`
    UPDATE calls SET
      input_audio_tokens = ${spoken.inputAudioTokens}, cached_audio_tokens = ${spoken.cachedAudioTokens},
      input_image_tokens = ${spoken.inputImageTokens}, cached_image_tokens = ${spoken.cachedImageTokens},
      output_audio_tokens = ${spoken.outputAudioTokens}, audio_ms = ${spoken.audioMs}
    WHERE seq = ${seq}`
}

/** Fills in the attempts by their order. One that was announced and is not among them was never made. */
function* writeAttempts(seq: number, entry: Entry): Script<void> {
  yield sql`DELETE FROM attempts WHERE call = ${seq} AND number > ${entry.attempts.length}`
  for (const [index, attempt] of entry.attempts.entries()) {
    yield sql`
      INSERT INTO attempts (call, number, upstream, started_at, status, error_class, sent, duration_ms, chosen)
      VALUES (${seq}, ${index + 1}, ${attempt.upstream}, ${attempt.startedAt}, ${attempt.status},
              ${attempt.errorClass}, ${attempt.sent}, ${Math.round(attempt.durationMs)}, ${attempt.chosen})
      ON CONFLICT (call, number) DO UPDATE SET
        upstream = excluded.upstream, started_at = excluded.started_at, status = excluded.status,
        error_class = excluded.error_class, sent = excluded.sent, duration_ms = excluded.duration_ms, chosen = excluded.chosen`
  }
}
