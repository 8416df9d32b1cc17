import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { textOf, tokensIn, tokensOf } from './pieces.ts'
import { openTokenizer } from './tokens.ts'

suite('a text cut into its tokens', () => {
  test('is one event for each, and one for a character that takes several', async () => {
    const tokenizer = await openTokenizer('bpe')
    deepEqual(
      tokensOf('hello world 🪤!', tokenizer).map(({ text, tokens }) => [text, tokens]),
      [
        ['hello', 1],
        [' world', 1],
        [' ', 1],
        ['🪤', 2],
        ['!', 1],
      ],
    )
  })

  test('is whole again when it is put together, whatever it says', async () => {
    for (const counting of ['bpe', 'bytes'] as const) {
      const tokenizer = await openTokenizer(counting)
      const anything = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[\0\uFEFF\uFFFD]/.test(text))
      fc.assert(
        fc.property(anything, (text) => {
          const pieces = tokensOf(text, tokenizer)
          equal(textOf(pieces), text)
          equal(tokensIn(pieces), tokenizer.encode(text).length)
          ok(pieces.every(({ tokens }) => tokens > 0))
        }),
      )
    }
  })
})
