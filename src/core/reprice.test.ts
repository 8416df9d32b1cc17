import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cardWith, creditsOf, rateOf, tierOf } from './price.ts'
import { isChange, repriced, type SettledCall } from './reprice.ts'
import { cardOf, type SetRate, type SetTokenRate } from './set-rate.ts'
import { NO_USAGE, SILENCE } from './usage.ts'

const AT = Date.parse('2026-11-10T12:00:00Z')
const card = cardWith()

function call(over: Partial<SettledCall> = {}): SettledCall {
  const usage = { ...NO_USAGE, inputTokens: 1000, cachedInputTokens: 400, outputTokens: 50 }
  const facts = {
    model: 'gpt-5.5',
    serviceTier: undefined,
    charging: 'tokens',
    message: false,
    precision: 'exact',
  } as const
  return { ...facts, usage, endedAt: AT, credits: 7n, rate: 'gpt-5.5@2026-04-23', ...over }
}

function set(over: Partial<SetTokenRate> = {}): SetTokenRate {
  const rate = { input: 1000n, cached: 100n, output: 10_000n, cacheWrite: undefined, from: undefined }
  return { id: 3, model: 'gpt-new', ...rate, who: 'root', at: AT, on: '2026-11-10', ...over }
}

suite('pricing a settled call again', () => {
  test('takes its tokens, its tier and the rate that counted when it ended', () => {
    deepEqual(repriced(call(), card), { credits: 117_500_000n, rate: 'gpt-5.5@2026-04-23' })
    deepEqual(repriced(call({ serviceTier: 'priority' }), card)?.credits, 293_750_000n)
    const luna = { model: 'gpt-5.6-luna', endedAt: Date.parse('2026-07-29T23:59:59Z') }
    equal(repriced(call(luna), card)?.rate, 'gpt-5.6-luna@2026-07-09')
    equal(
      repriced(call({ ...luna, endedAt: Date.parse('2026-07-30T00:00:00Z') }), card)?.rate,
      'gpt-5.6-luna@2026-07-30',
    )
  })

  test('takes audio at its own rate', () => {
    const parts = { cachedAudioTokens: 0, inputImageTokens: 0, cachedImageTokens: 0, outputAudioTokens: 0, audioMs: 0 }
    const usage = { ...NO_USAGE, inputTokens: 100, spoken: { inputAudioTokens: 100, ...parts } }
    equal(repriced(call({ model: 'gpt-realtime', usage }), card)?.credits, 80_000_000n)
    const minute = { ...NO_USAGE, spoken: { ...parts, inputAudioTokens: 0, audioMs: 60_000 } }
    equal(repriced(call({ model: 'whisper-1', usage: minute }), card)?.credits, 150_000_000n)
  })

  test('prices by the fallback what the card still does not know, and by a row once there is one', () => {
    const unknown = call({ model: 'gpt-new', rate: 'fallback' })
    const before = repriced(unknown, card)
    equal(before?.rate, 'fallback')
    equal(isChange({ ...unknown, credits: before?.credits ?? 0n }, before ?? never(), card), false)
    const known = repriced(unknown, cardOf({}, [set()]))
    deepEqual(known, { credits: 1_140_000n, rate: 'gpt-new@always/admin-3' })
    // Also where it happens to cost the same: the call is no longer one of an unknown model.
    equal(isChange({ ...unknown, credits: 1_140_000n }, known ?? never(), card), true)
    equal(isChange({ ...unknown, credits: 1_140_000n, rate: 'gpt-new@always/admin-2' }, known ?? never(), card), false)
  })

  test('puts right what was free for want of a price of a minute, once there is one', () => {
    const usage = { ...NO_USAGE, spoken: { ...SILENCE, audioMs: 60_000 } }
    const free = call({ model: 'gpt-4o-transcribe', usage, credits: 0n, rate: 'gpt-4o-transcribe@always' })
    deepEqual(repriced(free, card), { credits: 425_000_000n, rate: 'fallback' })
    const none = { fallback: { input: 1n, cached: 1n, output: 1n } }
    equal(repriced(free, cardOf(none, [])), undefined)
    const minute = set({ model: 'gpt-4o-transcribe', minute: 6_000_000n })
    deepEqual(repriced(free, cardOf(none, [minute])), { credits: 6_000_000n, rate: 'gpt-4o-transcribe@always/admin-3' })
    // An estimate is tokens by its nature: that its model has no price of them says nothing.
    const guess = call({ model: 'whisper-1', precision: 'estimated', credits: 0n, rate: 'whisper-1@always' })
    deepEqual(repriced(guess, card), { credits: 0n, rate: 'whisper-1@always' })
  })

  test('finds the model of a call that named none in its rate', () => {
    equal(repriced(call({ model: undefined }), card)?.rate, 'gpt-5.5@2026-04-23')
    equal(
      repriced(call({ model: undefined, rate: 'gpt-new@2026-01-01/admin-1' }), cardOf({}, [set()]))?.credits,
      1_140_000n,
    )
    equal(repriced(call({ model: undefined, rate: 'fallback' }), card)?.rate, 'fallback')
  })

  test('prices a message that counts once, and nothing else of its turn', () => {
    const message = { charging: 'message', message: true, rate: 'gpt-5.4@message', model: 'gpt-5.4' } as const
    deepEqual(repriced(call(message), card), { credits: 7_000_000_000n, rate: 'gpt-5.4@message' })
    equal(repriced(call({ ...message, message: false }), card), undefined)
  })

  test('leaves alone what says nothing to price it by', () => {
    equal(repriced(call({ usage: NO_USAGE }), card), undefined)
    equal(repriced(call({ charging: undefined, rate: undefined }), card), undefined)
    equal(repriced(call({ rate: undefined }), card), undefined)
  })
})

function never(): never {
  throw new Error('no price')
}

suite('rates that an operator sets', () => {
  const rates = [
    { model: 'gpt-5.5', input: 9n, cached: 9n, output: 9n, from: '2026-11-01', mark: 'config', status: 'configured' },
  ] as const
  const change = { rates: rates.map((row) => ({ ...row, source: 'the configuration', asOf: 'start' })) }
  const identity = (day: string, list: readonly SetRate[]): string | undefined =>
    rateOf('gpt-5.5', Date.parse(`${day}T12:00:00Z`), cardOf(change, list))?.identity

  test('win from their day on: those of administrators over the configuration, that over what is published', () => {
    const [early, late] = [
      set({ model: 'gpt-5.5', from: '2026-11-05' }),
      set({ id: 4, model: 'gpt-5.5', from: '2026-11-09' }),
    ]
    equal(identity('2026-10-31', []), 'gpt-5.5@2026-04-23')
    equal(identity('2026-11-01', []), 'gpt-5.5@2026-11-01/config')
    for (const list of [
      [early, late],
      [late, early],
    ]) {
      equal(identity('2026-10-31', list), 'gpt-5.5@2026-04-23')
      equal(identity('2026-11-04', list), 'gpt-5.5@2026-11-01/config')
      equal(identity('2026-11-05', list), 'gpt-5.5@2026-11-05/admin-3')
      equal(identity('2026-11-09', list), 'gpt-5.5@2026-11-09/admin-4')
    }
    equal(identity('2026-10-01', [set({ model: 'gpt-5.5' })]), 'gpt-5.5@always/admin-3')
  })

  test('of a snapshot leave it the tiers of its model', () => {
    const snapshot = { model: 'gpt-5.5-2026-04-23', serviceTier: 'priority' }
    const same = { model: snapshot.model, input: 125_000n, cached: 12_500n, output: 750_000n }
    const before = repriced(call(snapshot), card)?.credits
    deepEqual(repriced(call(snapshot), cardOf({}, [set(same)])), {
      credits: before,
      rate: 'gpt-5.5-2026-04-23@always/admin-3',
    })
  })

  test('keep the tiers of their model, and what is published for its audio', () => {
    const changed = cardOf({}, [set({ model: 'gpt-realtime', cacheWrite: 1250n }), set({ id: 5, model: 'gpt-5.5' })])
    const rate = rateOf('gpt-realtime', AT, changed) ?? never()
    deepEqual([rate.input, rate.cacheWrite, rate.spoken?.audio?.input], [1000n, 1250n, 800_000n])
    const other = rateOf('gpt-5.5-2026-04-23', AT, changed) ?? never()
    equal(tierOf('priority', 'gpt-5.5-2026-04-23', other, changed).tenths, 25n)
    equal(creditsOf(call().usage, other, tierOf('priority', 'gpt-5.5', other, changed)), 2_850_000n)
  })
})
