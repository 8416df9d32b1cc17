import { dayOf } from '../../core/calendar.ts'
import { MOST_PER_TOKEN } from '../../core/set-rate.ts'
import type { EpochMs } from '../../core/units.ts'
import type { FallbackUse, NewRate, SetRate } from '../../ports.ts'
import { invalid, shown, unknown } from './names.ts'
import { bumpRevision } from './revision.ts'
import { big, int, maybeBig, maybeText, one, only, sql, text, type Row, type Script } from './sql.ts'

/** In the place of the one of this model and day, which stays in the table as taken back. */
export function* setRate(rate: NewRate, now: EpochMs): Script<SetRate> {
  check(rate)
  yield* takeBack(rate, now)
  const row = yield* only(sql`
    INSERT INTO rates (model, from_day, input, cached, output, cache_write, set_by, set_at)
    VALUES (${rate.model}, ${rate.from}, ${rate.input}, ${rate.cached}, ${rate.output}, ${rate.cacheWrite},
            ${rate.who}, ${now})
    RETURNING *`)
  yield* bumpRevision()
  return setRateOf(row)
}

export function* unsetRate(rate: Pick<NewRate, 'model' | 'from' | 'who'>, now: EpochMs): Script<SetRate> {
  const row = yield* takeBack(rate, now)
  if (!row) {
    const known = yield* listRates()
    throw unknown(
      'set rate',
      nameOf(rate),
      known.map((each) => nameOf(each)),
    )
  }
  yield* bumpRevision()
  return setRateOf(row)
}

/** Those in use, by model and day. */
export function* listRates(): Script<readonly SetRate[]> {
  const rows = yield sql`SELECT * FROM rates WHERE unset_at IS NULL ORDER BY model, from_day, id`
  return rows.map(setRateOf)
}

export function* fallbackUse(since: EpochMs): Script<readonly FallbackUse[]> {
  const rows = yield sql`
    SELECT model, COUNT(*) AS calls, SUM(credits) AS credits, MAX(started_at) AS last_at FROM calls
    WHERE started_at >= ${since} AND rate = 'fallback' AND ended_at IS NOT NULL
    GROUP BY model ORDER BY calls DESC, model`
  return rows.map((row) => ({
    model: maybeText(row, 'model'),
    calls: int(row, 'calls'),
    credits: big(row, 'credits'),
    lastAt: int(row, 'last_at'),
  }))
}

function* takeBack(
  { model, from, who }: Pick<NewRate, 'model' | 'from' | 'who'>,
  now: EpochMs,
): Script<Row | undefined> {
  return yield* one(sql`
    UPDATE rates SET unset_by = ${who}, unset_at = ${now}
    WHERE model = ${model} AND from_day IS ${from} AND unset_at IS NULL RETURNING *`)
}

function setRateOf(row: Row): SetRate {
  const at = int(row, 'set_at')
  return {
    id: int(row, 'id'),
    model: text(row, 'model'),
    from: maybeText(row, 'from_day'),
    input: big(row, 'input'),
    cached: big(row, 'cached'),
    output: big(row, 'output'),
    cacheWrite: maybeBig(row, 'cache_write'),
    who: text(row, 'set_by'),
    at,
    on: new Date(at).toISOString().slice(0, 10),
  }
}

function check({ model, from, input, cached, output, cacheWrite = 0n }: NewRate): void {
  if (!/^[\x21-\x7e]{1,128}$/.test(model)) throw invalid('model', shown(model), '1 to 128 visible characters')
  if (from !== undefined && dayOf(from) === undefined) throw invalid('date', shown(from), 'a day such as 2026-12-01')
  for (const [field, price] of Object.entries({ input, cached, output, 'cache write': cacheWrite })) {
    if (price < 0n || price > MOST_PER_TOKEN) {
      throw invalid(`${field} rate`, `${price} nanocredits per token`, `from 0 to ${MOST_PER_TOKEN}`)
    }
  }
}

function nameOf({ model, from }: Pick<NewRate, 'model' | 'from'>): string {
  return from === undefined ? model : `${model}@${from}`
}
