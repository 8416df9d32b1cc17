import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { cardWith, creditsOf, rateOf, type Rate } from './price.ts'
import { readRealtime, readRealtimeRequest } from './realtime.ts'
import { realtimeUsageOf } from './realtime-usage.ts'
import { creditsText } from './units.ts'
import type { Usage } from './usage.ts'

const STANDARD = { tenths: 10n, known: true }

function bytes(value: unknown): Uint8Array {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
}

function cost(model: string, usage: unknown): string {
  const rate = rateOf(model, Date.parse('2026-11-24'), cardWith())
  return creditsText(creditsOf(realtimeUsageOf(usage) as Usage, rate as Rate, STANDARD))
}

const SPOKEN = {
  total_tokens: 3_000_000,
  input_tokens: 2_000_000,
  output_tokens: 1_000_000,
  input_token_details: {
    text_tokens: 400_000,
    audio_tokens: 1_500_000,
    image_tokens: 100_000,
    cached_tokens: 560_000,
    cached_tokens_details: { text_tokens: 50_000, audio_tokens: 500_000, image_tokens: 10_000 },
  },
  output_token_details: { text_tokens: 200_000, audio_tokens: 800_000 },
}

suite('what a realtime session costs', () => {
  test('each kind of token at its own rate', () => {
    // In USD, times 25: text 0.35 at 4, 0.05 at 0.40, 0.2 at 16; audio 1 at 32, 0.5 at 0.40, 0.8 at 64; images 0.09 at 5, 0.01 at 0.50.
    const usd = 1.4 + 0.02 + 3.2 + 32 + 0.2 + 51.2 + 0.45 + 0.005
    equal(cost('gpt-realtime', SPOKEN), String(usd * 25))
    // A model that nobody priced: everything as text.
    deepEqual(
      creditsOf(realtimeUsageOf(SPOKEN) as Usage, cardWith().fallback, STANDARD),
      1_440_000n * 43_750n + 560_000n * 4_375n + 1_000_000n * 350_000n,
    )
  })

  test('a transcription by its tokens or by its length', () => {
    const usage = { type: 'tokens', input_tokens: 1000, input_token_details: { audio_tokens: 900 }, output_tokens: 100 }
    equal(cost('gpt-4o-transcribe', usage), '0.0875')
    equal(cost('gpt-realtime-whisper', { type: 'duration', seconds: 60 }), '0.425')
    equal(cost('gpt-live-transcribe', { type: 'duration', seconds: 60 }), '0.425')
    equal(cost('whisper-1', { type: 'duration', seconds: 0.4 }), '0.001')
  })

  test('text alone where nothing else is stated', () => {
    const usage = { input_tokens: 10, output_tokens: 5 }
    deepEqual(realtimeUsageOf(usage), {
      inputTokens: 10,
      cachedInputTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: 5,
      reasoningTokens: 0,
    })
    for (const none of [null, undefined, 7, {}, { type: 'duration' }, { type: 'duration', seconds: -1 }]) {
      equal(realtimeUsageOf(none), undefined)
    }
  })

  test('what is cached without details is text first, then audio', () => {
    const details = { text_tokens: 30, audio_tokens: 60, image_tokens: 10, cached_tokens: 80 }
    const usage = realtimeUsageOf({ input_tokens: 100, output_tokens: 0, input_token_details: details })
    deepEqual(
      [usage?.cachedInputTokens, usage?.spoken?.cachedAudioTokens, usage?.spoken?.cachedImageTokens],
      [80, 50, 0],
    )
  })

  test('never less than nothing and never twice, whatever is stated', () => {
    const tokens = fc.oneof(fc.nat(5000), fc.constantFrom(-1, 1.5, null, 'x', 2e9))
    const details = fc.record({ text_tokens: tokens, audio_tokens: tokens, image_tokens: tokens }, { requiredKeys: [] })
    const stated = fc.record({
      input_tokens: fc.nat(5000),
      output_tokens: fc.nat(5000),
      input_token_details: fc.record(
        {
          text_tokens: tokens,
          audio_tokens: tokens,
          image_tokens: tokens,
          cached_tokens: tokens,
          cached_tokens_details: details,
        },
        { requiredKeys: [] },
      ),
      output_token_details: details,
    })
    const flat: Rate = { identity: 'x', model: 'x', input: 1n, cached: 1n, output: 1n, cacheWrite: undefined }
    fc.assert(
      fc.property(stated, (value) => {
        const usage = realtimeUsageOf(value)
        equal(usage && creditsOf(usage, flat, STANDARD), BigInt(value.input_tokens + value.output_tokens))
      }),
    )
  })
})

suite('what a realtime event says', () => {
  test('of the models, in every form of the API', () => {
    const ga = { model: 'gpt-realtime-2', audio: { input: { transcription: { model: 'whisper-1', language: 'en' } } } }
    const beta = { model: 'gpt-4o-realtime', input_audio_transcription: { model: 'gpt-4o-transcribe' } }
    const read = (type: string, session: object): unknown => readRealtime(bytes({ event_id: 'e', type, session }))
    deepEqual(read('session.created', ga), { kind: 'session', model: 'gpt-realtime-2', transcriber: 'whisper-1' })
    deepEqual(read('session.updated', beta), {
      kind: 'session',
      model: 'gpt-4o-realtime',
      transcriber: 'gpt-4o-transcribe',
    })
    const none = { audio: { input: { transcription: null } } }
    deepEqual(read('transcription_session.updated', none), {
      kind: 'session',
      model: undefined,
      transcriber: undefined,
    })
  })

  test('of a response', () => {
    deepEqual(readRealtime(bytes({ type: 'response.created', response: { id: 'resp_1', status: 'in_progress' } })), {
      kind: 'created',
      response: 'resp_1',
    })
    const error = { type: 'server_error', code: 'rate_limit_exceeded', message: 'slow' }
    const response = { id: 'resp_1', status: 'failed', status_details: { type: 'failed', error }, usage: null }
    deepEqual(readRealtime(bytes({ response, type: 'response.done' })), {
      kind: 'done',
      response: 'resp_1',
      failed: true,
      usage: undefined,
      error: { ...error, event: undefined },
    })
  })

  test('of an error, and to what', () => {
    const error = { type: 'invalid_request_error', code: 'c', message: 'm', event_id: 'mine' }
    deepEqual(readRealtime(bytes({ type: 'error', event_id: 'x', error })), {
      kind: 'error',
      error: { type: 'invalid_request_error', code: 'c', message: 'm', event: 'mine' },
    })
  })

  test('nothing where it cannot be read, or is none of them', () => {
    for (const odd of [
      '',
      '{',
      '[]',
      '"response.done"',
      '{"type":"response.done"}',
      '{"type":1}',
      '{"type":"toString"}',
    ]) {
      deepEqual(readRealtime(bytes(odd)), { kind: 'other' })
    }
    deepEqual(readRealtime(bytes({ type: 'response.output_audio.delta', delta: 'AAAA', response_id: 'r' })), {
      kind: 'other',
    })
  })

  test('of the client what it asks for, and under which name', () => {
    deepEqual(readRealtimeRequest(bytes({ event_id: 'e1', type: 'session.update', session: { model: 'm' } })), {
      type: 'session.update',
      id: 'e1',
      model: 'm',
    })
    deepEqual(readRealtimeRequest(bytes('nonsense')), { type: undefined, id: undefined, model: undefined })
  })
})
