import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { loggable } from './loggable.ts'

suite('a text of upstream\u2019s in the log', () => {
  test('is on one line, and short', () => {
    equal(
      loggable('<html>\n\t<title>DNS points to prohibited IP</title>\r\n'),
      '<html> <title>DNS points to prohibited IP</title>',
    )
    equal(loggable('ab '.repeat(1000)).length, 200)
  })

  test('keeps the names of models and organizations', () => {
    const text =
      'Rate limit reached for gpt-4o-mini-search-preview-2025-03-11 in organization org-AAA on tokens per min'
    equal(loggable(text), text)
  })

  test('holds no key and no token, also where it is cut', () => {
    const secret = fc.oneof(
      fc.stringMatching(/^sk-(?:proj-|sim-)?[A-Za-z0-9_-]{3,150}$/),
      fc.stringMatching(/^eyJ[A-Za-z0-9_-]{20}\.eyJ[A-Za-z0-9_-]{20,80}\.[A-Za-z0-9_-]{20}$/),
      fc.stringMatching(/^[0-9a-f]{31}7$/),
    )
    fc.assert(
      fc.property(fc.nat(1100), secret, (before, word) => {
        const shown = loggable(`${'x '.repeat(before / 2)}provided: ${word}.`)
        equal(shown.includes(word.slice(0, 6)), false, shown)
      }),
    )
    equal(loggable('Authorization: Bearer abc was refused'), 'Authorization: [redacted] was refused')
  })
})
