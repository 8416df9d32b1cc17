import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
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
    })
  })
})
