/** What is kept of calls that are deleted, so that their days can still be held against OpenAI's books. */
import { DAY_MS, HOUR_MS } from '../../core/calendar.ts'
import type { EpochMs } from '../../core/units.ts'
import type { CallSpan, Pruned } from '../../ports.ts'
import { bookSumOf, bookSums, type BookSum } from './book-sums.ts'
import { memberNamed } from './members.ts'
import { CUBE } from './rollups.ts'
import { int, maybeInt, only, sql, type Script } from './sql.ts'

/** Part of the transaction that deletes the calls of these numbers, before it does: a JSON list. */
export function* keepSums(seqs: string): Script<void> {
  for (const sum of yield* bookSums(sql`c.seq IN (SELECT value FROM json_each(${seqs}))`)) yield* addTo(sum)
  yield sql`
    INSERT INTO pruned_days (day, calls)
    SELECT started_at / 86400000, COUNT(*) FROM calls
    WHERE seq IN (SELECT value FROM json_each(${seqs})) AND ending <> 'refused' GROUP BY 1
    ON CONFLICT (day) DO UPDATE SET calls = calls + excluded.calls`
}

export function* keptSums({ from, to }: { readonly from: EpochMs; readonly to: EpochMs }): Script<readonly BookSum[]> {
  const rows = yield sql`SELECT * FROM pruned_sums WHERE day >= ${from / DAY_MS} AND day < ${to / DAY_MS}`
  return rows.map(bookSumOf)
}

/**
 * Whether calls of the day are gone of which nothing was kept: there are fewer, with those that were kept of, than the
 * sums of that day have counted.
 */
export function* isLost(day: EpochMs): Script<boolean> {
  const end = day + DAY_MS
  const row = yield* only(sql`
    SELECT
      (SELECT COALESCE(SUM(requests), 0) FROM sums WHERE cube = ${CUBE.hourAlone} AND at >= ${day} AND at < ${end})
        AS counted,
      (SELECT COUNT(*) FROM calls
       WHERE started_at >= ${day} AND started_at < ${end} AND ended_at IS NOT NULL AND ending <> 'refused') AS there,
      (SELECT COALESCE(SUM(calls), 0) FROM pruned_days WHERE day = ${day / DAY_MS}) AS kept`)
  return int(row, 'counted') > int(row, 'there') + int(row, 'kept')
}

/**
 * Which calls of the span are gone: there are fewer in an hour than its sums have counted. The hour in which the span begins
 * is left out where it began earlier, for what is gone of it may be older than the span. Throws a RegistryError for a
 * member who does not exist.
 */
export function* prunedIn({ from, to, member }: CallSpan): Script<Pruned> {
  const who = member === undefined ? undefined : (yield* memberNamed(member)).id
  // Behind the last day of which anything was deleted nobody need count.
  const last = maybeInt(yield* only(sql`SELECT MAX(day) AS day FROM pruned_days`), 'day')
  const [first, end] = [Math.ceil(from / HOUR_MS) * HOUR_MS, Math.min(to, last === undefined ? 0 : (last + 1) * DAY_MS)]
  const there = yield sql`
    SELECT started_at - started_at % ${HOUR_MS} AS at, COUNT(*) AS calls FROM calls
    WHERE started_at >= ${first} AND started_at < ${end + HOUR_MS} AND ended_at IS NOT NULL AND ending <> 'refused'
      AND (${who} IS NULL OR member = ${who})
    GROUP BY 1`
  const left = new Map(there.map((row) => [int(row, 'at'), int(row, 'calls')]))
  const cube = who === undefined ? CUBE.hourAlone : CUBE.hour
  const counted = yield sql`
    SELECT at, SUM(requests) AS calls FROM sums
    WHERE cube = ${cube} AND at >= ${first} AND at < ${end} AND (${who} IS NULL OR member = ${who})
    GROUP BY at ORDER BY at`
  let [calls, before] = [0, 0]
  for (const row of counted) {
    const at = int(row, 'at')
    const gone = int(row, 'calls') - (left.get(at) ?? 0)
    if (gone <= 0) continue
    calls += gone
    before = at + HOUR_MS
  }
  return { calls, before }
}

function* addTo(sum: BookSum): Script<void> {
  yield sql`
    INSERT INTO pruned_sums
      (day, upstream, model, side, tier, long, priced_on, requests, input, cached, output, written, input_audio, cached_audio,
       input_image, cached_image, output_audio, over_midnight)
    VALUES
      (${sum.day}, ${sum.upstream}, ${sum.model}, ${sum.side}, ${sum.tier}, ${sum.long}, ${sum.priced_on}, ${sum.requests}, ${sum.input},
       ${sum.cached}, ${sum.output}, ${sum.written}, ${sum.input_audio}, ${sum.cached_audio}, ${sum.input_image},
       ${sum.cached_image}, ${sum.output_audio}, ${sum.over_midnight})
    ON CONFLICT DO UPDATE SET
      requests = requests + excluded.requests, input = input + excluded.input, cached = cached + excluded.cached,
      output = output + excluded.output, written = written + excluded.written,
      input_audio = input_audio + excluded.input_audio, cached_audio = cached_audio + excluded.cached_audio,
      input_image = input_image + excluded.input_image, cached_image = cached_image + excluded.cached_image,
      output_audio = output_audio + excluded.output_audio, over_midnight = over_midnight + excluded.over_midnight`
}
