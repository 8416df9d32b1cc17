import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startSimulator, type Simulator } from './simulator.ts'
import { at, hear, json, MODEL, post, type Heard } from './test-client.ts'

const path = '/v1/chat/completions'
const messages = [{ role: 'user', content: 'hi' }]

function simulator(): Promise<Simulator> {
  return startSimulator({ tokens: 'bytes', text: 'one two' })
}

function chat(sim: Simulator, more: Readonly<Record<string, unknown>> = {}): Promise<Heard> {
  return hear(sim, { messages, input: undefined, ...more }, { path })
}

suite('chat completions', () => {
  test('stream chunks, then [DONE], and state no usage that nobody asked for', async () => {
    await using sim = await simulator()
    const { events, raw } = await chat(sim)
    ok(raw.endsWith('data: [DONE]\n\n'))
    ok(!raw.includes('usage'))
    const said = events.map((event) => at(event, 'choices', 0, 'delta', 'content'))
    deepEqual(said, ['', 'one', ' two', undefined])
    equal(at(events, -1, 'choices', 0, 'finish_reason'), 'stop')
    const [call] = sim.truth()
    deepEqual([call?.terminalType, call?.usageStated, call?.outputTokens], ['[DONE]', false, 2])
  })

  test('state usage in one last chunk without choices when asked to', async () => {
    await using sim = await simulator()
    const { events } = await chat(sim, { stream_options: { include_usage: true } })
    deepEqual(at(events, -1, 'choices'), [])
    equal(at(events, -1, 'usage', 'completion_tokens'), 2)
    ok(events.slice(0, -1).every((event) => event['usage'] === null))
    equal(sim.truth()[0]?.usageStated, true)
  })

  test('answer whole when not streamed', async () => {
    await using sim = await simulator()
    const body = await json(post(sim, { model: MODEL, messages }, { path }))
    equal(at(body, 'choices', 0, 'message', 'content'), 'one two')
    const [call] = sim.truth()
    deepEqual(
      [at(body, 'usage', 'prompt_tokens'), at(body, 'usage', 'completion_tokens')],
      [call?.inputTokens, call?.outputTokens],
    )
  })

  test('refuse stream_options without a stream, and no messages', async () => {
    await using sim = await simulator()
    equal((await post(sim, { model: MODEL, messages, stream_options: {} }, { path })).status, 400)
    equal((await post(sim, { model: MODEL }, { path })).status, 400)
  })

  test('break off with an error or for length when scripted', async () => {
    await using sim = await simulator()
    sim.script({ ending: { type: 'error', message: 'oops', afterEvents: 2 } })
    sim.script({ ending: { type: 'response.incomplete', afterEvents: 2 } })
    const failed = await chat(sim)
    equal(at(failed.events, -1, 'error', 'message'), 'oops')
    ok(!failed.raw.includes('[DONE]'))
    const cut = await chat(sim, { stream_options: { include_usage: true } })
    equal(at(cut.events, -2, 'choices', 0, 'finish_reason'), 'length')
    equal(at(cut.events, -1, 'usage', 'completion_tokens'), 1)
  })
})
