import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { JsonObject } from './json.ts'
import { startSimulator, type Simulator, type SimulatorOptions } from './simulator.ts'
import { at, until } from './test-client.ts'
import { call, types, type Caller } from './test-socket.ts'

/** Four bytes are a token, so the instructions, which are the default's, are three. */
const INSTRUCTIONS = 3
/** 16 bits at 24,000 Hz. */
const SECOND_BYTES = 48_000

function simulator(options: SimulatorOptions = {}): Promise<Simulator> {
  return startSimulator({ tokens: 'bytes', text: 'one two six', ...options })
}

async function session(sim: Simulator, fields?: JsonObject): Promise<Caller> {
  const caller = await call(sim, { path: '/v1/realtime?model=gpt-realtime' })
  await caller.heard('session.created')
  if (fields === undefined) return caller
  caller.say({ type: 'session.update', session: { type: 'realtime', ...fields } })
  await caller.heard('session.updated')
  return caller
}

function audio(seconds: number): JsonObject {
  return { type: 'input_audio_buffer.append', audio: Buffer.alloc(seconds * SECOND_BYTES).toString('base64') }
}

async function write(caller: Caller, ...content: readonly JsonObject[]): Promise<readonly JsonObject[]> {
  caller.say({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } })
  return caller.heard('conversation.item.done')
}

async function respond(caller: Caller, response?: JsonObject): Promise<readonly JsonObject[]> {
  caller.say({ type: 'response.create', ...(response === undefined ? {} : { response }) })
  return caller.heard('response.done', 'error')
}

suite('a realtime session', () => {
  test('is created at once for the model of the query, and updated also deep inside', async () => {
    await using sim = await simulator()
    await using caller = await call(sim, { path: '/v1/realtime?model=gpt-realtime-1.5' })
    const [created] = await caller.heard('session.created')
    equal(at(created, 'session', 'model'), 'gpt-realtime-1.5')
    match(String(at(created, 'event_id')), /^event_/)
    const input = { transcription: { model: 'gpt-4o-mini-transcribe' } }
    caller.say({ type: 'session.update', session: { type: 'realtime', instructions: 'sing', audio: { input } } })
    const [updated] = await caller.heard('session.updated')
    equal(at(updated, 'session', 'instructions'), 'sing')
    deepEqual(at(updated, 'session', 'audio', 'input', 'transcription'), input.transcription)
    equal(at(updated, 'session', 'audio', 'input', 'format', 'rate'), 24_000)
    equal(at(updated, 'session', 'id'), at(created, 'session', 'id'))
  })

  test('takes items and strings them together', async () => {
    await using sim = await simulator()
    await using caller = await session(sim)
    const [added, done] = await write(caller, { type: 'input_text', text: 'hi' })
    deepEqual([at(added, 'type'), at(added, 'previous_item_id')], ['conversation.item.added', null])
    deepEqual(at(added, 'item'), at(done, 'item'))
    caller.say({ type: 'conversation.item.create', item: { id: 'mine', type: 'function_call_output', output: 'ok' } })
    const [second] = await caller.heard('conversation.item.done')
    deepEqual([at(second, 'item', 'id'), at(second, 'previous_item_id')], ['mine', at(added, 'item', 'id')])
  })

  test('writes an answer whose usage is the truth', async () => {
    await using sim = await simulator()
    await using caller = await session(sim, { output_modalities: ['text'] })
    const image = { type: 'input_image', image_url: 'data:image/png;base64,AA==' }
    await write(caller, { type: 'input_text', text: 'a question' }, image)
    const frames = await respond(caller, { metadata: { mine: 'yes' } })
    deepEqual(types(frames), [
      'response.created',
      'response.output_item.added',
      'conversation.item.added',
      'response.content_part.added',
      ...['one', ' two', ' six'].map(() => 'response.output_text.delta'),
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'conversation.item.done',
      'response.done',
    ])
    const response = at(frames, -1, 'response')
    deepEqual([at(response, 'status'), at(response, 'metadata')], ['completed', { mine: 'yes' }])
    equal(at(response, 'output', 0, 'content', 0, 'text'), 'one two six')
    const input = INSTRUCTIONS + 3 + 85
    deepEqual(at(response, 'usage'), {
      total_tokens: input + 3,
      input_tokens: input,
      output_tokens: 3,
      input_token_details: {
        text_tokens: INSTRUCTIONS + 3,
        audio_tokens: 0,
        image_tokens: 85,
        cached_tokens: 0,
        cached_tokens_details: { text_tokens: 0, audio_tokens: 0, image_tokens: 0 },
      },
      output_token_details: { text_tokens: 3, audio_tokens: 0 },
    })
    const [turn] = sim.truth()
    deepEqual([turn?.id, turn?.path, turn?.model], [at(response, 'id'), '/v1/realtime', 'gpt-realtime'])
    deepEqual([turn?.transport, turn?.connection, turn?.terminalType], ['ws', 1, 'response.done'])
    deepEqual([turn?.terminal, turn?.usageStated, turn?.inputTokens, turn?.outputTokens], [true, true, input, 3])
    deepEqual(turn?.realtime, {
      inputText: INSTRUCTIONS + 3,
      inputAudio: 0,
      inputImage: 85,
      cachedText: 0,
      cachedAudio: 0,
      cachedImage: 0,
      outputText: 3,
      outputAudio: 0,
      seconds: 0,
    })
  })

  test('speaks to what was said, and has read the conversation from the cache the next time', async () => {
    await using sim = await simulator()
    await using caller = await session(sim)
    for (const seconds of [0.5, 0.55]) caller.say(audio(seconds))
    caller.say({ type: 'input_audio_buffer.commit' })
    const committed = await caller.heard('conversation.item.done')
    deepEqual(types(committed), ['input_audio_buffer.committed', 'conversation.item.added', 'conversation.item.done'])
    equal(at(committed, 0, 'item_id'), at(committed, 1, 'item', 'id'))
    const frames = await respond(caller)
    const deltas = frames.filter((frame) => frame['type'] === 'response.output_audio.delta')
    equal(deltas.length, 3)
    equal(Buffer.from(String(deltas[0]?.['delta']), 'base64').length, SECOND_BYTES / 10)
    const transcript = frames.find((frame) => frame['type'] === 'response.output_audio_transcript.done')
    equal(transcript?.['transcript'], 'one two six')
    const usage = at(frames, -1, 'response', 'usage')
    equal(at(usage, 'input_token_details', 'audio_tokens'), 11)
    deepEqual(at(usage, 'output_token_details'), { text_tokens: 3, audio_tokens: 6 })

    const next = at(await respond(caller), -1, 'response', 'usage')
    deepEqual(at(next, 'input_token_details'), {
      text_tokens: INSTRUCTIONS,
      audio_tokens: 11 + 3,
      image_tokens: 0,
      cached_tokens: INSTRUCTIONS + 11,
      cached_tokens_details: { text_tokens: INSTRUCTIONS, audio_tokens: 11, image_tokens: 0 },
    })
    const turn = sim.truth()[1]
    deepEqual([turn?.inputTokens, turn?.cachedInputTokens], [INSTRUCTIONS + 14, INSTRUCTIONS + 11])
    deepEqual([turn?.realtime?.cachedAudio, turn?.realtime?.outputAudio, turn?.outputTokens], [11, 6, 9])
  })

  test('transcribes when it is asked to, which is a call of its own, by tokens or by duration', async () => {
    for (const transcriptionUsage of ['tokens', 'duration'] as const) {
      await using sim = await simulator({ transcriptionUsage })
      const input = { transcription: { model: 'gpt-4o-mini-transcribe' } }
      await using caller = await session(sim, { audio: { input } })
      caller.say(audio(2))
      caller.say({ type: 'input_audio_buffer.commit' })
      const frames = await caller.heard('conversation.item.input_audio_transcription.completed')
      await until(() => sim.truth()[0]?.endedAt !== undefined)
      const [turn] = sim.truth()
      equal(turn?.model, 'gpt-4o-mini-transcribe')
      deepEqual([turn.id, turn.terminal, turn.usageStated], [at(frames, -1, 'item_id'), true, true])
      deepEqual([turn.realtime?.inputAudio, turn.realtime?.seconds, turn.inputTokens], [20, 2, 20])
      ok(turn.outputTokens > 0 && turn.realtime?.outputText === turn.outputTokens)
      const tokens = {
        type: 'tokens',
        total_tokens: 20 + turn.outputTokens,
        input_tokens: 20,
        input_token_details: { text_tokens: 0, audio_tokens: 20 },
        output_tokens: turn.outputTokens,
      }
      deepEqual(at(frames, -1, 'usage'), transcriptionUsage === 'tokens' ? tokens : { type: 'duration', seconds: 2 })
    }
  })

  test('hears nothing in a buffer that is empty, cleared or too short', async () => {
    await using sim = await simulator()
    await using caller = await session(sim)
    const commit = async (): Promise<unknown> => {
      caller.say({ type: 'input_audio_buffer.commit' })
      return at(await caller.heard('error'), -1, 'error', 'code')
    }
    equal(await commit(), 'input_audio_buffer_commit_empty')
    caller.say(audio(0.05))
    equal(await commit(), 'input_audio_buffer_commit_empty')
    caller.say(audio(1))
    caller.say({ type: 'input_audio_buffer.clear' })
    await caller.heard('input_audio_buffer.cleared')
    equal(await commit(), 'input_audio_buffer_commit_empty')
  })

  test('stops when a response is cancelled, and states what it cost so far', async () => {
    await using sim = await simulator({ deltas: 200, eventDelayMs: 5 })
    await using caller = await session(sim, { output_modalities: ['text'] })
    caller.say({ type: 'response.cancel' })
    equal(at(await caller.heard('error'), -1, 'error', 'code'), 'response_cancel_not_active')
    caller.say({ type: 'response.create' })
    await caller.heard('response.output_text.delta')
    caller.say({ type: 'response.create' })
    equal(at(await caller.heard('error'), -1, 'error', 'code'), 'conversation_already_has_active_response')
    caller.say({ type: 'response.cancel' })
    const response = at(await caller.heard('response.done'), -1, 'response')
    deepEqual(
      [at(response, 'status'), at(response, 'status_details')],
      ['cancelled', { type: 'cancelled', reason: 'client_cancelled' }],
    )
    const [turn] = sim.truth()
    ok(turn !== undefined && turn.outputTokens > 0 && turn.outputTokens < 200)
    equal(at(response, 'usage', 'output_tokens'), turn.outputTokens)
    deepEqual([sim.truth().length, turn.aborted, turn.terminal], [1, false, true])
    const next = at(await respond(caller, { instructions: 'x' }), -1, 'response', 'usage')
    equal(at(next, 'input_tokens'), turn.outputTokens + 1)
  })

  test('says what is wrong with a frame, and which one it was', async () => {
    await using sim = await simulator()
    await using caller = await session(sim)
    const wrong: readonly (readonly [string | Buffer, string | null, string | null])[] = [
      ['{"type":"response.dance","event_id":"mine"}', 'invalid_value', 'type'],
      ['{"event_id":"mine"}', 'missing_required_parameter', 'type'],
      ['{"type":"session.update","event_id":"mine"}', 'missing_required_parameter', 'session'],
      ['{"type":"conversation.item.create","event_id":"mine"}', 'missing_required_parameter', 'item'],
      ['{"type":"input_audio_buffer.append","event_id":"mine"}', 'missing_required_parameter', 'audio'],
      ['{"type":', 'invalid_json', null],
      [Buffer.from('{}'), null, null],
    ]
    for (const [frame, code, param] of wrong) {
      caller.webSocket.send(frame)
      const [event] = await caller.heard('error')
      const { message, ...error } = Object(at(event, 'error'))
      const event_id = String(frame).includes('mine') ? 'mine' : null
      deepEqual(error, { type: 'invalid_request_error', code, param, event_id }, String(frame))
      ok(message)
    }
  })

  test('fails as it is told to', async () => {
    await using sim = await simulator()
    await using caller = await session(sim)
    const path = '/v1/realtime'
    sim.script({ path, status: 429, body: { error: { type: 'rate_limit_error', code: 'c', message: 'slow' } } })
    sim.script({ path, ending: { type: 'response.failed', code: 'server_error', message: 'oops', afterEvents: 4 } })
    sim.script({ path, ending: { type: 'response.incomplete' }, omitUsage: true })
    sim.script({ path, ending: { type: 'error', afterEvents: 1 } })
    sim.script({ path, close: { code: 1001, afterEvents: 6 } })
    const refusal = { type: 'rate_limit_error', code: 'c', message: 'slow', event_id: null }
    deepEqual(at(await respond(caller), -1, 'error'), refusal)
    const failed = at(await respond(caller), -1, 'response')
    deepEqual([at(failed, 'status'), at(failed, 'usage')], ['failed', null])
    equal(at(failed, 'status_details', 'error', 'message'), 'oops')
    const incomplete = at(await respond(caller), -1, 'response')
    deepEqual([at(incomplete, 'status'), at(incomplete, 'usage')], ['incomplete', null])
    deepEqual(types(await respond(caller)), ['response.created', 'error'])
    caller.say({ type: 'response.create' })
    equal((await caller.closed).code, 1001)
    deepEqual(
      sim.truth().map((turn) => [turn.status, turn.terminalType, turn.usageStated, turn.aborted]),
      [
        [429, 'error', false, false],
        [200, 'response.done', false, false],
        [200, 'response.done', false, false],
        [200, 'error', false, false],
        [200, undefined, false, false],
      ],
    )
  })

  test('is over when it has reached its age', async () => {
    await using sim = await simulator({ wsMaxAgeMs: 50 })
    await using caller = await call(sim, { path: '/v1/realtime?model=gpt-realtime' })
    equal((await caller.closed).code, 1000)
    equal(at(caller.frames, -1, 'error', 'code'), 'session_expired')
  })

  test('is a turn that the client leaves, when it does', async () => {
    await using sim = await simulator({ deltas: 500, eventDelayMs: 5 })
    await using caller = await session(sim)
    caller.say({ type: 'response.create' })
    await caller.heard('response.output_audio.delta')
    caller.webSocket.terminate()
    await until(() => sim.truth()[0]?.endedAt !== undefined)
    const [turn] = sim.truth()
    deepEqual([turn?.aborted, turn?.terminal], [true, false])
    equal(turn?.outputTokens, (turn?.realtime?.outputText ?? 0) + (turn?.realtime?.outputAudio ?? 0))
  })
})
