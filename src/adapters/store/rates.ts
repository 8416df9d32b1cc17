import { dayOf } from '../../core/calendar.ts'
import { MOST_PER_MESSAGE, MOST_PER_MINUTE, MOST_PER_TOKEN, type Prices } from '../../core/set-rate.ts'
import type { EpochMs } from '../../core/units.ts'
import type { Charging, FallbackUse, NewRate, RateName, SetRate, TierUse } from '../../ports.ts'
import { invalid, shown, unknown } from './names.ts'
import { bumpRevision } from './revision.ts'
import { big, flag, int, maybeBig, maybeText, one, only, sql, text, type Row, type Script } from './sql.ts'

const NOT_OF_TOKENS = { input: 0n, cached: 0n, output: 0n, cacheWrite: undefined, minute: undefined }

/** In the place of the one of this name, which stays in the table as taken back. */
export function* setRate(rate: NewRate, now: EpochMs): Script<SetRate> {
  check(rate)
  const { model, from, who } = rate
  const message = 'message' in rate ? rate.message : undefined
  yield* takeBack({ model, from, of: message === undefined ? 'tokens' : 'messages' }, who, now)
  const { input, cached, output, cacheWrite, minute } = 'message' in rate ? NOT_OF_TOKENS : rate
  const row = yield* only(sql`
    INSERT INTO rates (model, from_day, input, cached, output, cache_write, minute, message, set_by, set_at)
    VALUES (${model}, ${from}, ${input}, ${cached}, ${output}, ${cacheWrite}, ${minute}, ${message}, ${who}, ${now})
    RETURNING *`)
  yield* bumpRevision()
  return setRateOf(row)
}

export function* unsetRate(rate: RateName, who: string, now: EpochMs): Script<SetRate> {
  const row = yield* takeBack(rate, who, now)
  if (!row) {
    const known = (yield* listRates()).filter((each) => 'message' in each === (rate.of === 'messages'))
    const kind = rate.of === 'messages' ? 'set price of messages' : 'set rate'
    throw unknown(
      kind,
      nameOf(rate),
      known.map((each) => nameOf(each)),
    )
  }
  yield* bumpRevision()
  return setRateOf(row)
}

/** Those in use, by model and day. */
export function* listRates(): Script<readonly SetRate[]> {
  const rows = yield sql`SELECT * FROM rates WHERE unset_at IS NULL ORDER BY model, from_day, message IS NOT NULL, id`
  return rows.map(setRateOf)
}

export function* fallbackUse(since: EpochMs): Script<readonly FallbackUse[]> {
  const rows = yield sql`
    SELECT model, charging, audio_ms > 0 AS by_length, COUNT(*) AS calls, SUM(credits) AS credits,
      MAX(started_at) AS last_at
    FROM calls
    WHERE started_at >= ${since} AND ended_at IS NOT NULL AND rate = 'fallback' AND charging IS NOT NULL
    GROUP BY model, charging, by_length ORDER BY calls DESC, model, charging, by_length`
  return rows.map((row) => ({
    model: maybeText(row, 'model'),
    charging: text(row, 'charging') as Charging,
    byLength: flag(row, 'by_length'),
    calls: int(row, 'calls'),
    credits: big(row, 'credits'),
    lastAt: int(row, 'last_at'),
  }))
}

export function* tierUse(since: EpochMs): Script<readonly TierUse[]> {
  const rows = yield sql`
    SELECT service_tier, model, COUNT(*) AS calls FROM calls
    WHERE started_at >= ${since} AND service_tier IS NOT NULL AND rate IS NOT NULL AND charging = 'tokens'
    GROUP BY service_tier, model ORDER BY service_tier, model`
  return rows.map((row) => ({
    model: maybeText(row, 'model'),
    tier: text(row, 'service_tier'),
    calls: int(row, 'calls'),
  }))
}

function* takeBack({ model, from, of }: RateName, who: string, now: EpochMs): Script<Row | undefined> {
  return yield* one(sql`
    UPDATE rates SET unset_by = ${who}, unset_at = ${now}
    WHERE model = ${model} AND from_day IS ${from} AND (message IS NOT NULL) = ${of === 'messages'}
      AND unset_at IS NULL
    RETURNING *`)
}

function setRateOf(row: Row): SetRate {
  const at = int(row, 'set_at')
  const setting = {
    id: int(row, 'id'),
    model: text(row, 'model'),
    from: maybeText(row, 'from_day'),
    who: text(row, 'set_by'),
    at,
    on: new Date(at).toISOString().slice(0, 10),
  }
  const message = maybeBig(row, 'message')
  if (message !== undefined) return { ...setting, message }
  const minute = maybeBig(row, 'minute')
  return {
    ...setting,
    input: big(row, 'input'),
    cached: big(row, 'cached'),
    output: big(row, 'output'),
    cacheWrite: maybeBig(row, 'cache_write'),
    ...(minute !== undefined && { minute }),
  }
}

function check(rate: NewRate): void {
  const { model, from } = rate
  if (!/^[\x21-\x7e]{1,128}$/.test(model)) throw invalid('model', shown(model), '1 to 128 visible characters')
  if (from !== undefined && dayOf(from) === undefined) throw invalid('date', shown(from), 'a day such as 2026-12-01')
  if ('message' in rate) checkPrice('price of a message', rate.message, MOST_PER_MESSAGE)
  else checkPrices(rate)
}

function checkPrices({ input, cached, output, cacheWrite = 0n, minute = 0n }: Prices): void {
  for (const [field, price] of Object.entries({ input, cached, output, 'cache write': cacheWrite })) {
    checkPrice(`${field} rate`, price, MOST_PER_TOKEN, 'nanocredits per token')
  }
  checkPrice('price of a minute', minute, MOST_PER_MINUTE)
}

function checkPrice(field: string, price: bigint, most: bigint, unit = 'nanocredits'): void {
  if (price < 0n || price > most) throw invalid(field, `${price} ${unit}`, `from 0 to ${most}`)
}

function nameOf({ model, from }: Pick<RateName, 'model' | 'from'>): string {
  return from === undefined ? model : `${model}@${from}`
}
