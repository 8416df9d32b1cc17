import type { DueWarning, Standing } from '../../core/quota.ts'
import type { CallId, EpochMs, GatewayKeyId, MemberId, NanoCredits } from '../../core/units.ts'
import type { SpokenUsage } from '../../core/usage.ts'
import { NeverOpened, type Entry } from '../../ports.ts'
import { writeAttempts } from './attempts.ts'
import type { Scribe } from './calls.ts'
import type { OpenedCall } from './memory.ts'
import { dueWarnings } from './outbox.ts'
import { rememberOwner } from './owners.ts'
import { addToTotals } from './rolling.ts'
import { addToRollups } from './rollups.ts'
import { big, change, int, maybeInt, maybeText, one, type Script, sql, text } from './sql.ts'
import { standingAt } from './standing.ts'
import type { NamedTurn } from './taken-turns.ts'
import { warnOnce } from './warnings.ts'
import { addToWindows, closeOwnWindows, openAt, recallMember, windowsIn } from './windows.ts'

export function* settleCall(scribe: Scribe, entry: Entry): Script<Standing> {
  const { again, member, standing } = yield* settled(scribe, entry)
  // Its caller did not hear the first time, nor what was to be told then.
  return again ? { ...standing, warnings: yield* dueWarnings(member) } : standing
}

/** The same for a settlement that was promised: where it was done before, whoever asked for that hears of its warnings. */
export function* settlePromised(scribe: Scribe, entry: Entry): Script<readonly DueWarning[]> {
  const { again, standing } = yield* settled(scribe, entry)
  return again ? [] : (standing.warnings ?? [])
}

interface Settled {
  /** It had been done before. */
  readonly again: boolean
  readonly member: MemberId
  readonly standing: Standing
}

function* settled(scribe: Scribe, entry: Entry): Script<Settled> {
  const at = scribe.time.at(entry.endedAt)
  const call: SettledCall = scribe.memory.calls.get(entry.call) ?? (yield* readCall(entry.call))
  const { member } = call
  const again = call.endedAt !== undefined
  const charged = again ? (call.credits ?? 0n) : yield* writeDown(scribe, call, { entry, at })
  const { quotas, ...known } = yield* recallMember(scribe.memory, member, scribe.quota, at)
  const open = openAt(known, at)
  const windows = yield* standingAt(member, quotas, open, at)
  const warnings = yield* warnOnce(member, windows, open, { warnAt: scribe.quota.warnAt, at })
  return { again, member, standing: { windows, charged, warnings } }
}

/** Returns what the call is charged. */
function* writeDown(
  { memory, quota }: Scribe,
  call: SettledCall,
  { entry, at }: { readonly entry: Entry; readonly at: EpochMs },
): Script<NanoCredits> {
  const { seq, member } = call
  const known = yield* recallMember(memory, member, quota, at)
  const message = entry.message && (yield* isFirstMessage(member, call.turnId))
  const credits = entry.charging === 'message' && !message ? 0n : entry.credits
  yield* closeCall(seq, { ...entry, credits, message })
  if (entry.usage.spoken) yield* writeSpoken(seq, entry.usage.spoken)
  yield* writeAttempts(seq, entry.attempts, call.attempts)
  yield* addToWindows(call.windows, credits, known)
  yield* addToTotals(member, credits, at, known)
  yield* rememberOwner(memory, call, entry)
  if (entry.ending === 'refused') yield* closeOwnWindows(memory, call)
  else {
    const summand = { ...call, model: call.model ?? '', upstream: entry.upstream ?? 0 }
    const serviceTier = entry.serviceTier ?? call.askedTier
    yield* addToRollups(summand, { ...entry, serviceTier, credits, messages: message ? 1 : 0 })
  }
  memory.calls.delete(entry.call)
  return credits
}

type SettledCall = Omit<OpenedCall, 'attempts'> & {
  /** How many attempts were announced; undefined where that is not known. */
  readonly attempts?: number
  readonly endedAt?: EpochMs | undefined
  readonly credits?: NanoCredits
}

function* readCall(id: CallId): Script<SettledCall> {
  const row = yield* one(sql`
    SELECT seq, member, gateway_key, model, asked_tier, kind, started_at, turn_id, thread_id, session_id, window_5h,
      window_daily, window_weekly, window_monthly, ended_at, credits
    FROM calls WHERE id = ${id}`)
  if (!row) throw new NeverOpened(`call ${id} was never opened: it cannot be settled`)
  return {
    seq: int(row, 'seq'),
    member: int(row, 'member') as MemberId,
    key: int(row, 'gateway_key') as GatewayKeyId,
    kind: text(row, 'kind'),
    model: maybeText(row, 'model'),
    askedTier: maybeText(row, 'asked_tier'),
    startedAt: int(row, 'started_at'),
    turnId: maybeText(row, 'turn_id'),
    threadId: maybeText(row, 'thread_id'),
    sessionId: maybeText(row, 'session_id'),
    windows: windowsIn(row),
    endedAt: maybeInt(row, 'ended_at'),
    credits: big(row, 'credits'),
  }
}

/** Of the calls of one turn that may be its message only the first that is settled counts as it. */
export function* isFirstMessage(member: MemberId, turnId: string | undefined): Script<boolean> {
  return turnId === undefined || !(yield* isTaken({ member, id: turnId }))
}

export function* areTaken(turns: readonly NamedTurn[]): Script<readonly boolean[]> {
  const all: boolean[] = []
  for (const turn of turns) all.push(yield* isTaken(turn))
  return all
}

function* isTaken({ member, id }: NamedTurn): Script<boolean> {
  const call = yield* one(sql`
    SELECT seq FROM calls WHERE member = ${member} AND turn_id = ${id} AND messages = 1 LIMIT 1`)
  return call !== undefined
}

function* closeCall(seq: number, entry: Entry): Script<void> {
  const { usage } = entry
  yield change`
    UPDATE calls SET
      ended_at = ${entry.endedAt}, ending = ${entry.ending}, status = ${entry.status}, refusal = ${entry.refusal},
      request_id = ${entry.requestId}, upstream = ${entry.upstream}, organization = ${entry.organization},
      response_id = ${entry.responseId}, stored = ${entry.stored}, service_tier = ${entry.serviceTier},
      input_tokens = ${usage.inputTokens}, cached_input_tokens = ${usage.cachedInputTokens}, cache_write_tokens = ${usage.cacheWriteTokens},
      output_tokens = ${usage.outputTokens}, reasoning_tokens = ${usage.reasoningTokens},
      request_bytes = ${entry.requestBytes}, output_bytes = ${entry.outputBytes},
      precision = ${entry.precision}, charging = ${entry.charging}, credits = ${entry.credits},
      messages = ${entry.message}, rate = ${entry.rate}
    WHERE seq = ${seq}`
}

function* writeSpoken(seq: number, spoken: SpokenUsage): Script<void> {
  yield change`
    UPDATE calls SET
      input_audio_tokens = ${spoken.inputAudioTokens}, cached_audio_tokens = ${spoken.cachedAudioTokens},
      input_image_tokens = ${spoken.inputImageTokens}, cached_image_tokens = ${spoken.cachedImageTokens},
      output_audio_tokens = ${spoken.outputAudioTokens}, audio_ms = ${spoken.audioMs}
    WHERE seq = ${seq}`
}
