import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { connected, head, type Raw } from '../support/raw.ts'
import { startStand, until } from '../support/stand.ts'
import { ask, turn, type Ask } from '../support/wire.ts'

const SIMULATOR = { text: 'Hello.', reasoningTokens: 0, tokens: 'bytes' } as const

/** The head and the body of a request, as bytes for a bare connection. */
function bytesOf({ headers = [], body = '' }: Ask, ...more: readonly string[]): string {
  const lines = headers.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${headers[i + 1]}`] : []))
  return head('POST /v1/responses', ...lines, ...more, `content-length: ${body.length}`) + String(body)
}

const heads = (text: string): readonly string[] => text.match(/HTTP\/1\.1 \d+/g) ?? []

/** A whole answer of the gateway's own, and the end of the connection. */
async function expectRefused(raw: Raw, status: string, words: RegExp): Promise<void> {
  await raw.closed
  const [, first, lines = '', body = ''] = /^HTTP\/1\.1 ([^\r]*)\r\n([^]*?)\r\n\r\n([^]*)$/.exec(raw.text()) ?? []
  equal(first, status, raw.text())
  const headers = new Map(lines.split('\r\n').map((line) => line.toLowerCase().split(': ') as [string, string]))
  match(headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/)
  deepEqual(
    ['connection', 'content-type', 'content-length'].map((name) => headers.get(name)),
    ['close', 'application/json', String(Buffer.byteLength(body))],
  )
  const { error } = JSON.parse(body) as { error: Record<string, unknown> }
  match(String(error['message']), words)
  deepEqual(error, {
    message: error['message'],
    type: 'invalid_request_error',
    code: 'invalid_request',
    param: null,
  })
}

suite('a request that cannot be read', { concurrency: 4 }, () => {
  test('for the size of its head is told so', async () => {
    await using on = await startStand({ toml: '[limits]\nmax_header_bytes = 8192\n' })
    using raw = await connected(on.url)
    raw.write(head('GET /healthz', `x-long: ${'x'.repeat(9000)}`))
    await expectRefused(raw, '431 Request Header Fields Too Large', /head of the request is larger/)
  })

  test('because it is no HTTP is told so, also behind one that was answered', async () => {
    await using on = await startStand()
    for (const garbage of ['\u0016\u0003\u0001\u0002\u0000', 'hello\r\n\r\n', 'GET / HTTP/1.1\r\nbad header\r\n\r\n']) {
      using raw = await connected(on.url)
      raw.write(Buffer.from(garbage, 'latin1'))
      await expectRefused(raw, '400 Bad Request', /not readable as HTTP\/1\.1/)
    }
    using raw = await connected(on.url)
    raw.write(head('GET /healthz'))
    await raw.sees(/\r\n0\r\n\r\n$/)
    raw.write('garbage\r\n\r\n')
    await raw.closed
    match(raw.text(), /^HTTP\/1\.1 200 [^]*\r\n0\r\n\r\nHTTP\/1\.1 400 [^]*\}$/)
  })

  test('because its body is chunked in a broken way is told so, and keeps no place', async () => {
    await using on = await startStand({ member: { maxConcurrent: 1 }, simulator: SIMULATOR })
    const { headers = [] } = turn(on.key)
    const lines = headers.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${headers[i + 1]}`] : []))
    using raw = await connected(on.url)
    raw.write(head('POST /v1/responses', ...lines, 'transfer-encoding: chunked'), '3\r\n{"a\r\nZZ\r\n')
    await expectRefused(raw, '400 Bad Request', /not readable as HTTP\/1\.1/)
    match((await ask(on.url, turn(on.key))).text, /response\.completed/)
  })

  test('puts nothing into an answer that has begun, and ends it', async () => {
    await using on = await startStand({ simulator: SIMULATOR })
    on.simulator.script({ stall: { afterEvents: 3 } })
    using raw = await connected(on.url)
    raw.write(bytesOf(turn(on.key)))
    await raw.sees(/response\.in_progress[^]*\n\n/)
    const before = raw.text()
    raw.write('garbage\r\n\r\n')
    await raw.closed
    ok(raw.text().startsWith(before))
    deepEqual(heads(raw.text()), ['HTTP/1.1 200'])
    ok(!/invalid_request|Bad Request/.test(raw.text()), raw.text())
    const [row] = await on.settled()
    equal(row?.ending, 'client-left')
  })
})

suite('a request that is a little unusual', { concurrency: 4 }, () => {
  test('in what it expects is served', async () => {
    await using on = await startStand({ simulator: SIMULATOR })
    using raw = await connected(on.url)
    raw.write(bytesOf(turn(on.key), 'expect: something-else'))
    await raw.sees(/response\.completed/)
    deepEqual(heads(raw.text()), ['HTTP/1.1 200'])
  })

  test('in being sent before the answer to the one before has its own time', async () => {
    const toml = '[limits]\nclient_stall_secs = 0.5\n'
    await using on = await startStand({ toml, simulator: SIMULATOR })
    on.simulator.script({ headDelayMs: 200 })
    on.simulator.script({ headDelayMs: 2000 })
    using raw = await connected(on.url)
    raw.write(bytesOf(turn(on.key)))
    await until(() => on.simulator.truth()[0])
    raw.write(bytesOf(turn(on.key)))
    await raw.sees(/event: response\.completed[^]*event: response\.completed/, 8000)
    deepEqual(heads(raw.text()), ['HTTP/1.1 200', 'HTTP/1.1 200'])
    deepEqual(
      (await on.settled()).map(({ ending }) => ending),
      ['complete', 'complete'],
    )
  })
})
