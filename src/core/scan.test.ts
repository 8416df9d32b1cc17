import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { JsonScanner } from './scan.ts'
import { TOO_LONG, type Watch } from './watch.ts'

const encoder = new TextEncoder()

function scan(text: string, watch: Watch, cuts: readonly number[] = [], keep?: number) {
  const found: [string, unknown][] = []
  const scanner = new JsonScanner(watch, (place, value) => found.push([place, value]), keep)
  const bytes = encoder.encode(text)
  const edges = [0, ...cuts.map((c) => c % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  for (let i = 1; i < edges.length; i++) scanner.feed(bytes.slice(edges[i - 1], edges[i]))
  return { found, complete: scanner.end(), bad: scanner.bad }
}

const awkward = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\\', '\\\\', '"', '\\"', '{"model":1}', ']', 'é\u2028'),
)
/**
 * V8 14.6 (Node 26.10) misreads escaped keys: `JSON.parse('[{"a":1,"\\\\\\\\":2}]')` makes it take the key `\\"` of a like
 * object for two backslashes. What is compared with `JSON.parse` has keys without escapes; what is skipped has any.
 */
const plainKey = fc.oneof(
  fc.string({ unit: 'grapheme' }).map((key) => key.replaceAll(/[\\"\p{C}]/gu, '')),
  fc.constantFrom('model', 'type', 'usage', 'input', '*'),
)
const json = valueWith(plainKey)
const wild = valueWith(fc.oneof(awkward, plainKey))

function valueWith(key: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  return fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      awkward,
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(key, tie('value'), { maxKeys: 5 }),
    ),
  })).value
}

/** Places that are looked into: they are told only where a string stands in place of an object. */
const OBJECTS = new Set(['input', 'input.*', 'nested'])

suite('json scanner', () => {
  test('reads watched values as JSON.parse does, however the text is cut', () => {
    const watch: Watch = {
      model: 'value',
      usage: 'value',
      input: { '*': { type: 'value' } },
      nested: { model: 'value' },
    }
    fc.assert(
      fc.property(
        fc.record({
          before: wild,
          model: json,
          input: fc.array(fc.oneof(json, fc.record({ type: json, x: wild }))),
          usage: json,
          nested: json,
        }),
        fc.array(fc.nat()),
        fc.nat(2),
        (body, cuts, indent) => {
          const text = JSON.stringify(body, null, indent)
          const read = JSON.parse(text) as typeof body
          const expected: [string, unknown][] = [['model', read.model]]
          for (const item of read.input) {
            if (item !== null && typeof item === 'object' && !Array.isArray(item) && Object.hasOwn(item, 'type')) {
              expected.push(['input.*.type', (item as { type: unknown }).type])
            }
          }
          expected.push(['usage', read.usage])
          const nested = read.nested
          if (
            nested !== null &&
            typeof nested === 'object' &&
            !Array.isArray(nested) &&
            Object.hasOwn(nested, 'model')
          ) {
            expected.push(['nested.model', (nested as { model: unknown }).model])
          }
          const result = scan(text, watch, cuts, 1e9)
          deepEqual(
            result.found.filter(([place]) => !OBJECTS.has(place)),
            expected,
          )
          ok(result.complete)
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('accepts every valid text and no truncated object', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), wild), fc.nat(), (value, cut) => {
        const text = JSON.stringify(value)
        ok(scan(text, { model: 'value' }).complete)
        ok(!scan(text.slice(0, cut % text.length), { model: 'value' }).complete)
      }),
    )
  })

  test('understands escaped keys, and refuses a watched key that stands twice', () => {
    deepEqual(scan('{"mod\\u0065l":"a"}', { model: 'value' }).found, [['model', 'a']])
    ok(scan('{"model":"a","model":"b"}', { model: 'value' }).bad)
    ok(scan('{"model":"a","mod\\u0065l":"b"}', { model: 'value' }).bad)
    ok(scan('{"other":"a","other":"b"}', { model: 'value' }).complete)
  })

  test('tells a value that is too long instead of keeping it', () => {
    const { found, complete } = scan(
      `{"model":"${'x'.repeat(100)}","b":1}`,
      { model: 'value', b: 'value' },
      [5, 30],
      50,
    )
    deepEqual(found, [
      ['model', TOO_LONG],
      ['b', 1],
    ])
    ok(complete)
  })

  test('tells that something is there without keeping it', () => {
    deepEqual(
      scan('{"input":[{"encrypted_content":"gAAA"},{"a":1}]}', { input: { '*': { encrypted_content: 'presence' } } })
        .found,
      [['input.*.encrypted_content', undefined]],
    )
  })

  test('tells where a value stands, also in a text that came in pieces', () => {
    const text = ' {"input":[{"type":"a"},{"x":[1,2],"type":"b"},3], "model" : {"y": 1} }'
    const bytes = encoder.encode(text)
    for (let cut = 0; cut < bytes.length; cut++) {
      const found: [string, number, string][] = []
      const scanner = new JsonScanner(
        { input: { '*': { type: 'value' } }, model: 'value' },
        (place, _, { index, from, to }) => found.push([place, index, text.slice(from, to)]),
      )
      scanner.feed(bytes, 0, cut)
      scanner.feed(bytes, cut)
      deepEqual(found, [
        ['input.*.type', 0, '"a"'],
        ['input.*.type', 1, '"b"'],
        ['model', -1, '{"y": 1}'],
      ])
    }
  })

  test('tells a string that stands where an object is watched', () => {
    const watch: Watch = { input: { '*': { type: 'value' } } }
    deepEqual(scan('{"input":"text"}', watch).found, [['input', undefined]])
    deepEqual(scan('{"input":["text",{"type":1}]}', watch).found, [
      ['input.*', undefined],
      ['input.*.type', 1],
    ])
    deepEqual(scan('{"input":null}', watch).found, [])
  })

  test('refuses what is no JSON', () => {
    for (const text of [
      '',
      '{',
      '{"a"}',
      '{"a":}',
      '{,}',
      '{"a":1,}',
      '[1 2]',
      '{"a":1}x',
      'x',
      '{"model":tru}',
      '{"model":"\\x"}',
    ]) {
      equal(scan(text, { model: 'value', a: 'value' }).complete, false, text)
    }
  })

  test('keys that every object inherits are ordinary keys', () => {
    deepEqual(
      scan('{"toString":{"a":1},"constructor":2,"__proto__":{"model":3},"model":"m"}', { model: 'value' }).found,
      [['model', 'm']],
    )
  })
})
