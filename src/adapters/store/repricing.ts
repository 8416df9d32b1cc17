import type { CallId, EpochMs, MemberId } from '../../core/units.ts'
import type { Precision } from '../../core/usage.ts'
import type { Adjustment, BookedCall, CallMark, CallSpan, Charging } from '../../ports.ts'
import { spokenIn } from './call-rows.ts'
import { memberNamed } from './members.ts'
import { big, flag, int, maybeInt, maybeText, one, sql, text, type Row, type Script } from './sql.ts'
import { correctRollups, summandOf } from './rollups.ts'
import { correctTotals } from './rolling.ts'
import { addToWindows, windowsIn } from './windows.ts'

/** Throws a RegistryError when the span names a member who does not exist. */
export function* bookedCalls(
  { from, to, member }: CallSpan,
  after: CallMark | undefined,
  limit: number,
): Script<readonly BookedCall[]> {
  const mark = after ?? { startedAt: from, seq: 0 } // No call has this one.
  const rows =
    member === undefined
      ? yield* pageOfAll(to, mark, limit)
      : yield* pageOf((yield* memberNamed(member)).id, to, mark, limit)
  return rows.map(bookedCallOf)
}

/** Each call that still costs what it was found at gets its new price; its windows and sums follow, open or over. */
export function* adjustCalls(
  adjustments: readonly Adjustment[],
  { who, why }: { readonly who: string; readonly why: string },
  now: EpochMs,
): Script<number> {
  let changed = 0
  for (const { call, before, after, rate } of adjustments) {
    const row = yield* one(sql`
      SELECT seq, member, gateway_key, model, kind, upstream, started_at, ended_at, ending, rate,
        window_5h, window_daily, window_weekly, window_monthly
      FROM calls WHERE id = ${call} AND credits = ${before} AND ended_at IS NOT NULL`)
    if (!row || (before === after && maybeText(row, 'rate') === rate)) continue
    yield sql`
      INSERT INTO adjustments (call, old_credits, new_credits, old_rate, new_rate, adjusted_by, adjusted_at, reason)
      VALUES (${call}, ${before}, ${after}, ${maybeText(row, 'rate')}, ${rate}, ${who}, ${now}, ${why})`
    yield sql`UPDATE calls SET credits = ${after}, rate = ${rate} WHERE seq = ${int(row, 'seq')}`
    yield* addToWindows(windowsIn(row), after - before)
    // No refusal is in the sums.
    if (text(row, 'ending') !== 'refused') {
      yield* correctRollups(summandOf(row, maybeInt(row, 'upstream')), after - before)
    }
    yield* correctTotals(int(row, 'member') as MemberId, after - before, int(row, 'ended_at'))
    changed += 1
  }
  return changed
}

// The two differ only in the member: one statement with "or" in it would not use the member's index.

function* pageOfAll(to: EpochMs, { startedAt, seq }: CallMark, limit: number): Script<readonly Row[]> {
  return yield sql`
    SELECT c.*, m.name AS member_name FROM calls c JOIN members m ON m.id = c.member
    WHERE (c.started_at, c.seq) > (${startedAt}, ${seq}) AND c.started_at < ${to}
      AND c.ended_at IS NOT NULL AND (c.rate IS NOT NULL OR c.credits > 0)
    ORDER BY c.started_at, c.seq LIMIT ${limit}`
}

function* pageOf(member: MemberId, to: EpochMs, mark: CallMark, limit: number): Script<readonly Row[]> {
  return yield sql`
    SELECT c.*, m.name AS member_name FROM calls c JOIN members m ON m.id = c.member
    WHERE c.member = ${member} AND (c.started_at, c.seq) > (${mark.startedAt}, ${mark.seq}) AND c.started_at < ${to}
      AND c.ended_at IS NOT NULL AND (c.rate IS NOT NULL OR c.credits > 0)
    ORDER BY c.started_at, c.seq LIMIT ${limit}`
}

function bookedCallOf(row: Row): BookedCall {
  return {
    id: text(row, 'id') as CallId,
    seq: int(row, 'seq'),
    member: text(row, 'member_name'),
    model: maybeText(row, 'model'),
    serviceTier: maybeText(row, 'service_tier'),
    usage: {
      inputTokens: int(row, 'input_tokens'),
      cachedInputTokens: int(row, 'cached_input_tokens'),
      cacheWriteTokens: int(row, 'cache_write_tokens'),
      outputTokens: int(row, 'output_tokens'),
      reasoningTokens: int(row, 'reasoning_tokens'),
      ...spokenIn(row),
    },
    precision: maybeText(row, 'precision') as Precision | undefined,
    charging: maybeText(row, 'charging') as Charging | undefined,
    message: flag(row, 'messages'),
    startedAt: int(row, 'started_at'),
    endedAt: int(row, 'ended_at'),
    credits: big(row, 'credits'),
    rate: maybeText(row, 'rate'),
  }
}
