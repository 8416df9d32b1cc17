import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { readBody } from './body.ts'
import { ChatUsageStrip, withIncludeUsage } from './chat-usage.ts'

const encoder = new TextEncoder()

function stripped(stream: string, cuts: readonly number[]): string {
  const bytes = encoder.encode(stream)
  const strip = new ChatUsageStrip()
  const edges = [0, ...cuts.map((c) => c % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  const out: Uint8Array[] = []
  for (let i = 1; i < edges.length; i++) out.push(...strip.push(bytes.subarray(edges[i - 1], edges[i])))
  return Buffer.concat([...out, ...strip.end()]).toString()
}

const chunk = (data: unknown, end: string) => `data: ${JSON.stringify(data)}${end}${end}`

suite('usage of chat completions', () => {
  test('the usage chunk is taken out of any stream, however it is cut, and nothing else', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('"choices":[],"usage":{}', '\n\n', 'data: {"choices":[],"usage":{}}\n\n'),
    )
    fc.assert(
      fc.property(fc.array(text), fc.array(fc.nat()), fc.constantFrom('\n', '\r\n'), (texts, cuts, end) => {
        const chunks = texts.map((content) => chunk({ choices: [{ delta: { content } }], usage: null }, end))
        const usage = chunk({ id: 'c', choices: [], usage: { prompt_tokens: 1 } }, end)
        const rest = `: comment${end}${end}${chunk({ choices: [], usage: null }, end)}data: [DONE]${end}${end}`
        equal(stripped(chunks.join('') + usage + rest, cuts), chunks.join('') + rest)
      }),
    )
  })

  test('an event too long to be kept passes in pieces, unchanged', () => {
    const long = chunk({ choices: [{ delta: { content: 'x'.repeat(200_000) } }] }, '\n')
    const usage = chunk({ choices: [], usage: {} }, '\n')
    for (const cut of [70_000, 100_000, long.length - 1, long.length]) equal(stripped(long + usage, [cut]), long)
    equal(
      stripped(
        long + usage,
        Array.from({ length: 300 }, (_, i) => i * 700),
      ),
      long,
    )
  })

  test('the usage chunk is known behind whatever else stands in its event, and goes with it', () => {
    const before = fc.array(fc.constantFrom(': ping', ':', 'id: 3', 'event: chunk', 'retry: 10'), { minLength: 1 })
    fc.assert(
      fc.property(before, fc.array(fc.nat()), fc.constantFrom('\n', '\r\n'), (lines, cuts, end) => {
        const prefix = lines.map((line) => line + end).join('')
        const usage = prefix + chunk({ id: 'c', choices: [], usage: { prompt_tokens: 1 } }, end)
        const answer = prefix + chunk({ choices: [{ delta: { content: 'Hi.' } }], usage: null }, end)
        equal(stripped(answer + usage + answer, cuts), answer + answer)
      }),
    )
    const data = '{"choices":[],\ndata:"usage":{"prompt_tokens":1}}'
    equal(stripped(`data: ${data}\n\n: data: ${data}\n\n`, []), `: data: ${data}\n\n`)
  })

  test('asking for usage changes nothing else of the body', () => {
    const asked = (text: string) => {
      const body = encoder.encode(text)
      const read = readBody(body)
      return Buffer.from(withIncludeUsage(body, 'problem' in read ? undefined : read.streamOptions)).toString()
    }
    equal(asked(' { "model":"m", "n":1.0 }'), ' {"stream_options":{"include_usage":true}, "model":"m", "n":1.0 }')
    equal(asked('{"stream_options":null,"n":1e3}'), '{"stream_options":{"include_usage":true},"n":1e3}')
    deepEqual(
      JSON.parse(asked('{"a":[1],"stream_options": {"include_obfuscation":false,"include_usage":false} ,"é":"ü"}')),
      { a: [1], stream_options: { include_obfuscation: false, include_usage: true }, é: 'ü' },
    )
  })
})
