/** What reports of usage may be asked, and what they should say. */
import fc from 'fast-check'
import { DAY_MS, HOUR_MS } from '../../src/core/calendar.ts'
import { usdOf } from '../../src/core/usd.ts'
import type { UsageDimension, UsageQuery, UsageSum } from '../../src/ports.ts'
import type { SettledCall } from './bench.ts'
import { INSTANTS } from './rollups-house.ts'

const HOURS = [...new Set(INSTANTS.map((at) => at - (at % HOUR_MS)))]

export const DIMENSIONS: readonly UsageDimension[] = ['member', 'key', 'model', 'upstream', 'kind', 'day', 'hour']

/** What may be asked of a report, at and around the turns of months, days and hours. */
export const question: fc.Arbitrary<UsageQuery> = fc.record({
  by: fc.subarray([...DIMENSIONS]),
  from: fc.constantFrom(0, ...HOURS),
  to: fc.constantFrom(...HOURS, Date.parse('2030-01-01T00:00:00Z')),
})

export type Numbers = readonly (string | number | bigint | undefined)[]

/** All of it, for a comparison. */
export function numbers(sum: UsageSum): Numbers {
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens } = sum
  const tokens = [inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens]
  const group = [sum.member, sum.key, sum.model, sum.upstream, sum.kind, sum.at]
  return [...group, sum.requests, sum.messages, sum.inexact, sum.unpriced, ...tokens, sum.credits, sum.usd]
}

/** What a report should say, summed the plain way from the calls themselves. */
export function expected(
  calls: readonly SettledCall[],
  from: number,
  to: number,
  by: readonly UsageDimension[],
): readonly Numbers[] {
  const length = by.includes('hour') ? HOUR_MS : DAY_MS
  const groups = new Map<string, { of: Numbers; sums: number[]; credits: bigint; usd: bigint }>()
  for (const call of calls) {
    const startedAt = Number(call['started_at'])
    if (startedAt < from || startedAt >= to) continue
    const name = (dimension: UsageDimension, column: string): string | undefined => {
      const value = call[column]
      return by.includes(dimension) && typeof value === 'string' ? value : undefined
    }
    const of = [
      name('member', 'member_name'),
      name('key', 'prefix'),
      name('model', 'model'),
      name('upstream', 'upstream_name'),
      name('kind', 'kind'),
      by.includes('day') || by.includes('hour') ? startedAt - (startedAt % length) : undefined,
    ]
    const key = JSON.stringify(of)
    const group = groups.get(key) ?? { of, sums: [0, 0, 0, 0, 0, 0, 0, 0, 0], credits: 0n, usd: 0n }
    const columns = ['input', 'cached_input', 'cache_write', 'output', 'reasoning'].map((part) => `${part}_tokens`)
    const { usd, unpriced } = moneyOf(call)
    const parts = [1, Number(call['messages']), call['precision'] === 'exact' ? 0 : 1, unpriced ? 1 : 0]
    for (const [i, part] of [...parts, ...columns.map((column) => Number(call[column]))].entries()) {
      group.sums[i] = (group.sums[i] ?? 0) + part
    }
    group.credits += BigInt(String(call['credits']))
    group.usd += usd
    groups.set(key, group)
  }
  const place = { member: 0, key: 1, model: 2, upstream: 3, kind: 4, day: 5, hour: 5 } as const
  return [...groups.values()]
    .sort((one, other) => {
      for (const dimension of by) {
        const [a, b] = [one.of[place[dimension]] ?? '', other.of[place[dimension]] ?? '']
        if (a !== b) return a < b ? -1 : 1
      }
      return 0
    })
    .map(({ of, sums, credits, usd }) => [...of, ...sums, credits, usd])
}

/** What the API charges for a row of `calls`, and whether it may have cost what nobody knows. */
function moneyOf(call: SettledCall): { readonly usd: bigint; readonly unpriced: boolean } {
  const count = (column: string): number => Number(call[column])
  const name = (column: string): string | undefined => {
    const value = call[column]
    return typeof value === 'string' ? value : undefined
  }
  const usage = {
    inputTokens: count('input_tokens'),
    cachedInputTokens: count('cached_input_tokens'),
    cacheWriteTokens: count('cache_write_tokens'),
    outputTokens: count('output_tokens'),
    reasoningTokens: count('reasoning_tokens'),
    spoken: {
      inputAudioTokens: count('input_audio_tokens'),
      cachedAudioTokens: count('cached_audio_tokens'),
      inputImageTokens: count('input_image_tokens'),
      cachedImageTokens: count('cached_image_tokens'),
      outputAudioTokens: count('output_audio_tokens'),
      audioMs: count('audio_ms'),
    },
  }
  if (usage.inputTokens === 0) return { usd: 0n, unpriced: call['precision'] !== 'exact' }
  const tier = name('service_tier') ?? name('asked_tier')
  const usd = usdOf(usage, name('model') ?? '', tier, count('ended_at'))
  return { usd: usd ?? 0n, unpriced: usd === undefined }
}
