import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Estimator, type Seen } from './estimate.ts'
import type { Usage } from './usage.ts'

const SEEN: Seen = { model: 'm', requestBytes: 40_000, outputBytes: 20_000, thread: 't', continues: false }

function usage(inputTokens: number, outputTokens: number, cachedInputTokens = 0): Usage {
  return { inputTokens, cachedInputTokens, cacheWriteTokens: 0, outputTokens, reasoningTokens: 0 }
}

suite('the estimator', () => {
  test('begins with what JSON usually holds', () => {
    const estimator = new Estimator()
    deepEqual(estimator.soFar(SEEN), usage(10_000, 100))
    deepEqual(estimator.ahead(SEEN), usage(10_000, 4000))
    equal(estimator.error, undefined)
  })

  test('learns from each model how many tokens a byte has, and how long its answers are', () => {
    const estimator = new Estimator()
    for (let i = 0; i < 20; i++) estimator.learn({ ...SEEN, thread: `t${i}` }, usage(8000, 400))
    deepEqual(estimator.soFar({ ...SEEN, requestBytes: 20_000, outputBytes: 5000, thread: 'new' }), usage(4000, 100))
    deepEqual(estimator.ahead({ ...SEEN, thread: 'new' }), usage(8000, 400))
    // Of another model nothing was learned.
    deepEqual(estimator.ahead({ ...SEEN, model: 'other', thread: undefined }), usage(10_000, 4000))
    deepEqual(estimator.error, { calls: 19, median: 0 })
  })

  test('takes the beginning of a conversation to be cached, in whole steps', () => {
    const estimator = new Estimator()
    estimator.learn(SEEN, usage(10_000, 100))
    const next = estimator.soFar({ ...SEEN, requestBytes: 44_000 })
    deepEqual(next, usage(11_000, 100, 9984))
    // A new one is cached as new ones were.
    deepEqual(estimator.soFar({ ...SEEN, thread: 'new' }), usage(10_000, 100))
    estimator.learn({ ...SEEN, thread: 'second' }, usage(10_000, 100, 5120))
    equal(estimator.soFar({ ...SEEN, thread: 'new' }).cachedInputTokens, 2560)
  })

  test('knows that a call which sends only what is new reads all that came before', () => {
    const estimator = new Estimator()
    estimator.learn(SEEN, usage(10_000, 100))
    const next = { ...SEEN, requestBytes: 400, continues: true }
    deepEqual(estimator.soFar(next), usage(10_200, 100, 9984))
    // Its few bytes say nothing of what a byte holds.
    estimator.learn(next, usage(10_250, 100, 9984))
    equal(estimator.ahead({ ...SEEN, thread: 'new' }).inputTokens, 10_000)
  })

  test('knows what a conversation repeats from what it adds', () => {
    const estimator = new Estimator()
    estimator.learn(SEEN, usage(8000, 100))
    estimator.learn({ ...SEEN, requestBytes: 42_000 }, usage(8600, 100))
    // 0.2 a byte of what comes with every conversation, 0.3 a byte of what came since.
    equal(estimator.ahead({ ...SEEN, requestBytes: 46_000 }).inputTokens, 9800)
    equal(estimator.ahead({ ...SEEN, thread: 'new' }).inputTokens, 8000)
    // Of another conversation that goes on, too.
    estimator.learn({ ...SEEN, thread: 'second' }, usage(8000, 100))
    equal(estimator.ahead({ ...SEEN, thread: 'second', requestBytes: 41_000 }).inputTokens, 8300)
  })

  test('knows a body again that was asked before, though others of its conversation came since', () => {
    const estimator = new Estimator()
    estimator.learn(SEEN, usage(8000, 100))
    estimator.learn({ ...SEEN, requestBytes: 44_000 }, usage(9600, 100))
    deepEqual(estimator.soFar(SEEN), usage(8000, 100, 7936))
    estimator.learn(SEEN, usage(8000, 100, 7936))
    deepEqual(estimator.soFar({ ...SEEN, requestBytes: 44_000 }), usage(9600, 100, 9600))
    // A shorter one than any is a part of one.
    equal(estimator.soFar({ ...SEEN, requestBytes: 20_000 }).inputTokens, 4000)
  })

  test('takes what was cut short to be cached for what goes on from it', () => {
    const estimator = new Estimator()
    estimator.learn(SEEN, usage(10_000, 100))
    const next = { ...SEEN, requestBytes: 48_000 }
    equal(estimator.soFar({ ...next, requestBytes: 48_400 }).cachedInputTokens, 9984)
    estimator.cut(next)
    deepEqual(estimator.soFar({ ...next, requestBytes: 48_400 }), usage(12_100, 100, 11_904))
    // It is no call that a next one sends the rest of, and no measure of how much of new conversations is cached.
    equal(estimator.soFar({ ...SEEN, requestBytes: 400, continues: true }).inputTokens, 10_200)
    estimator.cut({ ...SEEN, thread: 'cut' })
    estimator.learn({ ...SEEN, thread: 'cut' }, usage(10_000, 100, 9984))
    equal(estimator.soFar({ ...SEEN, thread: 'new' }).cachedInputTokens, 0)
  })

  test('takes what was read before a warm-up to be cached still', () => {
    const estimator = new Estimator()
    estimator.learn(SEEN, usage(10_000, 100))
    estimator.learn({ ...SEEN, requestBytes: 30_000, outputBytes: 0 }, usage(6000, 0, 5888))
    const next = { ...SEEN, requestBytes: 20_000, continues: true }
    deepEqual(estimator.soFar(next), usage(11_000, 100, 9984))
    // All of a conversation that was compacted since: no more than it reads.
    equal(estimator.soFar({ ...next, requestBytes: 8000 }).cachedInputTokens, 7936)
  })

  test('finds out what a call repeats that sends only what is new', () => {
    const estimator = new Estimator()
    estimator.learn({ ...SEEN, requestBytes: 31_000 }, usage(6000, 0))
    let read = 6000
    for (let i = 0; i < 40; i++) {
      // Codex repeats 11,000 bytes of tools; a quarter of a token for each byte beside them.
      const bytes = i % 4 === 0 ? 9000 : 300
      read += 80 + bytes / 4
      estimator.learn({ ...SEEN, requestBytes: 11_000 + bytes, continues: true }, usage(read, 80))
    }
    const { inputTokens } = estimator.soFar({ ...SEEN, requestBytes: 11_000 + 5000, continues: true })
    ok(Math.abs(inputTokens - (read + 80 + 1250)) < 30, `${inputTokens - read - 80} tokens for 5000 bytes`)
  })

  test('tells its error in tokens as they are charged', () => {
    const estimator = new Estimator()
    estimator.learn(SEEN, usage(10_000, 100))
    // Right in all but that nothing was cached.
    estimator.learn(SEEN, usage(10_000, 100, 0))
    const { calls, median = 0 } = estimator.error ?? {}
    equal(calls, 1)
    equal(median.toFixed(4), ((9984 * 0.9) / 10_600).toFixed(4))
  })

  test('follows what changes, and forgets no more than it must', () => {
    const estimator = new Estimator()
    for (let i = 0; i < 100; i++) estimator.learn({ ...SEEN, thread: undefined }, usage(10_000, 100))
    for (let i = 0; i < 200; i++) estimator.learn({ ...SEEN, thread: undefined }, usage(20_000, 100))
    ok(estimator.ahead({ ...SEEN, thread: undefined }).inputTokens > 19_000)
    const { calls = 0, median = 1 } = estimator.error ?? {}
    ok(calls === 299 && median < 0.3)
  })

  test('takes what is thought to be spent before anything is said', () => {
    const estimator = new Estimator()
    estimator.learn(SEEN, { ...usage(10_000, 300), reasoningTokens: 200 })
    const early = { ...SEEN, thread: 'new', outputBytes: 2000 }
    deepEqual(estimator.soFar(early), { ...usage(10_000, 210), reasoningTokens: 200 })
    deepEqual(estimator.soFar({ ...early, outputBytes: 0 }), usage(10_000, 0))
    deepEqual(estimator.ahead(early), { ...usage(10_000, 300), reasoningTokens: 200 })
  })

  test('learns nothing from what states nothing, or is spoken', () => {
    const estimator = new Estimator()
    estimator.learn(SEEN, usage(0, 0))
    const spoken = { inputAudioTokens: 1, cachedAudioTokens: 0, inputImageTokens: 0, cachedImageTokens: 0 }
    estimator.learn(SEEN, { ...usage(9, 9), spoken: { ...spoken, outputAudioTokens: 0, audioMs: 0 } })
    estimator.learn({ ...SEEN, requestBytes: 0, outputBytes: 0 }, usage(10, 10))
    estimator.learn({ ...SEEN, model: 'warm', thread: 'w', outputBytes: 0 }, usage(10_000, 0))
    equal(estimator.ahead({ ...SEEN, model: 'warm', thread: 'x' }).outputTokens, 4000)
    deepEqual(estimator.soFar({ ...SEEN, thread: 'x' }), usage(10_000, 100))
  })
})
