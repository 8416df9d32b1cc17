import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { suite, test } from 'node:test'
import { startSimulator, type SimulatorOptions } from './simulator.ts'
import { at, hear, until } from './test-client.ts'

async function control(url: string, method: string, path: string, body?: string): Promise<readonly [number, unknown]> {
  const reply = await fetch(`${url}/simulator/${path}`, { method, ...(body === undefined ? {} : { body }) })
  return [reply.status, await reply.json()]
}

suite('a simulator', () => {
  test('listens on loopback only', async () => {
    for (const host of ['0.0.0.0', '192.0.2.1', 'example.com', '::']) {
      await rejects(startSimulator({ host }), { message: /^options\.host must be a loopback address/ })
    }
    await using sim = await startSimulator({ host: '::1' })
    equal((await fetch(`${sim.url}/v1/models`)).status, 401)
  })

  test('names the option that is wrong', async () => {
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ colour: 'red' }, /^options\.colour is not known/],
      [{ tokens: 'words' }, /^options\.tokens must be one of/],
      [{ keys: [{ secret: 'a', organization: 'b' }] }, /^keys\[\]\.project is missing/],
      [
        { rateLimit: { requestsPerMinute: 0 } },
        /^options\.rateLimit\.requestsPerMinute must be a whole number, 1 or more/,
      ],
    ]
    for (const [options, message] of wrong) await rejects(startSimulator(options), { name: 'TypeError', message })
    const twin: SimulatorOptions = { keys: ['a', 'b'].map((project) => ({ secret: 's', organization: 'o', project })) }
    await rejects(startSimulator(twin), /the secret "s" is there twice/)
  })

  test('sends the heads that the API sends, and those that a gateway has to keep back', async () => {
    await using sim = await startSimulator({ tokens: 'bytes' })
    const { headers } = await hear(sim)
    for (const name of ['openai-processing-ms', 'x-ratelimit-limit-requests', 'alt-svc', 'strict-transport-security']) {
      ok(headers.has(name), name)
    }
    equal(headers.getSetCookie().length, 2)
    deepEqual(
      ['openai-organization', 'openai-project', 'openai-version', 'openai-model'].map((name) => headers.get(name)),
      ['org-sim-a', 'proj_sim_a1', '2020-10-01', 'gpt-5.5'],
    )
    match(headers.get('x-request-id') ?? '', /^req_[0-9a-f]{48}$/)
    equal(sim.truth()[0]?.requestId, headers.get('x-request-id'))
  })

  test('keeps requests as they came, byte for byte', async () => {
    await using sim = await startSimulator({ tokens: 'bytes', keepRequests: 2 })
    const socket = connect(sim.port, '127.0.0.1')
    const body = '{ "model" : "gpt-5.5", "input": "h\u00e9" }'
    socket.write(
      `POST /v1/responses?a=b HTTP/1.1\r\nHost: x\r\nauthorization: Bearer sk-sim-beta\r\nX-Twice: 1\r\nx-twice: 2\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    await once(socket, 'data')
    const [kept] = sim.requests()
    deepEqual(kept?.rawHeaders.slice(4, 8), ['X-Twice', '1', 'x-twice', '2'])
    deepEqual([kept?.url, kept?.body.toString(), kept?.remotePort], ['/v1/responses?a=b', body, socket.localPort])
    ok(!JSON.stringify(sim.truth()).includes('sk-sim-beta'))
    socket.destroy()
    for (let i = 0; i < 3; i++) await hear(sim)
    equal(sim.requests().length, 2)
  })

  test('answers an upgrade to WebSocket with 426 when it is not to speak it', async () => {
    await using sim = await startSimulator({ webSockets: false })
    const socket = connect(sim.port, '127.0.0.1')
    socket.write(
      'GET /v1/responses HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-sim-beta\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    )
    const [head] = await once(socket, 'data')
    match(String(head), /^HTTP\/1\.1 426 /)
    socket.destroy()
  })

  test('is steered over HTTP as well', async () => {
    await using sim = await startSimulator({ tokens: 'bytes' })
    deepEqual(await control(sim.url, 'POST', 'faults', '[{"status":500},{"status":502}]'), [200, { added: 2 }])
    equal((await hear(sim)).status, 500)
    await control(sim.url, 'DELETE', 'faults')
    equal((await hear(sim)).status, 200)
    const [, truth] = await control(sim.url, 'GET', 'truth')
    deepEqual([at(truth, 0, 'status'), at(truth, 1, 'status')], [500, 200])
    const [, requests] = await control(sim.url, 'GET', 'requests')
    match(Buffer.from(String(at(requests, 1, 'body')), 'base64').toString(), /^\{"model"/)
    ok(Number(at((await control(sim.url, 'GET', 'connections'))[1], 'open')) >= 1)
    await control(sim.url, 'DELETE', 'truth')
    deepEqual([sim.truth(), sim.requests()], [[], []])
  })

  test('adds none of the faults when one of them is wrong, and says which field', async () => {
    await using sim = await startSimulator({ tokens: 'bytes' })
    const [status, answer] = await control(sim.url, 'POST', 'faults', '[{"status":500},{"sttaus":502}]')
    equal(status, 400)
    match(String(at(answer, 'error')), /^fault\.sttaus is not known/)
    equal((await hear(sim)).status, 200)
    equal((await control(sim.url, 'GET', 'nothing'))[0], 404)
  })

  test('counts open connections and ends them when it is closed', async () => {
    const sim = await startSimulator({ tokens: 'bytes' })
    const socket = connect(sim.port, '127.0.0.1')
    await until(() => sim.openConnections() === 1)
    const gone = once(socket, 'close')
    await sim.close()
    await gone
    await sim.close()
    equal(sim.openConnections(), 0)
  })

  test('takes no notice of a client that leaves in the middle of its body', async () => {
    await using sim = await startSimulator({ tokens: 'bytes' })
    const socket = connect(sim.port, '127.0.0.1')
    socket.write(
      'POST /v1/responses HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-sim-beta\r\nContent-Length: 99\r\n\r\n{',
    )
    await until(() => sim.truth().length === 1)
    socket.destroy()
    await until(() => sim.truth()[0]?.aborted === true)
    equal((await hear(sim)).status, 200)
  })
})
