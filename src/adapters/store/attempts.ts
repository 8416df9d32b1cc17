import type { Choice } from '../../core/choice.ts'
import type { CallId, EpochMs, UpstreamId } from '../../core/units.ts'
import type { Entry } from '../../ports.ts'
import type { LedgerMemory } from './memory.ts'
import { change, int, one, only, type Script, sql } from './sql.ts'

/** A try that is about to be made. */
export interface NewAttempt {
  readonly upstream: UpstreamId
  readonly chosen: Choice | undefined
  readonly now: EpochMs
}

/** The attempt stands in the ledger before its request may go. */
export function* beginAttempt(memory: LedgerMemory, id: CallId, { upstream, chosen, now }: NewAttempt): Script<void> {
  const call = memory.calls.get(id) ?? (yield* readOpen(id))
  call.attempts += 1
  yield change`
    INSERT INTO attempts (call, number, upstream, started_at, chosen)
    VALUES (${call.seq}, ${call.attempts}, ${upstream}, ${now}, ${chosen})`
}

function* readOpen(id: CallId): Script<{ readonly seq: number; attempts: number }> {
  const row = yield* one(sql`SELECT seq FROM calls WHERE id = ${id} AND ended_at IS NULL`)
  if (!row) throw new Error(`call ${id} is not open: it cannot make an attempt`)
  const seq = int(row, 'seq')
  const count = yield* only(sql`SELECT COUNT(*) AS attempts FROM attempts WHERE call = ${seq}`)
  return { seq, attempts: int(count, 'attempts') }
}

/**
 * Fills in the attempts by their order. One that was announced and is not among them was never made. `announced` is how many
 * were; undefined where that is not known.
 */
export function* writeAttempts(call: number, attempts: Entry['attempts'], announced: number | undefined): Script<void> {
  if (announced === undefined || announced > attempts.length) {
    yield sql`DELETE FROM attempts WHERE call = ${call} AND number > ${attempts.length}`
  }
  for (const [index, attempt] of attempts.entries()) {
    yield change`
      INSERT INTO attempts (call, number, upstream, started_at, status, error_class, sent, duration_ms, chosen)
      VALUES (${call}, ${index + 1}, ${attempt.upstream}, ${attempt.startedAt}, ${attempt.status},
              ${attempt.errorClass}, ${attempt.sent}, ${Math.round(attempt.durationMs)}, ${attempt.chosen})
      ON CONFLICT (call, number) DO UPDATE SET
        upstream = excluded.upstream, started_at = excluded.started_at, status = excluded.status,
        error_class = excluded.error_class, sent = excluded.sent, duration_ms = excluded.duration_ms, chosen = excluded.chosen`
  }
}
