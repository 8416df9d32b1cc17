import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { configFiles } from '../test/support/config-files.ts'
import { cardChangeOf } from './config-rates.ts'

const { load, problemsOf } = configFiles()

suite('rates in the configuration', () => {
  test('stand in a table by model, or by model and day', () => {
    const { credit } = load(`
[credit.rates]
"gpt-9" = { input = 43.75, cached = 4.375, output = 350 }
"gpt-9@2026-12-01" = { input = 50, cached = 0, output = 250, cache_write = 62.5 }
`)
    deepEqual(
      credit.rates.map(({ model, from, input, cached, output, cacheWrite }) => [
        model,
        from,
        input,
        cached,
        output,
        cacheWrite,
      ]),
      [
        ['gpt-9', undefined, 43_750n, 4375n, 350_000n, undefined],
        ['gpt-9', '2026-12-01', 50_000n, 0n, 250_000n, 62_500n],
      ],
    )
    deepEqual(cardChangeOf(credit).rates, credit.rates)
  })

  test('stand in a variable with slashes between their parts', () => {
    const env = { CODEX_GATEWAY_CREDIT_RATES: 'gpt-9=43.75/4.375/350, gpt-9@2026-12-01=50/0/250/62.5' }
    const { credit } = load('', env)
    deepEqual(
      credit.rates.map(({ from, output, cacheWrite }) => [from, output, cacheWrite]),
      [
        [undefined, 350_000n, undefined],
        ['2026-12-01', 250_000n, 62_500n],
      ],
    )
  })

  test('of a minute of audio stand beside them, in a table or a variable, and in the fallback', () => {
    const toml = `
[credit]
unknown_model_minute = 0.5
[credit.rates]
"gpt-hears" = { input = 0, cached = 0, output = 0, minute = 0.425 }
"gpt-both" = { input = 1, cached = 1, output = 1, cache_write = 2, minute = 50 }
`
    const env = {
      CODEX_GATEWAY_CREDIT_UNKNOWN_MODEL_MINUTE: '0.5',
      CODEX_GATEWAY_CREDIT_RATES: 'gpt-hears=0/0/0//0.425,gpt-both=1/1/1/2/50',
    }
    for (const { credit } of [load(toml), load('', env)]) {
      deepEqual(
        credit.rates.map(({ model, cacheWrite, spoken }) => [model, cacheWrite, spoken]),
        [
          ['gpt-hears', undefined, { minute: 425_000_000n }],
          ['gpt-both', 2000n, { minute: 50_000_000_000n }],
        ],
      )
      equal(cardChangeOf(credit).fallback?.minute, 500_000_000n)
    }
    equal(cardChangeOf(load('').credit).fallback?.minute, 425_000_000n)
  })

  test('of messages stand in a table or a variable of their own', () => {
    const toml = '[credit.messages]\n"gpt-9" = 3.5\n"gpt-9@2026-12-01" = 0\n'
    const env = { CODEX_GATEWAY_CREDIT_MESSAGES: 'gpt-9=3.5,gpt-9@2026-12-01=0' }
    for (const { credit } of [load(toml), load('', env)]) {
      deepEqual(
        credit.messages.map(({ model, from, credits }) => [model, from, credits]),
        [
          ['gpt-9', undefined, 3_500_000_000n],
          ['gpt-9', '2026-12-01', 0n],
        ],
      )
      deepEqual(cardChangeOf(credit).messages, credit.messages)
    }
    for (const [line, problem] of [
      ['"gpt-9" = -1', /^x\.toml:2: \[credit\] messages\."gpt-9" = -1: must be a table from models to credits/],
      ['"gpt-9" = { input = 1 }', /messages\."gpt-9" = /],
      ['"gpt-9" = 0.0000000001', /at most 9 decimals/],
      ['"gpt-9@2026-02-30" = 1', /"gpt-9@2026-02-30"/],
    ] as const) {
      const told = problemsOf(`[credit.messages]\n${line}\n`)
      equal(told.length, 1, line)
      match(told[0] ?? '', problem)
    }
  })

  test('are checked strictly, each problem told with its line', () => {
    const wrong: readonly [string, RegExp][] = [
      [
        '"gpt-9" = { input = 1, cached = 1 }',
        /^x\.toml:2: \[credit\] rates\."gpt-9"\."output" = nothing: must be a table/,
      ],
      [
        '"gpt-9" = { input = 1, cached = 1, output = 1, outptu = 2 }',
        /^x\.toml:2: \[credit\] rates\."gpt-9"\."outptu" = 2/,
      ],
      [
        '"gpt-9" = { input = 1, cached = 1, output = 0.0001 }',
        /^x\.toml:2: .*"output" = 0\.0001: must be .* at most 3/,
      ],
      ['"gpt-9" = { input = 100001, cached = 1, output = 1 }', /from 0 to 100000 /],
      ['"gpt-9" = { input = -1, cached = 1, output = 1 }', /"input" = -1/],
      [
        '"gpt-9" = { input = 1, cached = 1, output = 1, minute = 50.1 }',
        /"minute" = 50\.1: must be .*, from 0 to 50, /,
      ],
      ['"gpt-9" = { input = 1, cached = 1, output = 1, minute = -1 }', /"minute" = -1/],
      ['"gpt-9" = { input = 0, cached = 0, minute = 1 }', /"output" = nothing/],
      ['"gpt-9" = 5', /^x\.toml:2: \[credit\] rates\."gpt-9" = 5: must be a table/],
      ['"gpt-9@2026-02-30" = { input = 1, cached = 1, output = 1 }', /"gpt-9@2026-02-30"/],
      ['"gpt-9@soon" = { input = 1, cached = 1, output = 1 }', /"gpt-9@soon"/],
      ['"gpt 9" = { input = 1, cached = 1, output = 1 }', /"gpt 9"/],
    ]
    for (const [line, problem] of wrong) {
      const told = problemsOf(`[credit.rates]\n${line}\n`)
      equal(told.length, 1, line)
      match(told[0] ?? '', problem)
    }
  })
})
