import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { realtimeUsageOf } from './realtime-usage.ts'
import { usageOf } from './usage.ts'

/** What is taken for a count at most: far beyond any answer, and far below what 64 bits of money hold. */
const MOST = 1_000_000_000

suite('usage', () => {
  test('that states more tokens than any answer can have states none', () => {
    deepEqual(usageOf({ input_tokens: MOST, output_tokens: MOST }), {
      inputTokens: MOST,
      cachedInputTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: MOST,
      reasoningTokens: 0,
    })
    for (const tooMany of [MOST + 1, Number.MAX_SAFE_INTEGER, 1e300, Infinity]) {
      equal(usageOf({ input_tokens: tooMany, output_tokens: 1 }), undefined)
      equal(usageOf({ prompt_tokens: 1, completion_tokens: tooMany }), undefined)
    }
  })

  test('keeps its totals when a part of them is more than any answer can have', () => {
    const stated = {
      input_tokens: 7,
      input_tokens_details: { cached_tokens: MOST + 1, cache_write_tokens: 2 },
      output_tokens: 5,
      output_tokens_details: { reasoning_tokens: MOST + 1 },
    }
    deepEqual(usageOf(stated), {
      inputTokens: 7,
      cachedInputTokens: 0,
      cacheWriteTokens: 2,
      outputTokens: 5,
      reasoningTokens: 0,
      inconsistent: true,
    })
  })

  test('that contradicts itself says so, and holds no part that is more than its whole', () => {
    const stated = (input: object, output: object) => ({
      input_tokens: 10,
      input_tokens_details: input,
      output_tokens: 5,
      output_tokens_details: output,
    })
    const sound = { inputTokens: 10, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 5, reasoningTokens: 0 }
    deepEqual(usageOf(stated({ cached_tokens: 100 }, {})), { ...sound, cachedInputTokens: 10, inconsistent: true })
    deepEqual(usageOf(stated({ cached_tokens: 7, cache_write_tokens: 4 }, {})), {
      ...sound,
      cachedInputTokens: 7,
      cacheWriteTokens: 3,
      inconsistent: true,
    })
    deepEqual(usageOf(stated({}, { reasoning_tokens: 6 })), { ...sound, reasoningTokens: 5, inconsistent: true })
    deepEqual(usageOf(stated({ cached_tokens: -1 }, {})), { ...sound, inconsistent: true })
    deepEqual(usageOf(stated({ cached_tokens: 10 }, { reasoning_tokens: 5 })), {
      ...sound,
      cachedInputTokens: 10,
      reasoningTokens: 5,
    })
    deepEqual(usageOf(stated({ cached_tokens: null }, {})), sound)
    const spoken = { input_tokens: 10, input_token_details: { audio_tokens: 11 }, output_tokens: 5 }
    equal(realtimeUsageOf(spoken)?.inconsistent, true)
    equal(realtimeUsageOf({ ...spoken, input_token_details: { audio_tokens: 10 } })?.inconsistent, undefined)
  })
})
