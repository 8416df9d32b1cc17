import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { suite, test } from 'node:test'
import { connected, head } from '../support/raw.ts'
import { refusedTalk, toldNo } from '../support/socket-client.ts'
import { startStand } from '../support/stand.ts'
import { wired } from '../support/wired.ts'

const VERSION = 'sec-websocket-version: 13'
const KEY = 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=='

interface Asked {
  readonly line?: string
  readonly headers?: readonly string[]
}

/** What a handshake is answered, written by hand; a WebSocket that comes of it is left at once. */
async function answerTo(
  url: string,
  key: string,
  { line = 'GET /v1/responses', headers = [] }: Asked,
): Promise<string> {
  using raw = await connected(url)
  const own = [`authorization: Bearer ${key}`, 'originator: codex_exec', 'session-id: t']
  raw.write(Buffer.from(head(line, ...own, 'connection: Upgrade', 'upgrade: websocket', ...headers), 'latin1'))
  return await raw.sees(/\r\n\r\n(?:.*\}|$)/s)
}

/** An upstream whose 101 has these lines, in bytes. */
async function rawUpstream(...lines: readonly string[]) {
  const handshakes: IncomingMessage[] = []
  const http = createServer()
  http.on('upgrade', (request, connection) => {
    handshakes.push(request)
    // All that comes is the end of it.
    connection.on('error', () => undefined).once('data', () => connection.destroy())
    const digest = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    const own = ['upgrade: websocket', 'connection: upgrade', `sec-websocket-accept: ${digest}`]
    connection.write(Buffer.from(`HTTP/1.1 101 S\r\n${[...own, ...lines].join('\r\n')}\r\n\r\n`, 'latin1'))
  })
  await once(http.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`,
    handshakes,
    [Symbol.asyncDispose]: async () => {
      http.close()
      http.closeAllConnections()
    },
  }
}

suite('the handshake of a WebSocket', { concurrency: 4 }, () => {
  test('is refused, and goes nowhere, where it is not one of RFC 6455', async () => {
    await using line = await wired()
    const { on, up } = line
    const bad: readonly Asked[] = [
      { headers: [VERSION] },
      { headers: [VERSION, 'sec-websocket-key: abc'] },
      { headers: ['sec-websocket-version: 7', KEY] },
      { headers: [KEY] },
      { line: 'POST /v1/responses', headers: [VERSION, KEY] },
      { line: 'GET /v1/responses?a#b', headers: [VERSION, KEY] },
      { headers: [VERSION, KEY, 'sec-websocket-protocol: a, a'] },
      { headers: [VERSION, KEY, 'sec-websocket-protocol: a', 'sec-websocket-protocol: a'] },
      { headers: [VERSION, KEY, 'sec-websocket-protocol: a b'] },
      { headers: [VERSION, KEY, 'sec-websocket-protocol: '] },
      { headers: [VERSION, KEY, 'sec-websocket-protocol: a,'] },
    ]
    for (const asked of bad) {
      const [begin = '', body = ''] = (await answerTo(on.url, on.key, asked)).split('\r\n\r\n')
      match(begin, /^HTTP\/1\.1 400 Bad Request\r\n/, JSON.stringify(asked))
      match(begin, /\r\nsec-websocket-version: 13(?:\r\n|$)/)
      const { error } = JSON.parse(body) as { error: { type: string; code: string; message: string } }
      deepEqual([error.type, error.code], ['invalid_request_error', 'invalid_request'])
      match(error.message, /^This is no WebSocket handshake: its /)
    }
    equal(up.handshakes.length, 0)
    deepEqual(
      on.log.filter((entry) => /^(?:error|warn)|upstream try/.test(entry)),
      [],
    )
  })

  test('has the subprotocol that upstream chose, or none, and no key is blamed for either', async () => {
    for (const [chosen, seen] of [
      [['sec-websocket-protocol: b'], /\r\nsec-websocket-protocol: b\r\n/i],
      [[], /^(?!.*sec-websocket-protocol)/is],
    ] as const) {
      await using up = await rawUpstream(...chosen)
      await using on = await startStand({ toml: `[routes]\nwebsocket = true\n[upstream]\nws_base_url = "${up.url}"\n` })
      for (let i = 0; i < 4; i++) {
        const headers = [VERSION, KEY, 'sec-websocket-protocol: a', 'Sec-WebSocket-Protocol: b , c']
        const told = await answerTo(on.url, on.key, { headers })
        match(told, /^HTTP\/1\.1 101 /)
        match(told, seen)
        equal(up.handshakes[i]?.headers['sec-websocket-protocol'], 'a, b , c')
      }
      deepEqual(
        on.log.filter((entry) => /upstream (?:try|key)/.test(entry)),
        [],
      )
    }
  })

  test('passes headers both ways byte for byte, whatever their names', async () => {
    await using up = await rawUpstream('x-caf: caf\xe9 \xc3\xa9', 'X-Twice: 1', 'x-twice: 2')
    await using on = await startStand({ toml: `[routes]\nwebsocket = true\n[upstream]\nws_base_url = "${up.url}"\n` })
    const odd = ['X-A: 1', 'constructor: q', 'x-a: 2', '__proto__: p', 'x-caf: caf\xe9 \xc3\xa9']
    const told = await answerTo(on.url, on.key, { headers: [VERSION, KEY, ...odd] })
    match(told, /\r\nx-caf: caf\xe9 \xc3\xa9\r\nX-Twice: 1\r\nx-twice: 2\r\n/)
    const raw = up.handshakes[0]?.rawHeaders ?? []
    const sent = raw.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${raw[i + 1]}`] : []))
    deepEqual(
      sent.filter((text) => /^(?:x-|constructor|__proto__)/i.test(text)),
      ['X-A: 1', 'X-A: 2', 'constructor: q', '__proto__: p', 'x-caf: caf\xe9 \xc3\xa9'],
    )
  })

  test('that upstream refuses stands in the ledger, and has the call’s id and the member’s windows', async () => {
    await using line = await wired({ member: { fiveHourQuota: 10n ** 12n } })
    const { on, up } = line
    const ids = []
    for (const headers of [{}, { 'x-request-id': 'req_up' }]) {
      up.refusal = () => ({ status: 404, headers, body: '{"error":{"message":"no"}}' })
      const refused = await refusedTalk(on.url, on.key)
      deepEqual([refused.status, refused.header('x-codex-primary-used-percent')], [404, '0'])
      ids.push(refused.header('x-request-id'))
    }
    equal(ids[1], 'req_up')
    ok(ids[0])
    deepEqual(
      (await on.settled()).map(({ status, refusal, transport, requestId, credits }) => [
        status,
        refusal,
        transport,
        requestId,
        credits,
      ]),
      ids.toReversed().map((id) => [404, 'upstream_error', 'ws', id, 0n]),
    )
  })

  test('that hangs upstream sends Codex on to HTTP at once, and counts against the key', async () => {
    const sockets = new Set<Socket>()
    const silent = createTcpServer((socket) => sockets.add(socket.on('error', () => undefined)))
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    const { port } = silent.address() as AddressInfo
    await using on = await startStand({ toml: `[upstream]\nws_base_url = "ws://127.0.0.1:${port}"\n` })
    try {
      equal((await refusedTalk(on.url, on.key)).status, 426)
      const [line = '', ...more] = on.log.filter((entry) => entry.includes('upstream try failed'))
      match(line, /"upstream":"alpha","error_class":"timeout"/)
      deepEqual([more, (await on.settled()).map(({ refusal }) => refusal)], [[], ['upgrade_refused']])
    } finally {
      for (const socket of sockets) socket.destroy()
      silent.close()
    }
  })

  test('sends Codex on to HTTP where no upstream key is for WebSocket, and writes nothing down', async () => {
    await using line = await wired({ upstreams: [{ name: 'alpha', ws: false }] })
    const refused = await refusedTalk(line.on.url, line.on.key)
    deepEqual([refused.status, JSON.parse(refused.text).error.code], [426, 'upgrade_refused'])
    deepEqual(await line.on.calls(), [])
    const realtime = await toldNo(line.on.url, line.on.key, { path: '/v1/realtime?model=gpt-realtime' })
    equal(realtime.code, 'model_not_found')
  })
})
