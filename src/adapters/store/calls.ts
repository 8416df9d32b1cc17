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
import type { CallId, EpochMs, GatewayKeyId, MemberId, UpstreamId } from '../../core/units.ts'
import type { Made, OpenCall, RefusedCall } from '../../ports.ts'
import { beginAttempt, writeAttempts } from './attempts.ts'
import type { LedgerTime } from './ledger-time.ts'
import type { KnownMember, LedgerMemory } from './memory.ts'
import { change, inserted, int, maybeText, one, only, type Script, sql } from './sql.ts'
import { standingAt } from './standing.ts'
import { closeOwnWindows, openAt, openMissing, recallMember, windowsIn, type OpenWindows } from './windows.ts'

/** A key's last use is written at most this often: it is for people. */
const KEY_USE_MS = 30_000

/** Who writes, and at what ledger time. */
export interface Scribe {
  /** The running process, named in the calls that it opens. */
  readonly instance: string
  readonly time: LedgerTime
  readonly quota: QuotaRules
  readonly memory: LedgerMemory
}

export function* openCall(scribe: Scribe, call: OpenCall, heldBefore: readonly Hold[], now: EpochMs): Script<Verdict> {
  const at = scribe.time.at(now)
  const known = yield* recallMember(scribe.memory, call.member, scribe.quota, at)
  const open = openAt(known, at)
  const standing = { windows: yield* standingAt(call.member, call.windows, open, at) }
  const judged = judge(standing, heldBefore, at)
  if (judged.state !== 'admitted' && call.unasked !== true && call.shadow !== true) {
    const before = yield* openedBefore(call.id)
    return before === undefined ? judged : { state: 'admitted', at: before, standing }
  }
  const wouldRefuse = call.shadow === true && judged.state === 'spent' ? QUOTA_REFUSAL[judged.window.name] : undefined
  const own = yield* writeOpened(scribe, call, { known, open, at, now, wouldRefuse })
  if (!own) return { state: 'admitted', at: (yield* openedBefore(call.id)) ?? at, standing }
  const opened = own === open ? standing : { windows: yield* standingAt(call.member, call.windows, own, at) }
  return { state: 'admitted', at, standing: opened }
}

/** The same for a call that was admitted when its opening was promised, and runs already. */
export function* openPromised(scribe: Scribe, call: OpenCall, now: EpochMs): Script<void> {
  const at = scribe.time.at(now)
  const known = yield* recallMember(scribe.memory, call.member, scribe.quota, at)
  yield* writeOpened(scribe, call, { known, open: openAt(known, at), at, now, wouldRefuse: undefined })
}

interface Opening {
  readonly known: KnownMember
  readonly open: OpenWindows
  /** In ledger time. */
  readonly at: EpochMs
  readonly now: EpochMs
  readonly wouldRefuse: string | undefined
}

/** Returns the member's windows as they are with the call's own; undefined, and nothing is written, where it was opened before. */
function* writeOpened(scribe: Scribe, call: OpenCall, opening: Opening): Script<OpenWindows | undefined> {
  const { memory } = scribe
  const { known, open, at, now, wouldRefuse } = opening
  const own = call.opensWindows ? yield* openMissing(call, known, open, at) : open
  const windowOf = (name: WindowName): number | undefined =>
    call.windows.some((window) => window.name === name) ? own.windows.get(name)?.id : undefined
  const ids = {
    '5h': windowOf('5h'),
    daily: windowOf('daily'),
    weekly: windowOf('weekly'),
    monthly: windowOf('monthly'),
  }
  const seq = yield* inserted(change`
    INSERT INTO calls
      (id, instance, member, gateway_key, kind, transport, path, model, asked_tier, session_id, thread_id, turn_id,
       charging, may_be_message, rate,
       started_at, admitted_at, hold, window_5h, window_daily, window_weekly, window_monthly, would_refuse)
    VALUES
      (${call.id}, ${scribe.instance}, ${call.member}, ${call.key}, ${call.kind}, ${call.transport}, ${call.path},
       ${call.model}, ${call.serviceTier}, ${call.sessionId}, ${call.threadId}, ${call.turnId},
       ${call.charging}, ${call.message}, ${call.rate}, ${call.startedAt},
       ${at}, ${call.hold}, ${ids['5h']}, ${ids.daily}, ${ids.weekly}, ${ids.monthly}, ${wouldRefuse})
    ON CONFLICT (id) DO NOTHING`)
  if (seq === undefined) return undefined
  const windows = Object.values(ids).flatMap((id) => id ?? [])
  memory.calls.set(call.id, { ...call, askedTier: call.serviceTier, seq, windows, attempts: 0 })
  if (call.first) yield* beginAttempt(memory, call.id, { ...call.first, now })
  yield* markUse(memory, call.key, at)
  return own
}

/** When the call was admitted whose caller gave up waiting for the commit that opened it, and asks again. */
function* openedBefore(id: CallId): Script<EpochMs | undefined> {
  const row = yield* one(sql`SELECT admitted_at FROM calls WHERE id = ${id} AND ended_at IS NULL`)
  return row && int(row, 'admitted_at')
}

function* markUse(memory: LedgerMemory, key: GatewayKeyId, at: EpochMs): Script<void> {
  if (at - (memory.keyUses.get(key) ?? 0) < KEY_USE_MS) return
  yield sql`
    UPDATE gateway_keys SET last_used_at = ${at}
    WHERE id = ${key} AND (last_used_at IS NULL OR last_used_at <= ${at - KEY_USE_MS})`
  memory.keyUses.set(key, at)
}

/**
 * Writes the row of a call that was refused before it was opened; a second time changes nothing. A call whose caller
 * gave up waiting for its opening, which was committed all the same, is closed, with the windows that it opened itself: the
 * try that it named was not made.
 */
export function* refuseCall(scribe: Scribe, call: RefusedCall): Script<void> {
  const written = yield* one(sql`
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
      request_id = excluded.request_id, precision = excluded.precision, hold = 0,
      charging = NULL, rate = NULL
    WHERE calls.ended_at IS NULL
    RETURNING seq, window_5h, window_daily, window_weekly, window_monthly`)
  if (written) {
    const seq = int(written, 'seq')
    yield* writeAttempts(seq, [], undefined)
    if (windowsIn(written).length > 0) yield* closeOwnWindows(scribe.memory, { seq, member: call.member })
  }
  scribe.memory.calls.delete(call.id)
}

export function* standing(
  { memory, time, quota }: Scribe,
  member: MemberId,
  windows: readonly QuotaWindow[],
  now: EpochMs,
): Script<Standing> {
  const at = time.at(now)
  const open = openAt(yield* recallMember(memory, member, quota, at), at)
  return { windows: yield* standingAt(member, windows, open, at) }
}

export function* makerOf(member: MemberId, responseId: string): Script<Made | undefined> {
  const row = yield* one(sql`
    SELECT upstream, model FROM calls
    WHERE member = ${member} AND response_id = ${responseId} AND stored IS NOT 0 AND upstream IS NOT NULL
    ORDER BY seq DESC LIMIT 1`)
  return row && { upstream: int(row, 'upstream') as UpstreamId, model: maybeText(row, 'model') }
}

/** A committed change, so that a disk which is full or read-only is found out. */
export function* probe(): Script<void> {
  yield* only(sql`UPDATE meta SET probes = probes + 1 RETURNING probes`)
}

/** More than opening a call writes. */
const ROOM_BYTES = 131_072

/** The same where a call could not be written before: whether there is room for one. What it writes stays, and is written over. */
export function* probeRoom(): Script<void> {
  yield sql`
    INSERT INTO ballast (id, room) VALUES (1, randomblob(${ROOM_BYTES}))
    ON CONFLICT (id) DO UPDATE SET room = excluded.room`
}
