import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cardWith, rateOf } from './price.ts'
import { RATES, type RateRow } from './rates.ts'
import { usdOf, usdRowsOf } from './usd.ts'
import { USD_RATES } from './usd-rates.ts'
import { NO_USAGE, type Usage } from './usage.ts'
import { creditsText } from './units.ts'

const NOW = Date.parse('2026-11-22T12:00:00Z')
const MILLION = 1_000_000

function usage(inputTokens: number, outputTokens: number, rest: Partial<Usage> = {}): Usage {
  return { ...NO_USAGE, inputTokens, outputTokens, ...rest }
}

function usd(model: string, what: Usage, tier?: string, date = '2026-11-22'): string | undefined {
  const amount = usdOf(what, model, tier, Date.parse(`${date}T12:00:00Z`))
  return amount === undefined ? undefined : creditsText(amount)
}

suite('the view in US dollars', () => {
  test('adds up each kind of token at the price of the API, cache writes at their own', () => {
    const call = usage(120_000, 2000, { cachedInputTokens: 100_000, cacheWriteTokens: 5000 })
    // 15,000 at 2, 5,000 at 2.50, 100,000 at 0.10, 2,000 at 10.
    equal(usd('gpt-6.1-sol', call), '0.0725')
    equal(usd('gpt-6.1-sol-2026-09-29', call), '0.0725')
    equal(usd('gpt-5.4', usage(1000, 100, { cacheWriteTokens: 500 })), '0.004')
  })

  test('charges a long request more for all of it, from one token above 272,000 on', () => {
    equal(usd('gpt-5.5', usage(272_000, 1000)), '1.39')
    equal(usd('gpt-5.5', usage(272_001, 1000)), '2.76501')
    const cached = usage(300_000, 1000, { cachedInputTokens: 200_000, cacheWriteTokens: 50_000 })
    equal(usd('gpt-6-astra', cached), '2.725') // 50,000 at 20, 50,000 at 25, 200,000 at 2, 1,000 at 75.
    equal(usd('gpt-5.3-codex', usage(300_000, 0)), '0.525')
  })

  test('multiplies by the tier, a model with factors of its own by these', () => {
    const whole = usage(MILLION, MILLION)
    const short = usage(100_000, 100_000)
    equal(usd('gpt-5.5', short, 'priority'), '8.75')
    equal(usd('gpt-5.4', short, 'Priority'), '3.5')
    equal(usd('gpt-5-mini', whole, 'priority'), '4.05')
    equal(usd('gpt-5-mini', whole, 'flex'), '1.125')
    equal(usd('gpt-6-astra', short, 'ultrafast'), '36')
    for (const tier of [undefined, 'default', 'auto', 'never heard of', 'toString']) {
      equal(usd('gpt-5-mini', whole, tier), '2.25')
    }
  })

  test('prices realtime sessions by modality, and audio by its length', () => {
    const none = { inputImageTokens: 0, cachedImageTokens: 0, audioMs: 0 }
    const spoken = { inputAudioTokens: 500, cachedAudioTokens: 100, outputAudioTokens: 200, ...none }
    // Text: 400 at 4, 100 cached at 0.40, 100 at 16. Audio: 400 at 32, 100 at 0.40, 200 at 64.
    equal(usd('gpt-realtime', usage(1000, 300, { cachedInputTokens: 200, spoken })), '0.02888')
    const half = usage(0, 0, { spoken: { ...SILENT, audioMs: 30_000 } })
    equal(usd('whisper-1', half), '0.003')
    equal(usd('gpt-live-transcribe', half), '0.0085')
    // What has no price is not free.
    for (const [model, stated] of [
      ['gpt-4o-mini-transcribe', half],
      ['whisper-1', usage(1, 0)],
      ['gpt-transcribe', usage(0, 1)],
    ] as const) {
      equal(usdOf(stated, model, undefined, NOW), undefined)
    }
  })

  test('follows dates and other names, and says when it does not know', () => {
    equal(usd('gpt-5.6-luna', usage(MILLION / 10, 0), undefined, '2026-07-29'), '0.1')
    equal(usd('gpt-5.6-luna', usage(MILLION / 10, 0), undefined, '2026-07-30'), '0.02')
    equal(usd('gpt-daybreak-blue-latest', usage(1000, 0)), '0.004')
    equal(usd('codex-auto-review', usage(1000, 0), undefined, '2026-05-01'), '0.0025')
    equal(usd('codex-auto-review', usage(1000, 0)), '0.0002')
    for (const model of ['something-new', 'gpt-5.5-cyber', '', '__proto__']) equal(usd(model, usage(1, 1)), undefined)
    equal(usd('gpt-6.2-sol', usage(1, 1), undefined, '2026-11-16'), undefined)
    deepEqual(usdRowsOf('something-new'), [])
  })

  test('can halve every price of output that is known for long requests', () => {
    for (const row of USD_RATES) ok(row.output % 2n === 0n, row.model)
  })
})

const SILENT = {
  inputAudioTokens: 0,
  cachedAudioTokens: 0,
  inputImageTokens: 0,
  cachedImageTokens: 0,
  outputAudioTokens: 0,
  audioMs: 0,
}

/** Models whose credits are not 25 times their price in USD, and why. */
const OTHERWISE: Readonly<Record<string, string>> = {
  'gpt-5.4-mini': 'published with 113 credits for output, which would be 112.5',
  'gpt-5.3-codex-spark': 'a research preview, free of charge in credits',
}

function pricesIn({ input, cached, output, spoken: { audio, image, minute = 0n } = {} }: RateRow): bigint[] {
  const audioPrices = audio ? [audio.input, audio.cached, audio.output] : []
  return [input, cached, output, ...audioPrices, ...(image ? [image.input, image.cached] : []), minute]
}

suite('credits and US dollars', () => {
  test('are 25 to 1 in every row that has both, but for those that are known not to be', () => {
    let compared = 0
    for (const row of RATES) {
      const day = row.to ?? row.from ?? '2026-11-22'
      const usdRow = usdRowsOf(row.model).findLast(({ from = '' }) => from <= day)
      if (!usdRow || row.model in OTHERWISE) continue
      compared += 1
      deepEqual(
        pricesIn(row),
        pricesIn(usdRow).map((price) => price * 25n),
        `${row.model} of ${day}`,
      )
    }
    // Of two no API price is published: gpt-5.5-cyber and gpt-5-codex-mini.
    equal(compared, RATES.length - Object.keys(OTHERWISE).length - 2)
  })

  test('are both known of every model whose price in USD is published', () => {
    const card = cardWith()
    for (const { model, from = '2026-11-22' } of USD_RATES) ok(rateOf(model, Date.parse(from), card), model)
  })

  test('know all models of the catalogue of Codex 0.169', () => {
    const catalogue =
      'gpt-6-astra gpt-6.1-sol gpt-6.1-terra gpt-6-sol gpt-6-luna gpt-5.6-sol gpt-5.6-terra gpt-5.6-luna'
    const hidden = 'gpt-daybreak-blue-latest gpt-daybreak-red-latest codex-auto-review gpt-5.5'
    for (const model of `${catalogue} ${hidden}`.split(' ')) {
      ok(rateOf(model, NOW, cardWith()), model)
      ok(usdOf(NO_USAGE, model, undefined, NOW) !== undefined, model)
    }
  })
})
