import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import { startSimulator } from './simulator.ts'
import { at, MODEL, until } from './test-client.ts'
import { call } from './test-socket.ts'

const PLAIN = { tokens: 'bytes', reasoningTokens: 0, text: 'one two' } as const

suite('a WebSocket connection', () => {
  test('is told when it has reached its age, between turns and in one, and is closed with 1000', async () => {
    await using sim = await startSimulator({ ...PLAIN, wsMaxAgeMs: 300, deltas: 500, eventDelayMs: 5 })
    await using idle = await call(sim)
    await using busy = await call(sim)
    const frames = await busy.ask()
    deepEqual(
      [await idle.closed, await busy.closed].map(({ code }) => code),
      [1000, 1000],
    )
    deepEqual(idle.frames, [
      {
        type: 'error',
        status: 400,
        error: {
          message:
            'Responses websocket connection limit reached (60 minutes). Create a new websocket connection to continue.',
          type: 'invalid_request_error',
          param: null,
          code: 'websocket_connection_limit_reached',
        },
      },
    ])
    deepEqual(frames.at(-1), idle.frames[0])
    const [turn] = sim.truth()
    deepEqual([turn?.terminal, turn?.terminalType, turn?.aborted, turn?.status], [true, 'error', false, 400])
    ok(turn?.endedAt !== undefined && turn.outputTokens < 500)
  })

  test('answers pings', async () => {
    await using sim = await startSimulator(PLAIN)
    await using caller = await call(sim)
    const pong = once(caller.webSocket, 'pong')
    caller.webSocket.ping('are you there')
    equal(String((await pong)[0]), 'are you there')
  })

  test('is kept in the books: its handshake, its frames, and how it ended', async () => {
    await using sim = await startSimulator({ ...PLAIN, keepFrames: 2 })
    const caller = await call(sim, { headers: { 'session-id': 's' } })
    await caller.ask({ input: 'one' })
    await caller.ask({ input: 'two' })
    caller.webSocket.send(Buffer.from('three'))
    await caller.heard('error')
    caller.webSocket.close(3001, 'enough')
    await caller.closed
    const [handshake] = sim.requests()
    deepEqual([handshake?.method, handshake?.url, handshake?.body.length], ['GET', '/v1/responses', 0])
    ok(handshake?.rawHeaders.includes('session-id'))
    deepEqual(
      sim.frames().map(({ connection, text, binary }) => [connection, text, binary]),
      [
        [1, JSON.stringify({ type: 'response.create', model: MODEL, input: 'two' }), false],
        [1, Buffer.from('three').toString('base64'), true],
      ],
    )
    await until(() => sim.webSockets()[0]?.closedAt !== undefined)
    const [ended] = sim.webSockets()
    deepEqual([ended?.key, ended?.closeCode, ended?.closeReason], ['alpha', 3001, 'enough'])
    const shown: unknown = await (await fetch(`${sim.url}/simulator/frames`)).json()
    equal(at(shown, 0, 'connection'), 1)
    sim.clear()
    deepEqual([sim.frames(), sim.webSockets(), sim.requests()], [[], [], []])
  })

  test('counts as open while it is, and is ended when the simulator is closed', async () => {
    const sim = await startSimulator(PLAIN)
    await using one = await call(sim)
    await using other = await call(sim)
    equal(sim.openConnections(), 2)
    one.webSocket.close()
    await one.closed
    await until(() => sim.openConnections() === 1)
    await sim.close()
    notEqual((await other.closed).code, 1000)
    equal(sim.openConnections(), 0)
  })
})
