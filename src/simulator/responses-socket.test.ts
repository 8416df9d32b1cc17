import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { JsonObject } from './json.ts'
import { startSimulator, type Simulator } from './simulator.ts'
import { at, hear, MODEL, until } from './test-client.ts'
import { call, types, usageIn } from './test-socket.ts'

const PLAIN = { tokens: 'bytes', reasoningTokens: 0, text: 'one two' } as const

function user(content: string): JsonObject {
  return { type: 'message', role: 'user', content }
}

/** What HTTP states for an input. */
async function overHttp(simulator: Simulator, body: JsonObject): Promise<unknown> {
  return usageIn((await hear(simulator, body)).events)
}

suite('responses over WebSocket', () => {
  test('are told with the events of a stream, one to a text frame', async () => {
    await using sim = await startSimulator(PLAIN)
    await using caller = await call(sim)
    const frames = await caller.ask()
    const { events } = await hear(sim)
    deepEqual(types(frames), types(events))
    deepEqual(
      frames.map((frame) => frame['sequence_number']),
      frames.map((_, i) => i),
    )
    deepEqual(Object.keys(at(frames, -1, 'response') ?? {}), Object.keys(at(events, -1, 'response') ?? {}))
    deepEqual(usageIn(frames), usageIn(events))
  })

  test('are calls of their own in the truth', async () => {
    await using sim = await startSimulator({ ...PLAIN, reasoningTokens: 7 })
    await using one = await call(sim)
    await using other = await call(sim, { key: 'sk-sim-beta', headers: { 'x-mine': 'yes' } })
    const frames = [await one.ask(), await one.ask({ service_tier: 'flex' }), await other.ask()]
    await until(() => sim.truth().every((turn) => turn.endedAt !== undefined))
    const truth = sim.truth()
    deepEqual(
      truth.map((turn) => turn.id),
      frames.map((turn) => at(turn, -1, 'response', 'id')),
    )
    deepEqual(
      truth.map(({ transport, connection, key, status, warmUp }) => [transport, connection, key, status, warmUp]),
      [
        ['ws', 1, 'alpha', 200, false],
        ['ws', 1, 'alpha', 200, false],
        ['ws', 2, 'beta', 200, false],
      ],
    )
    for (const turn of truth) {
      deepEqual([turn.terminal, turn.terminalType, turn.usageStated], [true, 'response.completed', true])
      deepEqual([turn.outputTokens, turn.reasoningTokens, turn.aborted, turn.model], [9, 7, false, MODEL])
      deepEqual([turn.path, turn.eventsSent], ['/v1/responses', frames[0]?.length])
    }
    equal(truth[1]?.serviceTier, 'flex')
    equal(truth[0]?.requestId, one.headers['x-request-id'])
    ok(truth[2]?.requestHeaders.includes('x-mine') && !truth[2].requestHeaders.includes('Bearer sk-sim-beta'))
  })

  test('warm up without output, under an id that can be continued from', async () => {
    await using sim = await startSimulator(PLAIN)
    await using caller = await call(sim)
    const warm = await caller.ask({ generate: false, input: [user('a long instruction')] })
    deepEqual(types(warm), ['response.created', 'response.completed'])
    const id = String(at(warm, -1, 'response', 'id'))
    match(id, /^resp_/)
    const { inputTokens = 0 } = sim.truth()[0] ?? {}
    ok(inputTokens > 0)
    deepEqual(
      [at(warm, -1, 'response', 'usage', 'input_tokens'), at(warm, -1, 'response', 'usage', 'output_tokens')],
      [inputTokens, 0],
    )
    deepEqual([sim.truth()[0]?.warmUp, sim.truth()[0]?.outputTokens], [true, 0])
    const turn = await caller.ask({ previous_response_id: id, input: [user('go')] })
    deepEqual(usageIn(turn), await overHttp(sim, { input: [user('a long instruction'), user('go')] }))
    equal(at(turn, -1, 'response', 'previous_response_id'), id)
  })

  test('state for a continued conversation what HTTP states for all of it, cached tokens too', async () => {
    const options = { ...PLAIN, reasoningTokens: 5, cacheWrites: true }
    await using sim = await startSimulator(options)
    await using twin = await startSimulator(options)
    await using caller = await call(sim)
    const common = { include: ['reasoning.encrypted_content'], instructions: 'be brief', prompt_cache_key: 'k' }
    const first = [user('word '.repeat(3000))]
    const opening = await caller.ask({ ...common, input: first })
    deepEqual(usageIn(opening), await overHttp(twin, { ...common, input: first }))

    const output = at(opening, -1, 'response', 'output')
    ok(Array.isArray(output) && output.length === 2)
    const second = await caller.ask({
      ...common,
      input: [user('and then?')],
      previous_response_id: at(opening, -1, 'response', 'id'),
    })
    deepEqual(usageIn(second), await overHttp(twin, { ...common, input: [...first, ...output, user('and then?')] }))
    ok(Number(at(second, -1, 'response', 'usage', 'input_tokens_details', 'cached_tokens')) > 1024)
  })

  test('can be continued from on the connection that made them alone', async () => {
    await using sim = await startSimulator(PLAIN)
    await using maker = await call(sim)
    await using stranger = await call(sim)
    const made = at(await maker.ask(), -1, 'response', 'id')
    const [answer] = await stranger.ask({ previous_response_id: made })
    deepEqual(answer, {
      type: 'error',
      status: 400,
      error: {
        message: `Previous response with id '${String(made)}' not found.`,
        type: 'invalid_request_error',
        param: 'previous_response_id',
        code: 'previous_response_not_found',
      },
    })
    equal(at(await stranger.ask(), -1, 'type'), 'response.completed')
    equal((await hear(sim, { previous_response_id: made })).status, 400)
    const fork = [await maker.ask({ previous_response_id: made }), await maker.ask({ previous_response_id: made })]
    deepEqual(usageIn(fork[0] ?? []), usageIn(fork[1] ?? []))
    const refusal = sim.truth()[1]
    deepEqual(
      [refusal?.status, refusal?.terminal, refusal?.terminalType, refusal?.usageStated, refusal?.inputTokens],
      [400, true, 'error', false, 0],
    )
  })

  test('are forgotten when a turn that continues from them fails', async () => {
    await using sim = await startSimulator(PLAIN)
    await using caller = await call(sim)
    const made = at(await caller.ask(), -1, 'response', 'id')
    sim.script({ ending: { type: 'response.failed' } })
    equal(at(await caller.ask({ previous_response_id: made }), -1, 'type'), 'response.failed')
    const again = await caller.ask({ previous_response_id: made })
    equal(at(again, -1, 'error', 'code'), 'previous_response_not_found')
  })

  test('come one at a time: a second one is refused, and the first goes on', async () => {
    await using sim = await startSimulator({ ...PLAIN, eventDelayMs: 10 })
    await using caller = await call(sim)
    caller.say({ type: 'response.create', model: MODEL, input: 'first' })
    await caller.heard('response.created')
    equal(at(await caller.ask({ input: 'second' }), -1, 'error', 'code'), 'conversation_already_has_active_response')
    equal(at(await caller.heard('response.completed'), -1, 'type'), 'response.completed')
    equal(at(await caller.ask(), -1, 'type'), 'response.completed')
    deepEqual(
      sim.truth().map((turn) => [turn.status, turn.terminalType]),
      [
        [200, 'response.completed'],
        [400, 'error'],
        [200, 'response.completed'],
      ],
    )
  })

  test('answer what is no JSON, no known type and no text with a 400, and go on', async () => {
    await using sim = await startSimulator(PLAIN)
    await using caller = await call(sim)
    for (const junk of ['{"type":', '[1]', '"text"', '{}', '{"type":"response.append"}', Buffer.from('{"type":1}')]) {
      caller.webSocket.send(junk)
      const [frame] = await caller.heard('error')
      deepEqual([at(frame, 'status'), at(frame, 'error', 'type')], [400, 'invalid_request_error'], String(junk))
    }
    caller.say({ type: 'response.processed', response_id: 'resp_1' })
    equal(at(await caller.ask({ generate: 'no' }), -1, 'error', 'param'), 'generate')
    equal(at(await caller.ask({ colour: 'red' }), -1, 'error', 'param'), 'colour')
    equal(at(await caller.ask({ model: 'gpt-none' }), -1, 'status'), 404)
    equal(at(await caller.ask(), -1, 'type'), 'response.completed')
  })

  test('refuse ciphertext of another organization', async () => {
    await using sim = await startSimulator({ tokens: 'bytes' })
    await using alpha = await call(sim)
    await using beta = await call(sim, { key: 'sk-sim-beta' })
    const thought = at(await alpha.ask({ include: ['reasoning.encrypted_content'] }), -1, 'response', 'output', 0)
    const input = [thought, user('go on')]
    equal(at(await beta.ask({ input }), -1, 'error', 'code'), 'invalid_encrypted_content')
    equal(at(await alpha.ask({ input }), -1, 'type'), 'response.completed')
  })

  test('let the agent take its next move from the whole conversation', async () => {
    await using sim = await startSimulator({ ...PLAIN, agent: 'shell-and-edit' })
    await using caller = await call(sim)
    const tools = [
      { type: 'function', name: 'exec_command' },
      { type: 'custom', name: 'apply_patch' },
    ]
    const said = async (body: JsonObject): Promise<unknown> => at(await caller.ask({ tools, ...body }), -1, 'response')
    const run = await said({ input: [user('do it')] })
    equal(at(run, 'output', 0, 'name'), 'exec_command')
    const output = { type: 'function_call_output', call_id: 'a', output: 'hello' }
    const edit = await said({ previous_response_id: at(run, 'id'), input: [output] })
    equal(at(edit, 'output', 0, 'name'), 'apply_patch')
    const done = { type: 'custom_tool_call_output', call_id: 'b', output: 'done' }
    const last = await said({ previous_response_id: at(edit, 'id'), input: [done] })
    match(String(at(last, 'output', 0, 'content', 0, 'text')), /> hello\n\n> done/)
  })

  test('keep to the pace and to the rate limits of HTTP', async () => {
    const rateLimit = { requestsPerMinute: 1, tokensPerMinute: 1_000_000 }
    await using sim = await startSimulator({ ...PLAIN, rateLimit, deltas: 10, tokensPerSecond: 200 })
    await using caller = await call(sim)
    const started = performance.now()
    await caller.ask()
    ok(performance.now() - started >= 48)
    const [refusal] = await caller.ask()
    deepEqual([at(refusal, 'status'), at(refusal, 'error', 'code')], [429, 'rate_limit_exceeded'])
    equal(at(refusal, 'headers', 'retry-after'), '60')
  })

  test('begin with rate limits and turn state when they are wanted', async () => {
    await using sim = await startSimulator({ ...PLAIN, wsRateLimits: true, turnState: true })
    await using caller = await call(sim)
    const frames = await caller.ask({ client_metadata: { 'x-codex-turn-state': 'mine' } })
    deepEqual(types(frames).slice(0, 3), ['codex.rate_limits', 'response.metadata', 'response.created'])
    equal(at(frames, 0, 'rate_limits', 'primary', 'window_minutes'), 300)
    deepEqual(at(frames, 1, 'headers'), { 'x-codex-turn-state': 'mine' })
    ok(caller.headers['x-codex-turn-state'] !== undefined)
  })

  test('count as aborted when the client leaves, however it does', async () => {
    await using sim = await startSimulator({ ...PLAIN, deltas: 500, eventDelayMs: 2 })
    for (const leave of ['close', 'terminate'] as const) {
      await using caller = await call(sim)
      caller.say({ type: 'response.create', model: MODEL, input: 'hi' })
      await caller.heard('response.output_text.delta')
      caller.webSocket[leave]()
      await until(() => sim.truth().at(-1)?.endedAt !== undefined)
      const turn = sim.truth().at(-1)
      deepEqual([turn?.aborted, turn?.terminal, turn?.status], [true, false, 200], leave)
      ok((turn?.outputTokens ?? 500) < 500)
    }
  })
})
