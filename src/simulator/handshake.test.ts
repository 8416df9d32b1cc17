import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { suite, test } from 'node:test'
import { startSimulator, type Simulator } from './simulator.ts'
import { at, hear, until } from './test-client.ts'
import { call, clientOf, refused } from './test-socket.ts'

const REALTIME = '/v1/realtime?model=gpt-realtime'

function simulator(): Promise<Simulator> {
  return startSimulator({ tokens: 'bytes', reasoningTokens: 0, text: 'one two' })
}

suite('a WebSocket handshake', () => {
  test('is answered with the headers of an HTTP answer', async () => {
    await using sim = await simulator()
    const { headers } = await hear(sim)
    await using responses = await call(sim)
    await using realtime = await call(sim, { path: REALTIME })
    const besides = ['content-type', 'connection', 'keep-alive', 'transfer-encoding', 'openai-model']
    const names = [...new Set(headers.keys())].filter((name) => !besides.includes(name))
    for (const caller of [responses, realtime]) {
      deepEqual(
        names.filter((name) => caller.headers[name] === undefined),
        [],
      )
      deepEqual(
        ['openai-organization', 'openai-project', 'openai-version'].map((name) => caller.headers[name]),
        ['org-sim-a', 'proj_sim_a1', '2020-10-01'],
      )
      match(String(caller.headers['x-request-id']), /^req_[0-9a-f]{48}$/)
      equal(caller.headers['set-cookie']?.length, 2)
      equal(caller.headers['openai-model'], undefined)
    }
  })

  test('accepts no compression, and the subprotocol realtime where it is offered', async () => {
    await using sim = await simulator()
    await using responses = await call(sim)
    await using realtime = await call(sim, { path: REALTIME, protocols: ['other', 'realtime'] })
    deepEqual([responses.webSocket.extensions, responses.webSocket.protocol], ['', ''])
    deepEqual([realtime.webSocket.extensions, realtime.webSocket.protocol], ['', 'realtime'])
  })

  test('is refused as HTTP would refuse, with a JSON body', async () => {
    await using sim = await simulator()
    const code = async (opening: Parameters<typeof refused>[1]): Promise<readonly unknown[]> => {
      const { status, headers, body } = await refused(sim, opening)
      equal(headers['content-type'], 'application/json')
      const error = at(JSON.parse(body), 'error')
      return [status, at(error, 'code'), at(error, 'type')]
    }
    const kind = 'invalid_request_error'
    deepEqual(await code({ key: 'sk-nobody' }), [401, 'invalid_api_key', kind])
    deepEqual(await code({ headers: { 'openai-project': 'other' } }), [401, 'mismatched_project', kind])
    deepEqual(await code({ path: '/v1/realtime' }), [400, 'missing_model', kind])
    deepEqual(await code({ path: '/v1/realtime?model=gpt-none' }), [404, 'model_not_found', kind])
    deepEqual(
      sim.truth().map((one) => [one.transport, one.connection, one.status, one.terminal, one.terminalType, one.key]),
      [
        ['ws', undefined, 401, true, 'body', undefined],
        ['ws', undefined, 401, true, 'body', 'alpha'],
        ['ws', undefined, 400, true, 'body', 'alpha'],
        ['ws', undefined, 404, true, 'body', 'alpha'],
      ],
    )
    deepEqual([sim.requests().length, sim.webSockets().length], [4, 0])
  })

  test('is refused with the status, body and headers of a fault that is on handshakes', async () => {
    await using sim = await simulator()
    const body = { error: { type: 'usage_limit_reached', resets_at: 5 } }
    sim.script({ on: 'handshake', status: 429, body, headers: { 'retry-after': '7' } })
    sim.script({ on: 'handshake', status: 426, body: 'no' })
    equal((await hear(sim)).status, 200)
    const json = await refused(sim)
    deepEqual([json.status, json.headers['retry-after'], JSON.parse(json.body)], [429, '7', body])
    const text = await refused(sim)
    deepEqual([text.status, text.headers['content-type'], text.body], [426, 'text/plain', 'no'])
    await using caller = await call(sim)
    equal(at(await caller.ask(), -1, 'type'), 'response.completed')
    deepEqual(
      sim.truth().map((one) => [one.status, one.faulted]),
      [
        [200, false],
        [429, true],
        [426, true],
        [200, false],
      ],
    )
  })

  test('is met by faults for its path, its model and its key, and by no other fault', async () => {
    await using sim = await simulator()
    sim.script({ status: 500 })
    sim.script({ on: 'handshake', path: '/v1/realtime', model: 'gpt-realtime', key: 'beta', status: 503 })
    await using _ = await call(sim, { path: REALTIME })
    await using caller = await call(sim, { key: 'sk-sim-beta' })
    equal((await refused(sim, { path: REALTIME, key: 'sk-sim-beta' })).status, 503)
    equal(at(await caller.ask(), -1, 'status'), 500)
  })

  test('says what is scripted when it succeeds, and is closed at once if that is', async () => {
    await using sim = await simulator()
    const headers = { 'openai-model': 'gpt-other', server: 'mine' }
    sim.script({ on: 'handshake', headers, close: { code: 1012, reason: 'restart' } })
    await using caller = await call(sim)
    deepEqual([caller.headers['openai-model'], caller.headers['server']], ['gpt-other', 'mine'])
    deepEqual(await caller.closed, { code: 1012, reason: 'restart' })
  })

  test('is held back, and given up when the client leaves meanwhile', async () => {
    await using sim = await simulator()
    sim.script({ on: 'handshake', headDelayMs: 60 })
    const started = performance.now()
    await using caller = await call(sim)
    ok(performance.now() - started >= 58)
    equal(at(await caller.ask(), -1, 'type'), 'response.completed')

    sim.script({ on: 'handshake', headDelayMs: 30_000 })
    const leaving = clientOf(sim, {})
    leaving.on('error', () => {})
    await until(() => sim.openConnections() === 2)
    leaving.terminate()
    await until(() => sim.openConnections() === 1)
  })

  test('is reset', async () => {
    await using sim = await simulator()
    sim.script({ on: 'handshake', reset: 'before-head' })
    await rejects(call(sim), { code: 'ECONNRESET' })
  })

  test('takes a first frame that came right behind it', async () => {
    await using sim = await simulator()
    const socket = connect(sim.port, '127.0.0.1')
    const frame = Buffer.from('{"type":1}')
    const masked = Buffer.concat([Buffer.of(0x81, 0x80 | frame.length, 0, 0, 0, 0), frame])
    const lines = ['GET /v1/responses HTTP/1.1', 'Host: x', 'Authorization: Bearer sk-sim-beta', 'Connection: Upgrade']
    lines.push('Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', '', '')
    socket.write(Buffer.concat([Buffer.from(lines.join('\r\n')), masked]))
    await until(() => sim.frames().length === 1)
    equal(sim.frames()[0]?.text, '{"type":1}')
    socket.destroy()
  })

  test('for any other path is an ordinary request', async () => {
    await using sim = await simulator()
    equal((await refused(sim, { path: '/v1/nothing' })).status, 404)
    equal((await refused(sim, { path: '/v1/responses/compact' })).status, 426)
    const socket = connect(sim.port, '127.0.0.1')
    socket.write(
      'GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-sim-beta\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
    )
    match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200 /)
    socket.destroy()
  })
})
