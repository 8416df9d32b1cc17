import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { PromptCache } from './cache.ts'

function tokens(count: number, from: number = 0): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => from + i)
}

suite('the prompt cache', () => {
  test('finds the longest prefix in steps of 128, from 1,024 tokens on', () => {
    const cache = new PromptCache(true)
    deepEqual(cache.use('a', [tokens(1500)]), { cached: 0, written: 1408 })
    deepEqual(cache.use('a', [tokens(1500)]), { cached: 1408, written: 0 })
    deepEqual(cache.use('a', [tokens(1300), tokens(500, 9000)]), { cached: 1280, written: 512 })
    deepEqual(cache.use('a', [tokens(1000), tokens(500, 7000)]), { cached: 0, written: 1408 })
    deepEqual(cache.use('a', [tokens(1023)]), { cached: 0, written: 0 })
  })

  test('keeps scopes apart, and states no writes unless it is to', () => {
    const cache = new PromptCache(false)
    deepEqual(cache.use('a', [tokens(2048)]), { cached: 0, written: 0 })
    deepEqual(cache.use('b', [tokens(2048)]), { cached: 0, written: 0 })
    deepEqual(cache.use('b', [tokens(2048)]), { cached: 2048, written: 0 })
  })

  test('agrees with a plain comparison of tokens, however the prompt is cut into segments', () => {
    const prompt = fc.record({ shared: fc.nat(3000), own: fc.nat(3000), cut: fc.nat(3000), salt: fc.nat(1000) })
    fc.assert(
      fc.property(fc.array(prompt, { minLength: 1, maxLength: 5 }), (prompts) => {
        const cache = new PromptCache(true)
        const seen: number[][] = []
        for (const { shared, own, cut, salt } of prompts) {
          const all = [...tokens(shared), ...tokens(own, 10_000 + salt * 5000)]
          const common = Math.max(0, ...seen.map((other) => commonSteps(all, other)))
          const { cached, written } = cache.use('s', [
            Uint32Array.from(all.slice(0, cut)),
            Uint32Array.from(all.slice(cut)),
          ])
          equal(cached, common >= 1024 ? common : 0)
          if (written > 0) equal(cached + written, all.length - (all.length % 128))
          seen.push(all)
        }
      }),
      { numRuns: 60 },
    )
  })
})

function commonSteps(one: readonly number[], other: readonly number[]): number {
  const differ = one.findIndex((token, i) => token !== other[i])
  const same = Math.min(differ === -1 ? one.length : differ, other.length)
  return same - (same % 128)
}
