/** What the benchmark's upstream answers: bytes that are made once and known to both ends. */
import { STAMP_DIGITS } from './stamp.ts'

/** What every answer states as its usage. */
export const USAGE = { inputTokens: 1200, cachedInputTokens: 1024, outputTokens: 192 } as const

/** How many events a stream has. */
export const STREAM_EVENTS = 200

const MODEL = 'gpt-5.5-2026-04-23'
export const RESPONSE_ID = 'resp_0b9f6e2c4d1a8f370068f0a1b2c3d481a2b3c4d5e6f7a8b9c0'
const ITEM_ID = 'msg_0b9f6e2c4d1a8f370068f0a1b3e4f581a2b3c4d5e6f7a8b9c0'

const USAGE_JSON = {
  input_tokens: USAGE.inputTokens,
  input_tokens_details: { cached_tokens: USAGE.cachedInputTokens },
  output_tokens: USAGE.outputTokens,
  output_tokens_details: { reasoning_tokens: 64 },
  total_tokens: USAGE.inputTokens + USAGE.outputTokens,
}

const HEAD = [
  'HTTP/1.1 200 OK',
  'openai-organization: bench-org',
  'openai-project: proj_bench',
  'openai-processing-ms: 12',
  'openai-version: 2020-10-01',
  'x-request-id: req_4f0c2a9d7be14d5e8a6b3c1d0e9f8a7b',
  'x-ratelimit-limit-requests: 10000',
  'x-ratelimit-remaining-requests: 9999',
  'x-ratelimit-limit-tokens: 2000000',
  'x-ratelimit-remaining-tokens: 1998800',
  'server: cloudflare',
].join('\r\n')

/** An answer that is not streamed: its body has 1 KB. */
export function unaryAnswer(): { readonly bytes: Buffer; readonly bodyBytes: number } {
  const bare = Buffer.byteLength(unaryBody(''))
  const body = unaryBody('x'.repeat(1024 - bare))
  const head = `${HEAD}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`
  return { bytes: Buffer.from(head + body), bodyBytes: Buffer.byteLength(body) }
}

function unaryBody(text: string): string {
  const content = [{ type: 'output_text', annotations: [], logprobs: [], text }]
  const output = [{ id: ITEM_ID, type: 'message', status: 'completed', content, role: 'assistant' }]
  return JSON.stringify({ ...responseObject('completed'), output, usage: USAGE_JSON })
}

function responseObject(status: string): object {
  return {
    id: RESPONSE_ID,
    object: 'response',
    created_at: 1_795_430_000,
    status,
    model: MODEL,
    service_tier: 'default',
    parallel_tool_calls: true,
    store: false,
  }
}

/** A streamed answer. */
export interface StreamAnswer {
  readonly head: Buffer
  /** One HTTP chunk an event, framing and all. */
  readonly chunks: readonly Buffer[]
  /** What ends the chunked body. */
  readonly end: Buffer
  /** Without the chunks' framing. */
  readonly bodyBytes: number
}

/**
 * A text answer in `count` events as the Responses API sends them, about 250 bytes each; the last one states the usage.
 * Their padding (`obfuscation`) has room for a stamp.
 */
export function streamAnswer(count: number): StreamAnswer {
  const events = answerEvents(count).map(({ type, json }) => `event: ${type}\ndata: ${json}\n\n`)
  const chunks = events.map((event) => Buffer.from(`${Buffer.byteLength(event).toString(16)}\r\n${event}\r\n`))
  return {
    head: Buffer.from(
      `${HEAD}\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n`,
    ),
    chunks,
    end: Buffer.from('0\r\n\r\n'),
    bodyBytes: events.reduce((sum, event) => sum + Buffer.byteLength(event), 0),
  }
}

/** A text answer as so many events of the Responses API, type first; the last one states the usage. */
export function answerEvents(count: number): readonly { readonly type: string; readonly json: string }[] {
  const place = { item_id: ITEM_ID, output_index: 0, content_index: 0 }
  const item = { id: ITEM_ID, type: 'message', status: 'in_progress', content: [], role: 'assistant' }
  const part = { type: 'output_text', annotations: [], logprobs: [], text: '' }
  const before: readonly (readonly [string, object])[] = [
    ['response.created', { response: responseObject('in_progress') }],
    ['response.in_progress', { response: responseObject('in_progress') }],
    ['response.output_item.added', { output_index: 0, item }],
    ['response.content_part.added', { ...place, part }],
  ]
  const deltas = count - before.length - 4
  const text = ' token'.repeat(deltas)
  const done = { ...item, status: 'completed', content: [{ ...part, text }] }
  const after: readonly (readonly [string, object])[] = [
    ['response.output_text.done', { ...place, logprobs: [], text }],
    ['response.content_part.done', { ...place, part: { ...part, text } }],
    ['response.output_item.done', { output_index: 0, item: done }],
    ['response.completed', { response: { ...responseObject('completed'), output: [done], usage: USAGE_JSON } }],
  ]
  const delta = { ...place, delta: ' token', logprobs: [], obfuscation: '0'.repeat(STAMP_DIGITS) }
  const middle = Array.from({ length: deltas }, () => ['response.output_text.delta', delta] as const)
  return [...before, ...middle, ...after].map(([type, rest], index) => ({
    type,
    json: JSON.stringify({ type, sequence_number: index, ...rest }),
  }))
}
