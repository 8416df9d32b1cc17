import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { modelOfLine } from './bill-line.ts'

suite('a line of the bill', () => {
  for (const [line, model] of [
    ['gpt-5.5-2026-04-23, input', 'gpt-5.5-2026-04-23'],
    ['gpt-5.6-terra, cached input', 'gpt-5.6-terra'],
    ['gpt-5.6-terra, cache writes', 'gpt-5.6-terra'],
    ['priority | gpt-5.6-sol, output, long context', 'gpt-5.6-sol'],
    ['gpt-realtime audio, cached input', 'gpt-realtime'],
    ['ft:gpt-4o:acme::x1, output', 'ft:gpt-4o:acme::x1'],
    ['web search tool calls', undefined],
    ['whisper', undefined],
    ['gpt-5.5, storage', undefined],
  ] as const) {
    test(`${line} is about ${model ?? 'no model’s tokens'}`, () => equal(modelOfLine(line), model))
  }
})
