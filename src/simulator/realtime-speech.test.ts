import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { JsonObject } from './json.ts'
import { startSimulator, type Simulator, type SimulatorOptions } from './simulator.ts'
import { at, until } from './test-client.ts'
import { call, types, type Caller } from './test-socket.ts'

const MS_BYTES = 48

function simulator(options: SimulatorOptions = {}): Promise<Simulator> {
  return startSimulator({ tokens: 'bytes', text: 'one two six', ...options })
}

/** A session that listens, and writes what it answers. */
async function listening(sim: Simulator, detection: JsonObject = {}, transcription?: JsonObject): Promise<Caller> {
  const caller = await call(sim, { path: '/v1/realtime?model=gpt-realtime' })
  const input = { turn_detection: { type: 'server_vad', ...detection }, transcription: transcription ?? null }
  caller.say({ type: 'session.update', session: { output_modalities: ['text'], audio: { input } } })
  await caller.heard('session.updated')
  return caller
}

function hear(caller: Caller, ...parts: readonly (readonly [ms: number, what: 'speech' | 'silence'])[]): void {
  const audio = Buffer.concat(parts.map(([ms, what]) => Buffer.alloc(ms * MS_BYTES, what === 'speech' ? 1 : 0)))
  caller.say({ type: 'input_audio_buffer.append', audio: audio.toString('base64') })
}

suite('a realtime session that listens', () => {
  test('takes speech for an item once silence follows, writes it down, and answers by itself', async () => {
    for (const type of ['server_vad', 'semantic_vad']) {
      await using sim = await simulator()
      await using caller = await listening(sim, { type }, { model: 'gpt-4o-mini-transcribe' })
      hear(caller, [1000, 'silence'], [700, 'speech'])
      const [started] = await caller.heard('input_audio_buffer.speech_started')
      equal(started?.['audio_start_ms'], 700)
      hear(caller, [499, 'silence'])
      hear(caller, [1, 'silence'])
      const frames = await caller.heard('response.created')
      const own = types(frames).filter(
        (name) => !String(name).startsWith('conversation.item.input_audio_transcription'),
      )
      deepEqual(own, [
        'input_audio_buffer.speech_stopped',
        'input_audio_buffer.committed',
        'conversation.item.added',
        'conversation.item.done',
        'response.created',
      ])
      equal(frames[0]?.['audio_end_ms'], 2200)
      const item = started?.['item_id']
      match(String(item), /^item_/)
      deepEqual([frames[0]?.['item_id'], frames[1]?.['item_id'], at(frames, 2, 'item', 'id')], [item, item, item])
      const done = at(await caller.heard('response.done'), -1, 'response')
      equal(at(done, 'status'), 'completed')
      equal(at(done, 'usage', 'input_token_details', 'audio_tokens'), 15)
      await until(() => sim.truth().length === 2 && sim.truth().every(({ terminal }) => terminal))
      const truth = new Map(sim.truth().map((turn) => [turn.model, turn]))
      equal(truth.get('gpt-realtime')?.realtime?.inputAudio, 15)
      deepEqual(
        [truth.get('gpt-4o-mini-transcribe')?.id, truth.get('gpt-4o-mini-transcribe')?.realtime?.seconds],
        [item, 1.5],
      )
    }
  })

  test('waits as long as it is told to, and for the word if it is not to answer', async () => {
    await using sim = await simulator()
    await using caller = await listening(sim, { silence_duration_ms: 50, prefix_padding_ms: 0, create_response: false })
    hear(caller, [100, 'silence'], [100, 'speech'], [50, 'silence'])
    const frames = await caller.heard('conversation.item.done')
    deepEqual([frames[0]?.['audio_start_ms'], frames[1]?.['audio_end_ms']], [100, 250])
    caller.say({ type: 'response.create' })
    await caller.heard('response.done')
    equal(sim.truth().length, 1)
  })

  test('stops speaking when somebody else begins, and answers that then', async () => {
    await using sim = await simulator({ deltas: 200, eventDelayMs: 5 })
    await using caller = await listening(sim)
    hear(caller, [100, 'speech'], [500, 'silence'])
    await caller.heard('response.output_text.delta')
    hear(caller, [100, 'speech'], [500, 'silence'])
    const cut = at(await caller.heard('response.done'), -1, 'response')
    deepEqual(at(cut, 'status_details'), { type: 'cancelled', reason: 'turn_detected' })
    await caller.heard('response.created')
    const [first] = sim.truth()
    ok(first?.terminal === true && first.usageStated && first.outputTokens > 0 && first.outputTokens < 200)
    equal(at(cut, 'usage', 'output_tokens'), first.outputTokens)
  })

  test('speaks on if it is told to, and answers when it has ended', async () => {
    await using sim = await simulator({ deltas: 20, eventDelayMs: 5 })
    await using caller = await listening(sim, { interrupt_response: false })
    hear(caller, [100, 'speech'], [500, 'silence'])
    await caller.heard('response.output_text.delta')
    hear(caller, [100, 'speech'], [500, 'silence'])
    const statuses = async (): Promise<unknown> => at(await caller.heard('response.done'), -1, 'response', 'status')
    deepEqual([await statuses(), await statuses()], ['completed', 'completed'])
    equal(sim.truth().length, 2)
  })

  test('knows nothing any more of speech that was cleared away or committed', async () => {
    await using sim = await simulator()
    await using caller = await listening(sim, { create_response: false })
    for (const type of ['input_audio_buffer.clear', 'input_audio_buffer.commit']) {
      hear(caller, [200, 'speech'])
      await caller.heard('input_audio_buffer.speech_started')
      caller.say({ type })
      hear(caller, [1000, 'silence'])
    }
    caller.say({ type: 'response.create' })
    const frames = await caller.heard('response.done')
    ok(!caller.frames.some(({ type }) => type === 'input_audio_buffer.speech_stopped'))
    // What was committed, and only that.
    equal(at(frames, -1, 'response', 'usage', 'input_token_details', 'audio_tokens'), 12)
  })
})
