/** The JSON of `admin rates`, as docs/json.md describes it. */
import { exactCredits as credits } from '../core/exact-json.ts'
import { identityOf } from '../core/price.ts'
import type { Listed, RateSheet } from '../core/rate-sheet.ts'
import type { RateRow, SpokenRate } from '../core/rates.ts'
import type { Prices } from '../core/set-rate.ts'
import type { UsdRow } from '../core/usd-rates.ts'
import type { SetRate } from '../ports.ts'
import { time } from './json-form.ts'
import type { Repricing } from './repricing.ts'

/** Per million tokens; whole nanocredits or nano-dollars for one. */
function perMillion(amount: bigint | undefined): object | null {
  return amount === undefined ? null : credits(amount * 1_000_000n)
}

export function rateJson(row: RateRow): object {
  return {
    model: row.model,
    identity: identityOf(row),
    input: perMillion(row.input),
    cached: perMillion(row.cached),
    output: perMillion(row.output),
    cache_write: perMillion(row.cacheWrite),
    spoken: row.spoken === undefined ? null : spokenJson(row.spoken),
    from: row.from ?? null,
    to: row.to ?? null,
    status: row.status,
    source: row.source,
    as_of: row.asOf,
  }
}

function spokenJson({ audio, image, minute }: SpokenRate): object {
  return {
    audio_input: perMillion(audio?.input),
    audio_cached: perMillion(audio?.cached),
    audio_output: perMillion(audio?.output),
    image_input: perMillion(image?.input),
    image_cached: perMillion(image?.cached),
    minute: minute === undefined ? null : credits(minute),
  }
}

export function sheetJson(sheet: RateSheet): object {
  const { credits: rows, usd, tiers } = sheet
  return {
    asked: sheet.asked,
    model: sheet.model ?? null,
    fallback: sheet.model === undefined,
    names: sheet.names.map(({ name, source, asOf }) => ({ name, source, as_of: asOf ?? null })),
    credits: rows.map((listed) => listedJson(listed)),
    usd: usd.map((listed) => ({ ...listedJson(listed), long_context: listed.row.longContext === true })),
    tiers: tiers.map(({ tier, credits: factor, usd: other }) => ({
      tier,
      credits: Number(factor) / 10,
      usd: other === undefined ? null : Number(other) / 10,
    })),
    message_credits: credits(sheet.message.credits),
    message_rate: sheet.message.identity,
  }
}

function listedJson({ row, inForce }: Listed<RateRow | UsdRow>): object {
  return { ...rateJson(row), in_force: inForce }
}

export function setRateJson(rate: SetRate): object {
  return {
    id: rate.id,
    model: rate.model,
    from: rate.from ?? null,
    ...('message' in rate ? { message_credits: credits(rate.message) } : pricesJson(rate)),
    who: rate.who,
    set_at: time(rate.at),
  }
}

function pricesJson({ input, cached, output, cacheWrite, minute }: Prices): object {
  return {
    input: perMillion(input),
    cached: perMillion(cached),
    output: perMillion(output),
    cache_write: perMillion(cacheWrite),
    minute: minute === undefined ? null : credits(minute),
  }
}

export function repricingJson({ differences, kept }: Repricing, adjusted: number | undefined): object {
  return {
    differences: differences.map(({ model, member, calls, before, after }) => ({
      model,
      member,
      calls,
      before: credits(before),
      after: credits(after),
      difference: credits(after - before),
    })),
    kept,
    adjusted: adjusted ?? null,
  }
}
