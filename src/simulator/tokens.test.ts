import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { openTokenizer } from './tokens.ts'

suite('the tokenizer', () => {
  test('counts as o200k_base does, also special tokens that stand in a text', async () => {
    const { encode } = await openTokenizer('bpe')
    deepEqual([...encode('hello world')], [24912, 2375])
    equal(encode('<|endoftext|>').length > 1, true)
    equal(encode('').length, 0)
  })

  test('takes four bytes for a token when told to', async () => {
    const { encode } = await openTokenizer('bytes')
    deepEqual(
      ['', 'a', 'abcd', 'abcde', 'ééé'].map((text) => encode(text).length),
      [0, 1, 1, 2, 2],
    )
    deepEqual(encode('abcd'), encode('abcdefgh').subarray(0, 1))
  })
})
