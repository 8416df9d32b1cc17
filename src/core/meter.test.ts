import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { meterFor, type Dialect } from './meter.ts'
import type { Usage } from './usage.ts'

const encoder = new TextEncoder()
const SSE = 'text/event-stream; charset=utf-8'

/** Feeds the text cut at these places. */
function metered(text: string, dialect: Dialect, contentType: string, cuts: readonly number[] = []) {
  const bytes = encoder.encode(text)
  const meter = meterFor(dialect, contentType)
  const edges = [0, ...cuts.map((c) => c % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  for (let i = 1; i < edges.length; i++) meter.feed(bytes.subarray(edges[i - 1], edges[i]))
  return meter.metered
}

function event(data: Readonly<Record<string, unknown>>, end = '\n'): string {
  return `event: ${String(data['type'])}${end}data: ${JSON.stringify(data)}${end}${end}`
}

const tokens = fc.nat(10_000_000)
/** Parts add up to their wholes: what contradicts itself is changed in reading (usage.test.ts). */
const usage: fc.Arbitrary<Usage> = fc
  .tuple(tokens, tokens, tokens, tokens, tokens)
  .map(([ordinary, cachedInputTokens, cacheWriteTokens, said, reasoningTokens]) => ({
    inputTokens: ordinary + cachedInputTokens + cacheWriteTokens,
    cachedInputTokens,
    cacheWriteTokens,
    outputTokens: said + reasoningTokens,
    reasoningTokens,
  }))

function stated(u: Usage): unknown {
  return {
    input_tokens: u.inputTokens,
    input_tokens_details: { cached_tokens: u.cachedInputTokens, cache_write_tokens: u.cacheWriteTokens },
    output_tokens: u.outputTokens,
    output_tokens_details: { reasoning_tokens: u.reasoningTokens },
    total_tokens: u.inputTokens + u.outputTokens,
  }
}

/** Text that tries to look like the end of an answer. */
const deceit = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    'data: {"type":"response.completed","response":{"usage":{"input_tokens":9,"output_tokens":9}}}\n\n',
    '"}}',
    '\\"',
    'é',
    '\r\n\r\n',
  ),
)
const delta = deceit.map((text) => ({ type: 'response.output_text.delta', delta: text }))
const backwards = deceit.map((text) => ({
  delta: { type: 'response.completed', usage: { input_tokens: 1, output_tokens: 1 }, text },
  type: 'response.x.delta',
}))
const item = deceit.map((text) => ({
  type: 'response.output_item.done',
  item: { type: 'message', content: [{ text }], usage: { input_tokens: 5, output_tokens: 5 } },
}))

suite('meter', () => {
  test('any cutting of any responses stream gives the usage that its terminal event states', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(delta, backwards, item)),
        usage,
        fc.constantFrom('completed', 'incomplete', 'failed'),
        fc.tuple(fc.array(fc.nat()), fc.constantFrom('\n', '\r\n'), fc.boolean(), deceit),
        (events, u, ending, [cuts, end, typeLast, text]) => {
          const created = { type: 'response.created', response: { id: 'resp_1', usage: null, service_tier: 'auto' } }
          const response = {
            id: 'resp_1',
            output: [{ text }],
            service_tier: 'priority',
            model: 'gpt-5.5',
            usage: stated(u),
          }
          const type = `response.${ending}`
          const last = typeLast ? { response, sequence_number: 3, type } : { type, response }
          const stream = [created, ...events, last].map((e) => event(e, end)).join(`: keepalive${end}`)
          const seen = metered(stream, 'responses', SSE, cuts)
          deepEqual(seen, {
            usage: u,
            responseId: 'resp_1',
            serviceTier: 'priority',
            model: 'gpt-5.5',
            terminal: ending,
            error: undefined,
            bytes: encoder.encode(stream).length,
            outputBytes: events
              .filter((e) => e.type.endsWith('.delta'))
              .reduce(
                (sum, e) =>
                  sum +
                  encoder.encode(
                    event(e, end)
                      .split('\n')
                      .find((line) => line.startsWith('data:')),
                  ).length -
                  5,
                0,
              ),
          })
        },
      ),
      { numRuns: 500 },
    )
  })

  test('a stream cut anywhere before its terminal event states nothing', () => {
    const stream =
      event({ type: 'response.created', response: { id: 'r' } }) +
      event({ type: 'response.output_text.delta', delta: 'x' })
    const last = event({
      type: 'response.completed',
      response: { id: 'r', usage: { input_tokens: 1, output_tokens: 2 } },
    })
    for (let cut = 0; cut < last.length - 2; cut++) {
      const seen = metered(stream + last.slice(0, cut), 'responses', SSE)
      equal(seen.usage, undefined, last.slice(0, cut))
      equal(seen.terminal, undefined)
      equal(seen.responseId, 'r')
    }
    deepEqual(metered(stream + last, 'responses', SSE).usage?.outputTokens, 2)
  })

  test('data that is spread over several lines is one event', () => {
    const stream =
      'data: {"type":"response.completed",\ndata: "response":{"id":"r",\ndata:"usage":{"input_tokens":1,"output_tokens":2}}}\n\n'
    equal(metered(stream, 'responses', SSE).usage?.inputTokens, 1)
  })

  test('errors inside a good answer are seen', () => {
    const failed = event({
      type: 'response.failed',
      response: { id: 'r', usage: null, error: { code: 'rate_limit_exceeded', message: 'slow' } },
    })
    deepEqual(metered(failed, 'responses', SSE).error, {
      code: 'rate_limit_exceeded',
      type: undefined,
      message: 'slow',
    })
    const flat = metered(event({ type: 'error', code: 'server_error', message: 'm' }), 'responses', SSE)
    deepEqual([flat.terminal, flat.error], ['error', { code: 'server_error', type: 'error', message: 'm' }])
    const nested = metered(event({ type: 'error', error: { type: 'x', code: 'y', message: 'z' } }), 'responses', SSE)
    deepEqual(nested.error, { code: 'y', type: 'x', message: 'z' })
  })

  test('unary answers, compactions and chat completions state their usage at the top', () => {
    fc.assert(
      fc.property(usage, deceit, fc.array(fc.nat()), (u, text, cuts) => {
        const body = JSON.stringify(
          { id: 'resp_2', output: [{ usage: 1, text }], status: 'completed', usage: stated(u), service_tier: 'flex' },
          null,
          2,
        )
        const seen = metered(body, 'responses', 'application/json', cuts)
        deepEqual([seen.usage, seen.responseId, seen.terminal, seen.serviceTier], [u, 'resp_2', 'completed', 'flex'])
      }),
    )
    const chat = {
      id: 'c',
      choices: [],
      usage: { prompt_tokens: 3, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 1 } },
    }
    deepEqual(metered(JSON.stringify(chat), 'chat', 'application/json').usage, {
      inputTokens: 3,
      cachedInputTokens: 1,
      cacheWriteTokens: 0,
      outputTokens: 4,
      reasoningTokens: 0,
    })
  })

  test('a streamed chat completion states its usage in its last chunk', () => {
    const chunk = (data: unknown) => `data: ${JSON.stringify(data)}\n\n`
    const stream =
      chunk({ id: 'c1', choices: [{ delta: { content: 'hi' } }], usage: null }) +
      chunk({ id: 'c1', choices: [], usage: { prompt_tokens: 3, completion_tokens: 4 } }) +
      'data: [DONE]\n\n'
    for (let cut = 0; cut < stream.length; cut++) {
      const seen = metered(stream, 'chat', SSE, [cut])
      deepEqual([seen.usage?.outputTokens, seen.terminal, seen.responseId], [4, 'completed', 'c1'])
    }
  })

  test('garbage states nothing and throws nothing', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 500 }),
        fc.constantFrom(SSE, 'application/json', undefined),
        (bytes, type) => {
          const meter = meterFor('responses', type)
          meter.feed(bytes)
          equal(meter.metered.usage, undefined)
        },
      ),
    )
    for (const odd of [
      null,
      [],
      'x',
      { input_tokens: -1, output_tokens: 1 },
      { input_tokens: 1.5, output_tokens: 1 },
      { input_tokens: 1 },
    ]) {
      equal(metered(JSON.stringify({ usage: odd }), 'responses', 'application/json').usage, undefined)
    }
  })
})
