import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startSimulator, type Simulator } from './simulator.ts'
import { at, hear, json, MODEL, post, until } from './test-client.ts'

/** 12 events of which 4 are deltas, each delta one token. */
function simulator(): Promise<Simulator> {
  return startSimulator({ tokens: 'bytes', reasoningTokens: 0, text: 'one two six ten' })
}

suite('a scripted fault', () => {
  test('answers a status with its headers and body, once', async () => {
    await using sim = await simulator()
    sim.script({ status: 503, headers: { 'retry-after': '3' }, body: { error: { message: 'busy' } } })
    const reply = await post(sim, { model: MODEL, input: 'hi' })
    deepEqual([reply.status, reply.headers.get('retry-after')], [503, '3'])
    deepEqual(await reply.json(), { error: { message: 'busy' } })
    equal((await hear(sim)).status, 200)
    deepEqual(
      sim.truth().map((call) => [call.status, call.faulted, call.inputTokens]),
      [
        [503, true, 0],
        [200, false, 2],
      ],
    )
  })

  test('holds the head back', async () => {
    await using sim = await simulator()
    sim.script({ headDelayMs: 60 })
    const started = performance.now()
    equal((await hear(sim)).status, 200)
    ok(performance.now() - started >= 58)
  })

  test('holds every event back', async () => {
    await using sim = await simulator()
    sim.script({ eventDelayMs: 5 })
    const started = performance.now()
    equal((await hear(sim)).events.length, 12)
    ok(performance.now() - started >= 50)
  })

  test('resets instead of a head: the input was read, nothing was generated', async () => {
    await using sim = await simulator()
    sim.script({ reset: 'before-head' })
    await rejects(hear(sim))
    const [call] = sim.truth()
    deepEqual([call?.status, call?.inputTokens, call?.outputTokens, call?.aborted], [0, 2, 0, false])
  })

  test('resets after so many events, all of which arrive', async () => {
    await using sim = await simulator()
    sim.script({ reset: { afterEvents: 6 } })
    const { events, whole } = await hear(sim)
    deepEqual([events.length, whole], [6, false])
    const [call] = sim.truth()
    deepEqual([call?.eventsSent, call?.outputTokens, call?.terminal, call?.aborted], [6, 2, false, false])
  })

  test('resets after so many bytes, in the middle of an event', async () => {
    await using sim = await simulator()
    const { raw } = await hear(sim)
    const afterBytes = raw.indexOf('response.output_item.added') + 3
    sim.script({ reset: { afterBytes } })
    const cut = await hear(sim)
    deepEqual([cut.raw.length, cut.whole], [afterBytes, false])
    equal(sim.truth()[1]?.eventsSent, 2)
  })

  test('cuts a unary body short', async () => {
    await using sim = await simulator()
    sim.script({ reset: { afterBytes: 10 } })
    await rejects(json(post(sim, { model: MODEL, input: 'hi' })))
    const [call] = sim.truth()
    deepEqual([call?.terminal, call?.outputTokens], [false, 4])
  })

  test('ends in good order without the terminal event', async () => {
    await using sim = await simulator()
    sim.script({ endAfterEvents: 7 })
    const { events, whole } = await hear(sim)
    deepEqual([events.length, whole], [7, true])
    deepEqual([sim.truth()[0]?.terminal, sim.truth()[0]?.outputTokens], [false, 3])
  })

  test('stalls for a while, then goes on', async () => {
    await using sim = await simulator()
    sim.script({ stall: { afterEvents: 3, ms: 50 } })
    const started = performance.now()
    equal((await hear(sim)).events.length, 12)
    ok(performance.now() - started >= 48)
  })

  test('stalls until the client leaves, which the truth calls aborted', async () => {
    await using sim = await simulator()
    sim.script({ stall: { afterEvents: 5 } })
    const leaving = new AbortController()
    const reply = await post(sim, { model: MODEL, input: 'hi', stream: true }, { signal: leaving.signal })
    await until(() => sim.truth()[0]?.eventsSent === 5)
    equal(sim.truth()[0]?.endedAt, undefined)
    leaving.abort()
    await rejects(reply.text())
    await until(() => sim.truth()[0]?.endedAt !== undefined)
    const [call] = sim.truth()
    deepEqual([call?.aborted, call?.outputTokens, call?.terminal], [true, 1, false])
  })

  test('sends garbage between events', async () => {
    await using sim = await simulator()
    sim.script({ garbage: { afterEvents: 2 } })
    sim.script({ garbage: { afterEvents: 2, text: 'data: {"type":\n\n' } })
    match((await hear(sim)).raw, /\uFFFD/)
    match((await hear(sim)).raw, /data: \{"type":\n\n/)
  })

  test('fails inside a 200, without usage unless told to state it', async () => {
    await using sim = await simulator()
    sim.script({ ending: { type: 'response.failed', code: 'rate_limit_exceeded', message: 'slow', afterEvents: 6 } })
    sim.script({ ending: { type: 'response.failed', usage: true } })
    const first = await hear(sim)
    equal(first.events.length, 7)
    deepEqual(at(first.events, -1, 'response', 'error'), { code: 'rate_limit_exceeded', message: 'slow' })
    equal(at(first.events, -1, 'response', 'usage'), null)
    equal(at(first.events, -1, 'sequence_number'), 6)
    const second = await hear(sim)
    equal(at(second.events, -1, 'type'), 'response.failed')
    equal(at(second.events, -1, 'response', 'usage', 'output_tokens'), 4)
    deepEqual(
      sim.truth().map((call) => [call.terminal, call.terminalType, call.usageStated, call.outputTokens]),
      [
        [true, 'response.failed', false, 2],
        [true, 'response.failed', true, 4],
      ],
    )
  })

  test('leaves an answer incomplete with the usage so far', async () => {
    await using sim = await simulator()
    sim.script({ ending: { type: 'response.incomplete', afterEvents: 5 } })
    const { events } = await hear(sim)
    deepEqual(at(events, -1, 'response', 'incomplete_details'), { reason: 'max_output_tokens' })
    equal(at(events, -1, 'response', 'usage', 'output_tokens'), 1)
  })

  test('sends a top-level error event', async () => {
    await using sim = await simulator()
    sim.script({ ending: { type: 'error', code: 'server_error', message: 'oops', afterEvents: 0 } })
    const { events } = await hear(sim)
    deepEqual(events, [{ type: 'error', sequence_number: 0, code: 'server_error', message: 'oops', param: null }])
  })

  test('changes what the reply says of usage, tier and model', async () => {
    await using sim = await simulator()
    sim.script({
      omitUsage: true,
      serviceTier: 'flex',
      replyModel: 'gpt-other',
      headers: { 'openai-model': 'gpt-other' },
    })
    const { events, headers } = await hear(sim)
    const response = at(events, -1, 'response')
    deepEqual([at(response, 'usage'), at(response, 'service_tier'), at(response, 'model')], [null, 'flex', 'gpt-other'])
    equal(headers.get('openai-model'), 'gpt-other')
    const [call] = sim.truth()
    deepEqual([call?.usageStated, call?.outputTokens, call?.serviceTier], [false, 4, 'flex'])
  })
})

suite('pacing', () => {
  test('generates so many tokens a second', async () => {
    await using sim = await startSimulator({ tokens: 'bytes', reasoningTokens: 0, deltas: 10, tokensPerSecond: 200 })
    const started = performance.now()
    await hear(sim)
    const tookMs = performance.now() - started
    // In a wrong unit it is a thousand times that.
    ok(tookMs >= 48 && tookMs < 10_000, `took ${tookMs} ms`)
  })

  test('takes as long for a unary answer, and knows how far it came when the client leaves', async () => {
    await using sim = await startSimulator({ tokens: 'bytes', reasoningTokens: 0, deltas: 50, tokensPerSecond: 100 })
    const signal = AbortSignal.timeout(200)
    await rejects(post(sim, { model: MODEL, input: 'hi' }, { signal }))
    await until(() => sim.truth()[0]?.endedAt !== undefined)
    const { outputTokens = 0, aborted, status } = sim.truth()[0] ?? {}
    ok(outputTokens > 0 && outputTokens < 50, `generated ${outputTokens}`)
    deepEqual([aborted, status], [true, 0])
  })
})
