import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { callUsd, usdAddend } from './call-usd.ts'
import { cardWith } from './price.ts'
import { repriced } from './reprice.ts'
import { NO_USAGE } from './usage.ts'

const NOW = Date.parse('2026-11-22T12:00:00Z')
const CALL = { ...NO_USAGE, inputTokens: 1000, model: 'gpt-5.4', serviceTier: undefined, endedAt: NOW }
const SILENT = {
  inputAudioTokens: 0,
  cachedAudioTokens: 0,
  inputImageTokens: 0,
  cachedImageTokens: 0,
  outputAudioTokens: 0,
  audioMs: 0,
}

suite('the dollars of a call', () => {
  test('are of the same day as its credits: 25 credits are a dollar on both sides of a change', () => {
    const midnight = Date.parse('2026-07-30T00:00:00Z')
    for (const [endedAt, expected] of [
      [midnight - 1, 1_000_000n],
      [midnight, 200_000n],
    ] as const) {
      const call = { ...CALL, model: 'gpt-5.6-luna', endedAt }
      const settled = {
        charging: 'tokens',
        message: false,
        credits: 0n,
        rate: 'gpt-5.6-luna@always',
        precision: 'exact',
      } as const
      equal(callUsd(call), expected)
      equal(repriced({ ...call, ...settled, usage: call }, cardWith())?.credits, expected * 25n)
    }
  })

  test('are known where it states tokens, or audio, that have a price', () => {
    equal(callUsd(CALL), 2_500_000n)
    equal(callUsd({ ...CALL, endedAt: undefined }), undefined)
    equal(callUsd({ ...CALL, inputTokens: 0 }), undefined)
    equal(callUsd({ ...CALL, model: undefined }), undefined)
    const spoken = { ...CALL, inputTokens: 0, model: 'whisper-1', spoken: { ...SILENT, audioMs: 60_000 } }
    equal(callUsd(spoken), 6_000_000n)
    equal(callUsd({ ...spoken, spoken: SILENT }), undefined)
    for (const unpriced of [
      { ...spoken, model: 'gpt-4o-mini-transcribe' },
      { ...CALL, model: 'whisper-1' },
    ]) {
      equal(callUsd(unpriced), undefined)
      deepEqual(usdAddend(unpriced, 'exact'), { usd: 0n, unpriced: true })
    }
  })

  test('add to a sum what is known, and say where more may have been spent', () => {
    deepEqual(usdAddend(CALL, 'exact'), { usd: 2_500_000n, unpriced: false })
    deepEqual(usdAddend(CALL, 'estimated'), { usd: 2_500_000n, unpriced: false })
    deepEqual(usdAddend({ ...CALL, model: 'gpt-new' }, 'exact'), { usd: 0n, unpriced: true })
    for (const [precision, unpriced] of [
      ['exact', false],
      ['estimated', true],
      ['unknown', true],
    ] as const) {
      for (const model of ['gpt-5.4', 'gpt-new', undefined]) {
        for (const nothing of [NO_USAGE, { ...NO_USAGE, spoken: SILENT }]) {
          deepEqual(usdAddend({ ...CALL, ...nothing, model }, precision), { usd: 0n, unpriced })
        }
      }
    }
  })
})
