import { equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { LONGEST_WAIT_MS, waitOf } from './retry-after.ts'

const NOW = Date.parse('2026-11-22T12:00:00Z')

const SAID: readonly (readonly [readonly string[], string | undefined, number | undefined])[] = [
  [[], undefined, undefined],
  [['Retry-After', '2'], undefined, 2000],
  [['retry-after', '0.25'], undefined, 250],
  [['retry-after', '0'], undefined, 0],
  [['retry-after', 'Sun, 22 Nov 2026 12:00:30 GMT'], undefined, 30_000],
  [['retry-after', 'Sun, 22 Nov 2026 11:00:00 GMT'], undefined, 0],
  [['retry-after', '86400'], undefined, LONGEST_WAIT_MS],
  [['retry-after', '-5'], undefined, undefined],
  [['retry-after', 'soon'], 'try again in 3s', 3000],
  [['retry-after', '3', 'retry-after-ms', '2600'], undefined, 2600],
  [['x-ratelimit-reset-requests', '12ms'], undefined, 12],
  [['x-ratelimit-reset-requests', '6m0s', 'x-ratelimit-reset-tokens', '1h2m3.5s'], undefined, LONGEST_WAIT_MS],
  [['x-ratelimit-reset-requests', '20s', 'x-ratelimit-reset-tokens', '6m0s'], undefined, 360_000],
  [
    'x-ratelimit-reset-requests 20s x-ratelimit-remaining-requests 0 x-ratelimit-reset-tokens 6m0s x-ratelimit-remaining-tokens 12'.split(
      ' ',
    ),
    undefined,
    20_000,
  ],
  [['x-ratelimit-reset-requests', '1.5'], undefined, 1500],
  [['x-ratelimit-reset-requests', '6x'], undefined, undefined],
  [['x-ratelimit-reset-requests', '6m0s'], 'Rate limit reached. Please try again in 300ms.', 300],
  [[], 'Rate limit reached for gpt-5. Please try again in 11.054s. Visit https://…', 11_054],
  [[], 'Please try again in 6m0s.', 360_000],
  [[], 'please Try Again In 2 seconds', 2000],
  [[], 'Try again in 1 minute 30 seconds', 90_000],
  [[], 'Try again in 1h', LONGEST_WAIT_MS],
  [[], 'try again in 5', undefined],
  [[], 'try again later', undefined],
  [[], 'retry again in the morning', undefined],
]

suite('the wait that upstream asks for', () => {
  test('is read in all its forms', () => {
    for (const [headers, message, expected] of SAID) {
      equal(waitOf(headers, message, NOW), expected, JSON.stringify([headers, message]))
    }
  })

  test('does not come from the limits of a call that was not rate-limited', () => {
    equal(waitOf(['x-ratelimit-reset-tokens', '6m0s'], undefined, NOW, false), undefined)
    equal(waitOf(['x-ratelimit-reset-tokens', '6m0s', 'retry-after', '1'], undefined, NOW, false), 1000)
  })

  test('is a number between nothing and ten minutes, whatever upstream says', () => {
    const piece = fc.constantFrom('try again in ', '1', '99', '.', 's', 'ms', 'm', 'h', ' ', '-', 'e9', 'minutes', 'µs')
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 30 }).map((all) => all.join('')),
    )
    const name = fc.constantFrom(
      'retry-after',
      'retry-after-ms',
      'x-ratelimit-reset-tokens',
      'x-ratelimit-reset-requests',
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(name, text)), fc.option(text, { nil: undefined }), (headers, message) => {
        const wait = waitOf(headers.flat(), message, NOW)
        ok(wait === undefined || (Number.isInteger(wait) && wait >= 0 && wait <= LONGEST_WAIT_MS))
      }),
      { numRuns: 2000 },
    )
  })

  test('is read in no time from a text made to take long', () => {
    const started = performance.now()
    waitOf([], `try again in ${'1s '.repeat(100_000)}x`, NOW)
    waitOf([], 'try again in '.repeat(100_000), NOW)
    waitOf(['x-ratelimit-reset-tokens', '1s'.repeat(100_000)], undefined, NOW)
    ok(performance.now() - started < 500)
  })
})
