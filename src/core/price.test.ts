import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { cardWith, covers, creditsOf, messagePriceOf, rateFor, rateOf, tierOf } from './price.ts'
import type { Rate } from './price.ts'
import { MESSAGES, RATES } from './rates.ts'
import { messageRowOfConfigured, rowOfConfigured } from './set-rate.ts'
import { creditsText, parseCredits } from './units.ts'
import { NO_USAGE, SILENCE, type Usage } from './usage.ts'

const card = cardWith()
const NOW = Date.parse('2026-11-22T12:00:00Z')
const STANDARD = { tenths: 10n, known: true }

function rate(model: string, date = '2026-11-22'): Rate {
  return rateOf(model, Date.parse(`${date}T12:00:00Z`), card) ?? card.fallback
}

function usage(input: number, cached: number, written: number, output: number): Usage {
  return {
    inputTokens: input,
    cachedInputTokens: cached,
    cacheWriteTokens: written,
    outputTokens: output,
    reasoningTokens: 0,
  }
}

suite('rates', () => {
  test('hold every published row, and no two of one model at a time', () => {
    equal(RATES.length, 54)
    equal(MESSAGES.length, 9)
    for (const [model, rows] of card.rates) {
      for (const row of rows) {
        const first = Date.parse(row.from ?? '2020-01-01')
        const last = Date.parse(row.to ?? '2030-01-01')
        for (const at of [first, last]) {
          equal(rateOf(model, at, card)?.identity, `${model}@${row.from ?? 'always'}`)
        }
      }
    }
  })

  test('are chosen by UTC day, the last day included', () => {
    equal(rate('gpt-5.6-sol', '2026-08-20').input, 125_000n)
    equal(rateOf('gpt-5.6-sol', Date.parse('2026-08-20T23:59:59.999Z'), card)?.identity, 'gpt-5.6-sol@2026-07-09')
    equal(rateOf('gpt-5.6-sol', Date.parse('2026-08-21T00:00:00Z'), card)?.identity, 'gpt-5.6-sol@2026-08-21')
    equal(rateOf('gpt-5.5', Date.parse('2026-04-22T23:59:59.999Z'), card), undefined)
    equal(rate('gpt-5').identity, 'gpt-5@always')
    equal(rateOf('gpt-5', 0, card)?.identity, 'gpt-5@always')
  })

  test('are found for dated snapshots and aliases, never by a part of the name', () => {
    equal(rate('gpt-5.5-2026-04-23').identity, 'gpt-5.5@2026-04-23')
    equal(rate('gpt-image-2').model, 'gpt-image-2 (image tokens)')
    equal(rate('gpt-image-2-2026-05-01').model, 'gpt-image-2 (image tokens)')
    for (const model of ['gpt-5.5-max', 'my-gpt-5.5', 'gpt-5.5-2026', 'GPT-5.5', '', 'toString', '__proto__']) {
      equal(rateOf(model, NOW, card), undefined, model)
    }
    equal(rate('something-new').identity, 'fallback')
    deepEqual([card.fallback.input, card.fallback.cached, card.fallback.output], [43_750n, 4375n, 350_000n])
  })

  test('change as the operator says', () => {
    const changed = cardWith({
      fallback: { input: 1n, cached: 2n, output: 3n },
      unknownMessage: 7n,
      tiers: { Priority: 30n },
      modelTiers: { 'gpt-5.5': { fast: 40n } },
      aliases: { house: 'gpt-5.4' },
      rates: [{ model: 'gpt-5', input: 9n, cached: 9n, output: 9n, status: 'published', source: 'us', asOf: '2026' }],
    })
    equal(changed.fallback.output, 3n)
    equal(messagePriceOf('new', NOW, changed).credits, 7n)
    equal(rateOf('house', NOW, changed)?.model, 'gpt-5.4')
    equal(rateOf('gpt-5', NOW, changed)?.input, 9n)
    equal(tierOf('priority', 'gpt-5.4', rate('gpt-5.4'), changed).tenths, 30n)
    equal(tierOf('fast', 'gpt-5.5', rate('gpt-5.5'), changed).tenths, 40n)
    equal(tierOf('priority', 'gpt-5.5', rate('gpt-5.5'), changed).tenths, 25n)
    const row = { model: 'x', input: 1n, cached: 1n, output: 1n, status: 'published', source: '', asOf: '' } as const
    throws(() => cardWith({ rates: [{ ...row, from: '2026-02-30' }] }), /rate of x: 2026-02-30 is no date/)
    throws(() => cardWith({ tiers: { fast: -1n } }), /tier fast/)
  })
})

suite('price', () => {
  test('adds up the known examples', () => {
    const call = usage(120_000, 100_000, 5000, 2000)
    equal(creditsText(creditsOf(call, rate('gpt-6.1-sol'), STANDARD)), '1.75')
    equal(
      creditsText(creditsOf(call, rate('gpt-6.1-sol'), tierOf('priority', 'gpt-6.1-sol', rate('gpt-6.1-sol'), card))),
      '3.5',
    )
    equal(creditsText(creditsOf(usage(1_000_000, 100_000, 0, 1_000_000), rate('gpt-5.4-mini'), STANDARD)), '130.0625')
    equal(creditsOf(usage(100, 0, 0, 100), rate('gpt-5.3-codex-spark'), STANDARD), 0n)
  })

  test('multiplies by the tier', () => {
    const tenths = (tier: string | undefined, model = 'gpt-5.4') => tierOf(tier, model, rate(model), card)
    for (const tier of [undefined, 'auto', 'default', 'standard']) deepEqual(tenths(tier), STANDARD)
    for (const tier of ['fast', 'priority', 'Priority']) equal(tenths(tier).tenths, 20n)
    for (const tier of ['fast', 'priority']) equal(tenths(tier, 'gpt-5.5-2026-04-23').tenths, 25n)
    for (const tier of ['flex', 'batch']) equal(tenths(tier).tenths, 5n)
    equal(tenths('flex', 'gpt-5.5').tenths, 5n)
    equal(tenths('ultrafast').tenths, 60n)
    for (const tier of ['scale', '', 'toString']) deepEqual(tenths(tier), { tenths: 10n, known: false })
  })

  test('finds the tiers of a model by its names, as its rate, the one that was asked for first', () => {
    const named = { 'gpt-5.6': 90n, 'gpt-5.5-2026-04-23': 80n, 'gpt-new': 70n, 'gpt-5.6-terra': 60n, house: 50n }
    const modelTiers = Object.fromEntries(Object.entries(named).map(([model, tenths]) => [model, { Priority: tenths }]))
    const own = cardWith({ modelTiers, aliases: { house: 'gpt-5.5' } })
    const tenths = (model: string | undefined, tier = 'priority'): bigint =>
      tierOf(tier, model, rateOf(model ?? '', NOW, own) ?? own.fallback, own).tenths
    equal(tenths('gpt-5.6'), 90n)
    equal(tenths('gpt-5.6-2026-07-09'), 90n)
    equal(tenths('gpt-5.6-sol'), 20n)
    equal(tenths('gpt-5.5-2026-04-23'), 80n)
    equal(tenths('gpt-5.5-2026-04-23', 'fast'), 25n)
    equal(tenths('gpt-5.5'), 25n)
    equal(tenths('house'), 50n)
    equal(tenths('house', 'fast'), 25n)
    equal(tenths('gpt-5.6-terra-2026-07-09'), 60n)
    equal(tenths('gpt-new'), 70n)
    equal(tenths('gpt-other'), 20n)
    equal(tenths(undefined), 20n)
  })

  test('is the fallback where the rate of the model has no price of what is stated', () => {
    const minute: Usage = { ...NO_USAGE, spoken: { ...SILENCE, audioMs: 60_000 } }
    const by = (model: string, stated: Usage, of = card): [string, bigint] => {
      const found = rateFor(stated, model, NOW, of)
      return [found.identity, creditsOf(stated, found, STANDARD)]
    }
    deepEqual(by('whisper-1', minute), ['whisper-1@always', 150_000_000n])
    for (const model of ['gpt-4o-mini-transcribe', 'gpt-realtime', 'gpt-new', '']) {
      deepEqual(by(model, minute), ['fallback', 425_000_000n], model)
    }
    for (const model of ['whisper-1', 'gpt-live-transcribe', 'gpt-transcribe']) {
      for (const tokens of [usage(1000, 0, 0, 0), usage(0, 0, 0, 125)]) {
        deepEqual(by(model, tokens), ['fallback', 43_750_000n], model)
      }
    }
    // A preview that is free of charge is: its row says so of tokens.
    deepEqual(by('gpt-5.3-codex-spark', usage(9, 0, 0, 9)), ['gpt-5.3-codex-spark@always', 0n])
    deepEqual(by('whisper-1', NO_USAGE), ['whisper-1@always', 0n])
    for (const fallback of [
      { input: 1n, cached: 1n, output: 1n },
      { input: 1n, cached: 1n, output: 1n, minute: 0n },
    ]) {
      equal(covers(cardWith({ fallback }).fallback, minute), false)
      equal(covers(cardWith({ fallback }).fallback, usage(1, 0, 0, 0)), true)
    }
  })

  test('of what an operator has set is as published where that says nothing, for snapshots too', () => {
    const own = (name: string, more: object = {}) =>
      rowOfConfigured(name, { input: 9n, cached: 9n, output: 9n, cacheWrite: undefined, ...more })
    const minute = 7_000_000_000n
    const set = cardWith({
      rates: [own('whisper-1'), own('gpt-realtime-2025-08-28', { minute }), own('gpt-realtime-mini', { minute: 1n })],
      set: [own('gpt-realtime-mini')],
    })
    const spoken = (model: string) => rateOf(model, NOW, set)?.spoken
    deepEqual(spoken('whisper-1'), { minute: 150_000_000n })
    deepEqual(spoken('gpt-realtime-2025-08-28'), { ...spoken('gpt-realtime'), minute })
    equal(spoken('gpt-realtime-mini')?.minute, 1n)
    equal(spoken('gpt-realtime-mini')?.audio?.input, 250_000n)
  })

  test('of tokens is what it was where an operator has set that of a minute alone', () => {
    const minutes = (name: string) =>
      rowOfConfigured(name, { input: 0n, cached: 0n, output: 0n, cacheWrite: undefined, minute: 9n })
    const tokens = rowOfConfigured('gpt-own', { input: 5n, cached: 4n, output: 3n, cacheWrite: 2n })
    const set = cardWith({
      rates: [tokens],
      set: ['gpt-4o-transcribe', 'gpt-4o-transcribe-diarize', 'gpt-own@2026-11-01', 'whisper-1', 'gpt-hears'].map(
        minutes,
      ),
    })
    const by = (model: string, at = NOW) => {
      const { input, cached, output, cacheWrite, spoken } = rateFor(usage(1, 0, 0, 0), model, at, set)
      return [input, cached, output, cacheWrite, spoken?.minute]
    }
    for (const model of ['gpt-4o-transcribe', 'gpt-4o-transcribe-2025-10-01', 'gpt-4o-transcribe-diarize']) {
      deepEqual(by(model), [62_500n, 62_500n, 250_000n, undefined, 9n], model)
    }
    deepEqual(by('gpt-own'), [5n, 4n, 3n, 2n, 9n])
    deepEqual(by('gpt-own', Date.parse('2026-10-31T00:00:00Z')), [5n, 4n, 3n, 2n, undefined])
    // These have none.
    for (const model of ['whisper-1', 'gpt-hears']) equal(rateFor(usage(1, 0, 0, 0), model, NOW, set), set.fallback)
  })

  test('rounds up once', () => {
    const odd: Rate = { identity: 'x', model: 'x', input: 1n, cached: 1n, output: 1n, cacheWrite: undefined }
    equal(creditsOf(usage(1, 0, 0, 0), odd, { tenths: 5n, known: true }), 1n)
    equal(creditsOf(usage(1, 0, 0, 1), odd, { tenths: 5n, known: true }), 1n)
    equal(creditsOf(usage(2, 1, 0, 1), odd, { tenths: 5n, known: true }), 2n)
  })

  test('prices cache writes apart only where the rate does', () => {
    const apart: Rate = { identity: 'x', model: 'x', input: 10n, cached: 1n, output: 0n, cacheWrite: 12n }
    equal(creditsOf(usage(10, 2, 3, 0), apart, STANDARD), 5n * 10n + 2n + 3n * 12n)
    equal(creditsOf(usage(10, 2, 3, 0), { ...apart, cacheWrite: undefined }, STANDARD), 8n * 10n + 2n)
  })

  test('never charges a token twice, nor less than nothing', () => {
    const plain: Rate = { identity: 'x', model: 'x', input: 10n, cached: 1n, output: 0n, cacheWrite: 12n }
    equal(creditsOf(usage(5, 10, 10, 0), plain, STANDARD), 5n)
    equal(creditsOf(usage(5, 2, 10, 0), plain, STANDARD), 2n + 3n * 12n)
    for (const wrong of [-1, NaN, Infinity]) equal(creditsOf(usage(wrong, wrong, wrong, wrong), plain, STANDARD), 0n)
  })

  const tokens = fc.nat(10_000_000)
  const anyUsage = fc.tuple(tokens, tokens, tokens, tokens).map((parts) => usage(...parts))
  const anyRate = fc.constantFrom(...RATES).map((row) => rate(row.model))
  const anyTier = fc
    .constantFrom(undefined, 'fast', 'flex', 'ultrafast')
    .map((name) => tierOf(name, undefined, card.fallback, card))

  test('grows with every token and every rate', () => {
    fc.assert(
      fc.property(anyUsage, anyRate, anyTier, tokens, (before, at, tier, more) => {
        const cost = creditsOf(before, at, tier)
        ok(cost >= 0n)
        ok(creditsOf({ ...before, inputTokens: before.inputTokens + more }, at, tier) >= cost)
        ok(creditsOf({ ...before, outputTokens: before.outputTokens + more }, at, tier) >= cost)
        ok(creditsOf(before, { ...at, input: at.input + 1n, cached: at.cached + 1n }, tier) >= cost)
        const cached = Math.min(before.inputTokens, before.cachedInputTokens + more)
        if (cached >= before.cachedInputTokens && before.cachedInputTokens <= before.inputTokens) {
          ok(creditsOf({ ...before, cachedInputTokens: cached }, at, tier) <= cost)
        }
      }),
    )
  })

  test('of a sum is the sum of the prices, but for the rounding', () => {
    fc.assert(
      fc.property(fc.tuple(tokens, tokens, tokens, tokens), anyRate, anyTier, ([a, b, c, d], at, tier) => {
        const first = usage(a + b, b, 0, c)
        const second = usage(d, 0, 0, a)
        const both = usage(a + b + d, b, 0, c + a)
        const apart = creditsOf(first, at, tier) + creditsOf(second, at, tier)
        const together = creditsOf(both, at, tier)
        ok(together <= apart && apart <= together + 1n)
      }),
    )
  })

  test('of a message is the average of its model', () => {
    const credits = (model: string | undefined) => messagePriceOf(model, NOW, card).credits
    equal(credits('gpt-5.5'), parseCredits('14'))
    equal(credits('gpt-5.4'), parseCredits('7'))
    equal(credits('gpt-5.4-mini-2026-03-17'), parseCredits('2'))
    for (const model of ['gpt-5.3-codex', 'gpt-5.2', 'gpt-5.2-codex', 'gpt-5.1-codex', 'gpt-5-codex']) {
      equal(credits(model), parseCredits('5'))
    }
    deepEqual(messagePriceOf(undefined, NOW, card), { credits: parseCredits('5'), identity: 'fallback' })
    equal(messagePriceOf('gpt-5.5', NOW, card).identity, 'gpt-5.5@message')
  })

  test('of a message is what the operator says, from the day on that it names', () => {
    const messages = [
      messageRowOfConfigured('gpt-5.5@2026-12-01', 9n),
      messageRowOfConfigured('gpt-5.5', 8n),
      messageRowOfConfigured('gpt-new', 7n),
    ]
    const own = cardWith({ messages })
    deepEqual(messagePriceOf('gpt-5.5', NOW, own), { credits: 8n, identity: 'gpt-5.5@message/config' })
    const later = { credits: 9n, identity: 'gpt-5.5@message:2026-12-01/config' }
    deepEqual(messagePriceOf('gpt-5.5', Date.parse('2026-12-01'), own), later)
    equal(messagePriceOf('gpt-new-2026-01-01', NOW, own).credits, 7n)
    equal(messagePriceOf('gpt-5.4', NOW, own).credits, parseCredits('7'))
  })
})
