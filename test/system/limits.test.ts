import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { allRead, connected, head, type Raw } from '../support/raw.ts'
import { lockLedger } from '../support/ledger-file.ts'
import { startStand, until } from '../support/stand.ts'
import { ask, failureIn, turn } from '../support/wire.ts'

const LIMITS = `[limits]
max_body_bytes = 100000
max_decompressed_bytes = 1000000
`

const CODEX = 'originator: codex_exec'
const json = (key: string): string[] => [`authorization: Bearer ${key}`, CODEX, 'content-type: application/json']
const POST = 'POST /v1/responses'
const UPGRADE = head(
  'GET /v1/responses',
  'connection: upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
)

suite('a stranger', { concurrency: 4 }, () => {
  test('is refused before its body is asked for', async () => {
    await using on = await startStand()
    using raw = await connected(on.url)
    raw.write(head(POST, 'authorization: Bearer nonsense', 'expect: 100-continue', 'content-length: 5000'))
    await raw.sees(/\r\n\r\n\{/)
    match(raw.text(), /^HTTP\/1\.1 401 /)
    ok(!raw.text().includes('100 Continue'))
    // Whatever comes next on this connection could be the body or not: it must not be read as a request.
    await raw.closed
  })

  test('who uploads 100 MB all the same hears of it early', async () => {
    await using on = await startStand()
    using raw = await connected(on.url)
    raw.write(head(POST, 'authorization: Bearer nonsense', 'content-length: 100000000'))
    let sent = 0
    const piece = Buffer.alloc(1_000_000)
    while (sent < 100_000_000 && !raw.text().endsWith('}') && !raw.socket.destroyed) {
      raw.write(piece)
      sent += piece.length
      await sleep(1)
    }
    match(raw.text(), /^HTTP\/1\.1 401 [^]*"code":"unauthorized"/)
    ok(sent < 50_000_000, `${sent} bytes were sent`)
    await raw.closed
  })
})

suite('whatever a member sizes has a limit', { concurrency: 4 }, () => {
  // Nothing else goes on in this process while they are made.
  const bomb = Buffer.alloc(50_000_000, 0x20)
  const bombs = [['zstd', zstdCompressSync(bomb)] as const, ['gzip', gzipSync(bomb)] as const]
  const large = zstdCompressSync(JSON.stringify({ model: 'gpt-5.5', input: 'x'.repeat(15_000_000) }))

  test('a body that says it is too large', async () => {
    await using on = await startStand({ toml: LIMITS })
    using raw = await connected(on.url)
    raw.write(head(POST, ...json(on.key), 'content-length: 100001'))
    await raw.sees(/at most 100000 bytes/)
    match(raw.text(), /^HTTP\/1\.1 400 /)
    equal((await on.settled())[0]?.refusal, 'invalid_request')
  })

  test('a body that does not say how large it is', async () => {
    await using on = await startStand({ toml: LIMITS })
    using raw = await connected(on.url)
    raw.write(head(POST, ...json(on.key), 'transfer-encoding: chunked'))
    const piece = `${(40_000).toString(16)}\r\n${'x'.repeat(40_000)}\r\n`
    raw.write(piece, piece, piece)
    await raw.sees(/at most 100000 bytes/)
    await raw.closed
  })

  test('what a compressed body becomes', async () => {
    await using on = await startStand({ toml: LIMITS })
    for (const [encoding, body] of bombs) {
      const answered = await ask(on.url, { ...turn(on.key, { headers: ['content-encoding', encoding] }), body })
      equal(answered.status, 400)
      match(answered.text, /at most 1000000 bytes/)
      const garbage = await ask(on.url, turn(on.key, { headers: ['content-encoding', encoding] }))
      match(garbage.text, new RegExp(`is not valid ${encoding}`))
    }
    match((await ask(on.url, turn(on.key, { headers: ['content-encoding', 'lzma'] }))).text, /"lzma" is not understood/)
    deepEqual(on.simulator.truth(), [])
  })

  test('what many compressed bodies become, all together', async () => {
    const toml = '[limits]\nmax_body_bytes = 100000\nmax_decompressed_bytes = 20000000\nmax_buffered_bytes = 30000000\n'
    await using on = await startStand({ toml, simulator: { tokens: 'bytes' } })
    const request = { ...turn(on.key, { headers: ['content-encoding', 'zstd'] }), body: large }
    // The first one is not answered before all of them have come.
    on.simulator.script({ headDelayMs: 5000 })
    const answers = await Promise.all([1, 2, 3, 4].map(() => ask(on.url, request)))
    // One at a time has room for the most that there may be; the others are told to come back.
    const refused = answers.filter(({ text }) => text.includes('as many request bodies as it can'))
    equal(refused.length, 3)
    ok(!(await ask(on.url, request)).text.includes('as many request bodies'))
  })

  test('how long a body may stand still', async () => {
    await using on = await startStand({ toml: `${LIMITS}body_idle_secs = 0.4\n` })
    using raw = await connected(on.url)
    raw.write(head(POST, ...json(on.key), 'content-length: 1000'), '{')
    await raw.sees(/made no progress for 0\.4 s/)
    await raw.closed
  })

  test('all bodies together, and their room is given back', async () => {
    await using on = await startStand({
      toml: '[limits]\nmax_buffered_bytes = 250000\nmax_body_bytes = 100000\n',
      member: { maxConcurrent: 0 },
    })
    using one = await connected(on.url)
    using two = await connected(on.url)
    const body = (n: number): string => `{"model":"gpt-5.5","input":"${'x'.repeat(n)}"`
    for (const raw of [one, two]) raw.write(head(POST, ...json(on.key), 'content-length: 99000'), body(95_000))
    for (const raw of [one, two]) await allRead(raw.socket)
    const third = await ask(on.url, { ...turn(on.key, { stream: false }), body: `${body(90_000)}}` })
    // Whether it would be streamed stands in the body, which nobody has read: Codex is answered as for a stream.
    equal(failureIn(third.text)?.code, 'rate_limit_exceeded')
    match(third.text, /holds as many request bodies as it can/)
    ok(Number(third.header('retry-after')) > 0)
    one.socket.destroy()
    two.socket.destroy()
    await until(async () => {
      const again = await ask(on.url, { ...turn(on.key, { stream: false }), body: `${body(90_000)}}` })
      return again.text.includes('"completed"') ? true : undefined
    })
  })

  test('the options of a stream', async () => {
    await using on = await startStand()
    const path = '/v1/chat/completions'
    for (const options of ['"x"', '[]', `{"a":"${'x'.repeat(70_000)}"}`, `{"a":${'['.repeat(70_000)}}`]) {
      const body = `{"model":"gpt-5.5","stream":true,"messages":[{"role":"user","content":"hi"}],"stream_options":${options}}`
      const answered = await ask(on.url, { ...turn(on.key, { path }), body })
      equal(answered.status, 400)
      match(answered.text, /The field \\"stream_options\\" must be an object|is not readable/)
    }
    deepEqual(on.simulator.truth(), [])
  })

  test('the pieces of a body, not its bytes alone', async () => {
    await using on = await startStand({
      toml: '[limits]\nmax_buffered_bytes = 100000\nmax_member_buffered_bytes = 100000\nmax_body_bytes = 100000\n',
    })
    const body = JSON.stringify({ model: 'gpt-5.5', stream: true, input: 'x'.repeat(1000) })
    const send = async (...pieces: readonly string[]): Promise<Raw> => {
      const raw = await connected(on.url)
      const chunks = pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`)
      raw.write(head(POST, ...json(on.key), 'transfer-encoding: chunked'), `${chunks.join('')}0\r\n\r\n`)
      return raw
    }
    using crumbs = await send(...body.split(''))
    await crumbs.sees(/holds as much of your requests as it can/)
    // What they took has been given back.
    using whole = await send(body)
    await whole.sees(/response\.completed/)
  })

  test('the head of a request, and the names in it', async () => {
    await using on = await startStand({ toml: '[limits]\nmax_header_bytes = 8192\n' })
    using raw = await connected(on.url)
    raw.write(head(POST, ...json(on.key), `x-long: ${'x'.repeat(9000)}`))
    await raw.sees(/^HTTP\/1\.1 431 /)
    await raw.closed
    const answered = await ask(on.url, turn(on.key, { model: 'm'.repeat(201) }))
    equal(answered.status, 400)
    match(answered.text, /The field "model" is longer than 200 characters\./)
    ok((await ask(on.url, turn(on.key, { thread: 't'.repeat(500) }))).whole)
    equal((await on.settled())[0]?.threadId, undefined)
  })
})

suite('the listener', { concurrency: 4 }, () => {
  test('tells a member to go on with its body, and then answers', async () => {
    await using on = await startStand()
    using raw = await connected(on.url)
    const { body = '' } = turn(on.key)
    raw.write(head(POST, ...json(on.key), 'expect: 100-continue', `content-length: ${body.length}`))
    await raw.sees(/^HTTP\/1\.1 100 Continue/)
    raw.write(body)
    await raw.sees(/response\.completed/)
  })

  test('sends an upgrade on to HTTP where it speaks nothing else', async () => {
    await using on = await startStand({ toml: '[routes]\nwebsocket = false\n' })
    using raw = await connected(on.url)
    raw.write(UPGRADE)
    await raw.sees(/^HTTP\/1\.1 426 [^]*"code":"upgrade_refused"/)
    await raw.closed
  })

  test('passes over an offer to go on in another protocol', async () => {
    await using on = await startStand()
    using raw = await connected(on.url)
    const { body = '' } = turn(on.key)
    const offer = ['connection: upgrade, http2-settings', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQAAP__']
    raw.write(head(POST, ...json(on.key), ...offer, `content-length: ${body.length}`), body)
    await raw.sees(/response\.completed/)
    match(raw.text(), /^HTTP\/1\.1 200 /)
  })

  test('closes an upgrade for a client that does not, a while after its whole answer', async () => {
    await using on = await startStand({ toml: '[routes]\nwebsocket = false\n' })
    using raw = await connected(on.url, { allowHalfOpen: true })
    const began = performance.now()
    const ended = once(raw.socket, 'end')
    raw.write(UPGRADE)
    await ended
    const [, length, body = ''] = /\r\ncontent-length: (\d+)\r\n[^]*?\r\n\r\n([^]*)$/.exec(raw.text()) ?? []
    equal(body.length, Number(length))
    deepEqual(JSON.parse(body), {
      error: {
        message: 'This gateway serves Codex over HTTP alone.',
        type: 'invalid_request_error',
        code: 'upgrade_refused',
        param: null,
      },
    })
    // Only who writes hears that nobody is there any more.
    await until(() => {
      raw.write('x')
      return raw.socket.destroyed || undefined
    })
    ok(performance.now() - began > 900, `closed after ${performance.now() - began} ms`)
  })

  test('keeps a connection, also after a refusal', async () => {
    await using on = await startStand()
    using raw = await connected(on.url)
    raw.write(head(POST, 'authorization: Bearer nonsense', 'content-length: 3'), '{}\n')
    await raw.sees(/^HTTP\/1\.1 401 /)
    const { body = '' } = turn(on.key)
    raw.write(head(POST, ...json(on.key), `content-length: ${body.length}`), body)
    await raw.sees(/response\.completed/)
  })

  test('says whether it lives and whether it is ready', async () => {
    await using on = await startStand()
    const get = (path: string, accept = '*/*'): ReturnType<typeof ask> =>
      ask(on.url, { method: 'GET', path, headers: ['accept', accept] })
    deepEqual([(await get('/healthz')).status, (await get('/readyz')).text], [200, 'ready'])
    deepEqual(JSON.parse((await get('/readyz', 'application/json')).text), {
      ready: true,
      store: 'ok',
      upstream_keys: 1,
      draining: false,
      estimates: null,
      priced_by_fallback: [],
      charged_as_standard_tier: [],
    })
    await on.admin(({ registry }) => registry.setUpstream('alpha', { enabled: false }))
    const off = await until(async () => {
      const ready = await get('/readyz', 'application/json')
      return ready.status === 503 ? ready : undefined
    })
    const { ready, upstream_keys: enabled } = JSON.parse(off.text) as Record<string, unknown>
    deepEqual([ready, enabled], [false, 0])
    await on.admin(({ registry }) => registry.setUpstream('alpha', { enabled: true }))
    await sleep(1100)
    using _lock = lockLedger(on.folder)
    equal((await get('/healthz')).status, 200)
    const away = await get('/readyz', 'application/json')
    equal(away.status, 503)
    match(away.text, /"store":"failed"/)
  })
})
