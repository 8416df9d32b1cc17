/** What the ledger has to say to OpenAI's books. */
import { DAY_MS, NOTHING, plus, type LedgerSums, type Tally } from '../../core/reconcile.ts'
import type { EpochMs, UpstreamId } from '../../core/units.ts'
import { usdOfSum } from '../../core/usd.ts'
import type { Days, LedgerDays } from '../../ports.ts'
import { bookSums, merged, type BookSum } from './book-sums.ts'
import { isLost, keptSums } from './pruned-sums.ts'
import { sql, type Script } from './sql.ts'

const NONE = { proven: NOTHING, unproven: NOTHING, failed: 0, overMidnight: 0, usd: { proven: 0n, unproven: 0n } }

/** Per day, upstream key and model, of calls that began in [from, to), also of those that were deleted since. */
export function* ledgerSums(days: Days): Script<LedgerDays> {
  const there = yield* bookSums(sql`c.started_at >= ${days.from} AND c.started_at < ${days.to}`)
  const groups = new Map<string, LedgerSums>()
  // Merged before they are priced, for a price is rounded.
  for (const sum of merged([...there, ...(yield* keptSums(days))])) {
    const name = JSON.stringify([sum.day, sum.upstream, sum.model])
    const [day, model] = [sum.day * DAY_MS, sum.model === '' ? undefined : sum.model]
    groups.set(name, added(groups.get(name) ?? { day, upstream: sum.upstream as UpstreamId, model, ...NONE }, sum))
  }
  const lost: EpochMs[] = []
  for (let day = days.from; day < days.to; day += DAY_MS) if (yield* isLost(day)) lost.push(day)
  return { sums: [...groups.values()], lost }
}

function added(before: LedgerSums, sum: BookSum): LedgerSums {
  const { side } = sum
  if (side === 'failed') return { ...before, failed: before.failed + sum.requests }
  const usd = usdOfBookSum(sum)
  return {
    ...before,
    [side]: plus(before[side], tallyOf(sum)),
    overMidnight: before.overMidnight + sum.over_midnight,
    usd: before.usd && usd !== undefined ? { ...before.usd, [side]: before.usd[side] + usd } : undefined,
  }
}

function tallyOf({ requests, input, cached, output }: BookSum): Tally {
  return { requests, input, cached, output }
}

/** By the prices of the day on which its calls ended. Undefined where that of its model is not known. */
function usdOfBookSum(sum: BookSum): bigint | undefined {
  const usage = {
    inputTokens: sum.input,
    cachedInputTokens: sum.cached,
    cacheWriteTokens: sum.written,
    outputTokens: sum.output,
    reasoningTokens: 0,
    spoken: {
      inputAudioTokens: sum.input_audio,
      cachedAudioTokens: sum.cached_audio,
      inputImageTokens: sum.input_image,
      cachedImageTokens: sum.cached_image,
      outputAudioTokens: sum.output_audio,
      audioMs: 0,
    },
  }
  const tier = sum.tier === '' ? undefined : sum.tier
  return usdOfSum(usage, { model: sum.model, tier, long: sum.long === 1 }, sum.priced_on * DAY_MS)
}
