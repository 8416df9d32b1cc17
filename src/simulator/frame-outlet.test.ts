import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import { startSimulator, type Simulator } from './simulator.ts'
import { at, hear, MODEL, until } from './test-client.ts'
import { call, types } from './test-socket.ts'

const TURN = { type: 'response.create', model: MODEL, input: 'hi' }

/** 12 events of which 4 are deltas, each delta one token. */
function simulator(): Promise<Simulator> {
  return startSimulator({ tokens: 'bytes', reasoningTokens: 0, text: 'one two six ten' })
}

suite('a turn over WebSocket that is to fail', () => {
  test('is answered with an error frame of the status, body and headers', async () => {
    await using sim = await simulator()
    await using caller = await call(sim)
    const error = { type: 'usage_limit_reached', message: 'spent', resets_at: 5 }
    sim.script({ status: 429, body: { error }, headers: { 'retry-after': '2', 'x-twice': ['a', 'b'] } })
    sim.script({ status: 503, body: 'busy' })
    const headers = { 'retry-after': '2', 'x-twice': 'a, b' }
    deepEqual(await caller.ask(), [{ type: 'error', status: 429, error, headers }])
    deepEqual(at(await caller.ask(), 0), {
      type: 'error',
      status: 503,
      error: { message: 'busy', type: 'server_error', param: null, code: null },
    })
    equal((await caller.ask()).length, 12)
    deepEqual(
      sim.truth().map((turn) => [turn.status, turn.faulted, turn.terminal, turn.terminalType, turn.inputTokens]),
      [
        [429, true, true, 'error', 0],
        [503, true, true, 'error', 0],
        [200, false, true, 'response.completed', 2],
      ],
    )
  })

  test('is told apart from requests over HTTP', async () => {
    await using sim = await simulator()
    await using caller = await call(sim)
    sim.script({ on: 'turn', status: 500 })
    sim.script({ on: 'request', status: 502 })
    equal((await hear(sim)).status, 502)
    equal(at(await caller.ask(), 0, 'status'), 500)
  })

  test('gets any frame in place of its answer, or of the rest of it, or between events', async () => {
    await using sim = await simulator()
    await using caller = await call(sim)
    const json = { type: 'error', error: { code: 'websocket_connection_limit_reached' } }
    sim.script({ frame: { json: { ...json, status: 400 } } })
    sim.script({ frame: { json, afterEvents: 5 } })
    sim.script({ frame: { json: { type: 'codex.rate_limits' }, afterEvents: 2, goOn: true } })
    deepEqual(await caller.ask(), [{ ...json, status: 400 }])
    const cut = await caller.ask()
    deepEqual([cut.length, cut.at(-1)], [6, json])
    deepEqual(types((await caller.ask()).slice(1, 4)), [
      'response.in_progress',
      'codex.rate_limits',
      'response.output_item.added',
    ])
    await until(() => sim.truth().every((turn) => turn.endedAt !== undefined))
    deepEqual(
      sim.truth().map((turn) => [turn.status, turn.terminalType, turn.outputTokens, turn.aborted]),
      [
        [400, 'error', 0, false],
        [200, 'error', 1, false],
        [200, 'response.completed', 4, false],
      ],
    )
  })

  test('loses its connection by reset: before the first frame, after so many, or inside of one', async () => {
    await using sim = await simulator()
    const whole = JSON.stringify((await hear(sim)).events[0]).length
    sim.script({ reset: 'before-head' })
    sim.script({ reset: { afterEvents: 6 } })
    sim.script({ reset: { afterBytes: whole + 10 } })
    for (const [i, frames] of [0, 6, 1].entries()) {
      await using caller = await call(sim)
      caller.say(TURN)
      equal((await caller.closed).code, 1006)
      equal(caller.raw.length, frames)
      const turn = sim.truth()[i + 1]
      deepEqual([turn?.eventsSent, turn?.terminal, turn?.aborted], [frames, false, false])
      deepEqual([turn?.inputTokens, turn?.status], [2, i === 0 ? 0 : 200])
    }
  })

  test('is cut by a close frame after so many events, after the last one, or without a code', async () => {
    await using sim = await simulator()
    sim.script({ close: { code: 1011, reason: 'sorry', afterEvents: 7 } })
    sim.script({ close: { code: 1012 } })
    sim.script({ close: { afterEvents: 0 } })
    const expected = [
      [{ code: 1011, reason: 'sorry' }, 7, undefined, 3],
      [{ code: 1012, reason: '' }, 12, 'response.completed', 4],
      [{ code: 1005, reason: '' }, 0, undefined, 0],
    ] as const
    for (const [i, [closed, frames, terminalType, outputTokens]] of expected.entries()) {
      await using caller = await call(sim)
      caller.say(TURN)
      deepEqual(await caller.closed, closed)
      equal(caller.raw.length, frames)
      const turn = sim.truth()[i]
      deepEqual([turn?.terminalType, turn?.outputTokens, turn?.aborted], [terminalType, outputTokens, false])
      ok(turn?.endedAt !== undefined)
    }
  })

  test('ends without its terminal event', async () => {
    await using sim = await simulator()
    await using caller = await call(sim)
    sim.script({ endAfterEvents: 7 })
    caller.say(TURN)
    equal((await caller.closed).code, 1000)
    deepEqual([caller.raw.length, sim.truth()[0]?.terminal, sim.truth()[0]?.aborted], [7, false, false])
  })

  test('stalls for a while, or until the client leaves', async () => {
    await using sim = await simulator()
    await using caller = await call(sim)
    sim.script({ stall: { afterEvents: 3, ms: 50 } })
    sim.script({ stall: { afterEvents: 5 } })
    const started = performance.now()
    equal((await caller.ask()).length, 12)
    ok(performance.now() - started >= 48)
    caller.say(TURN)
    await until(() => sim.truth()[1]?.eventsSent === 5)
    const pong = once(caller.webSocket, 'pong')
    caller.webSocket.ping()
    await pong
    equal(sim.truth()[1]?.endedAt, undefined)
    caller.webSocket.terminate()
    await until(() => sim.truth()[1]?.endedAt !== undefined)
    deepEqual([sim.truth()[1]?.aborted, sim.truth()[1]?.outputTokens], [true, 1])
  })

  test('gets garbage as text, as bytes, or past the framing', async () => {
    await using sim = await simulator()
    await using caller = await call(sim)
    sim.script({ garbage: { afterEvents: 2, text: '"a string"' } })
    sim.script({ garbage: { afterEvents: 2 } })
    sim.script({ garbage: { afterEvents: 2, raw: true } })
    equal((await caller.ask()).length, 12)
    equal(caller.raw[2], '"a string"')
    let binary = 0
    caller.webSocket.on('message', (_, isBinary) => (binary += Number(isBinary)))
    equal((await caller.ask()).length, 12)
    equal(binary, 1)
    caller.say(TURN)
    const [error] = await once(caller.webSocket, 'error')
    match(String(error), /Invalid WebSocket frame/)
  })

  test('gets a giant frame of exactly so many bytes, and goes on', async () => {
    await using sim = await simulator()
    await using caller = await call(sim)
    const bytes = 3_000_000
    sim.script({ giant: { afterEvents: 2, bytes } })
    const frames = await caller.ask()
    deepEqual([frames.length, caller.raw[2]?.length, frames[2]?.['type']], [13, bytes, 'simulator.giant'])
    equal(sim.truth()[0]?.eventsSent, 12)
  })

  test('ends as it is told to, and says what it is told to say', async () => {
    await using sim = await simulator()
    await using caller = await call(sim)
    sim.script({ ending: { type: 'response.failed', code: 'rate_limit_exceeded', afterEvents: 6 } })
    sim.script({ ending: { type: 'response.incomplete', afterEvents: 5 } })
    sim.script({ ending: { type: 'error', message: 'oops', afterEvents: 0 } })
    sim.script({ omitUsage: true, serviceTier: 'flex', replyModel: 'gpt-other', eventDelayMs: 3, headDelayMs: 20 })
    equal(at(await caller.ask(), -1, 'response', 'error', 'code'), 'rate_limit_exceeded')
    const incomplete = await caller.ask()
    equal(at(incomplete, -1, 'response', 'usage', 'output_tokens'), 1)
    const previous_response_id = at(incomplete, -1, 'response', 'id')
    deepEqual(at(await caller.ask({ previous_response_id }), -1, 'message'), 'oops')
    const started = performance.now()
    const response = at(await caller.ask(), -1, 'response')
    ok(performance.now() - started >= 50)
    deepEqual([at(response, 'usage'), at(response, 'service_tier'), at(response, 'model')], [null, 'flex', 'gpt-other'])
    deepEqual(
      sim.truth().map((turn) => [turn.terminal, turn.usageStated, turn.outputTokens, turn.serviceTier]),
      [
        [true, false, 2, 'default'],
        [true, true, 1, 'default'],
        [true, false, 0, 'default'],
        [true, false, 4, 'flex'],
      ],
    )
  })

  test('waits for a client that does not read, and is aborted when that leaves', async () => {
    await using sim = await startSimulator({ tokens: 'bytes', reasoningTokens: 0, deltas: 200_000 })
    await using caller = await call(sim)
    caller.webSocket.pause()
    caller.say(TURN)
    let sent = -1
    await until(() => sim.truth()[0]?.status === 200)
    while (sent !== sim.truth()[0]?.eventsSent) {
      sent = sim.truth()[0]?.eventsSent ?? 0
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    ok(sent > 0 && sent < 200_000, `sent ${sent}`)
    caller.webSocket.terminate()
    await until(() => sim.truth()[0]?.endedAt !== undefined)
    deepEqual([sim.truth()[0]?.aborted, sim.truth()[0]?.terminal], [true, false])
  })
})
