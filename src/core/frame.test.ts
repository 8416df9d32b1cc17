import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { FrameMeter, isLimits } from './frame.ts'
import { limitEvent } from './limits.ts'
import { FIVE_HOURS_MS, WEEK_MS } from './quota.ts'

const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
const usage = { input_tokens: 12, input_tokens_details: { cached_tokens: 4 }, output_tokens: 3, total_tokens: 15 }
const created = (id: string) => ({ type: 'response.created', response: { id, usage: null } })
const completed = (id: string) => ({
  type: 'response.completed',
  response: { id, status: 'completed', usage, service_tier: 'flex' },
})

suite('the messages of a turn', () => {
  test('end with its terminal event, whose usage counts, whatever else interleaves', () => {
    const other = fc.constantFrom<unknown>(
      created('other'),
      completed('other'),
      { type: 'response.output_text.delta', delta: '{"type":"response.completed"}' },
      { type: 'unknown.event', response: { id: 'turn', usage: { input_tokens: 1, output_tokens: 1 } } },
      { response: completed('other').response, type: 'response.completed' },
      'no JSON',
      '"a string"',
      '',
    )
    fc.assert(
      fc.property(fc.array(other), fc.boolean(), (others, typeFirst) => {
        const meter = new FrameMeter()
        equal(meter.feed(bytes(created('turn'))), 'event')
        for (const frame of others) equal(meter.feed(bytes(frame)), 'event')
        const { type, response } = completed('turn')
        equal(meter.feed(bytes(typeFirst ? { type, response } : { response, type })), 'terminal')
        deepEqual(meter.metered.usage, {
          inputTokens: 12,
          cachedInputTokens: 4,
          cacheWriteTokens: 0,
          outputTokens: 3,
          reasoningTokens: 0,
        })
        deepEqual(
          [meter.metered.responseId, meter.metered.serviceTier, meter.metered.terminal],
          ['turn', 'flex', 'completed'],
        )
      }),
    )
  })

  test('may be an error frame, with its status and headers', () => {
    for (const name of ['status', 'status_code']) {
      const meter = new FrameMeter()
      const error = { type: 'usage_limit', code: 'insufficient_quota', message: 'No money' }
      equal(meter.feed(bytes({ type: 'error', [name]: 429, error, headers: { 'retry-after': '2' } })), 'terminal')
      deepEqual([meter.status, meter.headers, meter.metered.error], [429, ['retry-after', '2'], error])
    }
    const odd = new FrameMeter()
    const headers = { a: { toString: 1 }, b: [2], c: null, d: 'x', e: 5, f: true }
    equal(odd.feed(bytes({ type: 'error', status: 400, error: {}, headers })), 'terminal')
    deepEqual(odd.headers, ['d', 'x', 'e', '5'])
    const bare = new FrameMeter()
    equal(bare.feed(bytes({ type: 'error', code: 'x', message: 'y' })), 'terminal')
    deepEqual([bare.status, bare.metered.error?.code], [undefined, 'x'])
  })

  test('may be an error about something else, where the client has sent that', () => {
    const expected = [false, true, false]
    for (const excuses of expected) {
      const meter = new FrameMeter(undefined, () => excuses)
      meter.feed(bytes({ type: 'response.created', response: { id: 'turn' } }))
      const error = { type: 'invalid_request_error', code: 'nobody_knows', message: 'No.' }
      equal(meter.feed(bytes({ type: 'error', status: 400, error })), excuses ? 'event' : 'terminal')
      equal(meter.metered.terminal, excuses ? undefined : 'error')
    }
  })

  test('are limits of the account where they say so, however they are written', () => {
    const limits = { type: 'codex.rate_limits', rate_limits: {} }
    equal(new FrameMeter().feed(bytes(limits)), 'limits')
    equal(new FrameMeter().feed(bytes({ rate_limits: {}, type: 'codex.rate_limits' })), 'limits')
    equal(isLimits(bytes(limits)), true)
    for (const text of [
      '{"type": "codex.rate_limits","rate_limits":{}}',
      ' {"type":"codex.rate_limits"}',
      '{"plan_type":"team","type":"codex.rate_limits"}',
      '{"note":"codex.rate_","type":\n"codex.rate_limits" }',
    ]) {
      equal(isLimits(bytes(text)), true, text)
      equal(new FrameMeter().feed(bytes(text)), 'limits', text)
    }
    equal(isLimits(bytes({ type: 'other', delta: 'codex.rate_limits' })), false)
    equal(isLimits(bytes({ a: { type: 'codex.rate_limits' } })), false)
    equal(isLimits(bytes({ type: 'codex.rate_limitsx' })), false)
    equal(isLimits(bytes('{"type":"codex')), false)
  })
})

suite('the event of a member’s own limits', () => {
  test('has the limited windows, in percent of what is settled', () => {
    const window = (name: '5h' | 'weekly', limit: bigint, settled: bigint) => ({
      name,
      lengthMs: name === '5h' ? FIVE_HOURS_MS : WEEK_MS,
      limit,
      settled,
      openedAt: 0,
      resetsAt: 1_000_500,
    })
    deepEqual(JSON.parse(limitEvent({ windows: [window('5h', 300n, 100n), window('weekly', 0n, 5n)] }) ?? ''), {
      type: 'codex.rate_limits',
      rate_limits: { primary: { used_percent: 33.33, window_minutes: 300, reset_at: 1001 }, secondary: null },
      metered_limit_name: 'codex',
    })
    deepEqual(JSON.parse(limitEvent({ windows: [window('weekly', 4n, 5n)] }) ?? '').rate_limits, {
      primary: null,
      secondary: { used_percent: 100, window_minutes: 10_080, reset_at: 1001 },
    })
    equal(limitEvent({ windows: [window('5h', 0n, 5n)] }), undefined)
  })
})
