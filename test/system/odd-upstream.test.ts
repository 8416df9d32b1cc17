import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { attemptsOfLast } from '../support/ledger-file.ts'
import { startRawUpstream, wholeAnswer } from '../support/raw-upstream.ts'
import { startStand, type Stand } from '../support/stand.ts'
import { ask, failureIn, turn } from '../support/wire.ts'

const TOML = '[limits]\nqueue_secs = 2\ncodex_queue_secs = 2\n'

/** One key goes to that upstream; a second one, where there is one, to the simulator. */
async function stand(baseUrl: string, toml: string, second = true): Promise<Stand> {
  return await startStand({
    toml,
    simulator: { text: 'Hello.', reasoningTokens: 0, tokens: 'bytes' },
    upstreams: [{ name: 'odd', baseUrl }, ...(second ? [{ name: 'beta', weight: 0.001 }] : [])],
  })
}

/** Asks until a call has gone to the odd key first: weights only make that likely. */
async function untilOdd(on: Stand, shape: Parameters<typeof turn>[1] = {}): Promise<Awaited<ReturnType<typeof ask>>> {
  for (let i = 0; i < 20; i++) {
    const answered = await ask(on.url, turn(on.key, shape))
    await on.settled()
    if ((await attemptsOfLast(on.folder))[0]?.[0] === 'odd') return answered
  }
  throw new Error('no call went to the odd key')
}

suite('an upstream that is odd', { concurrency: 4 }, () => {
  test('and talks something else than HTTP is told as such, and another key answers', async () => {
    await using odd = await startRawUpstream((socket) => socket.write('hello world\r\n\r\n'))
    await using on = await stand(odd.url, TOML)
    match((await untilOdd(on)).text, /response\.completed/)
    deepEqual(await attemptsOfLast(on.folder), [
      ['odd', 'bad_response'],
      ['beta', undefined],
    ])
  })

  test('and sends a head beyond max_header_bytes is told as such; one below passes', async () => {
    const long = (length: number): string => wholeAnswer(`x-long: ${'x'.repeat(length)}`)
    let reply = long(7000)
    await using odd = await startRawUpstream((socket) => socket.write(reply))
    await using on = await stand(odd.url, '[limits]\nmax_header_bytes = 8192\n', false)
    const passed = await ask(on.url, turn(on.key))
    match(passed.text, /response\.completed/)
    equal(passed.header('x-long')?.length, 7000)
    reply = long(9000)
    const refused = await ask(on.url, turn(on.key))
    match(failureIn(refused.text)?.message ?? '', /broke off before it answered \(bad_response\)/)
    await on.settled()
    deepEqual(new Set((await attemptsOfLast(on.folder)).map(([, errorClass]) => errorClass)), new Set(['bad_response']))
  })

  test('and stalls in the body of an error is given up, and another key answers', async () => {
    const begun = 'HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n'
    await using odd = await startRawUpstream((socket) => socket.write(begun))
    await using on = await stand(odd.url, `${TOML}[upstream]\ntimeout_secs = 2\n`)
    const answered = await untilOdd(on)
    match(answered.text, /response\.completed/)
    ok(answered.headMs > 1900, `answered after ${answered.headMs} ms`)
    deepEqual(await attemptsOfLast(on.folder), [
      ['odd', 'server_error'],
      ['beta', undefined],
    ])
  })

  test('and stalls in the only error that there is, is not shown by halves', async () => {
    const begun = 'HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\nHalf of it'
    await using odd = await startRawUpstream((socket) => socket.write(begun))
    await using on = await stand(odd.url, '[upstream]\nunary_timeout_secs = 2\n', false)
    const answered = await ask(on.url, turn(on.key, { stream: false }))
    equal(answered.status, 502)
    match(answered.text, /"code":"upstream_error"/)
    ok(!answered.text.includes('Half of it'))
  })

  test('and does not answer in time is told with the limit of the call’s own kind', async () => {
    await using odd = await startRawUpstream(() => undefined)
    const limits = 'timeout_secs = 0.4\nunary_timeout_secs = 0.7\nretry_attempts = 1\n'
    await using on = await stand(odd.url, `[upstream]\n${limits}`, false)
    const [stream, unary] = await Promise.all([ask(on.url, turn(on.key)), ask(on.url, turn(on.key, { stream: false }))])
    match(failureIn(stream.text)?.message ?? '', /^OpenAI did not answer within 0\.4 s\./)
    equal(unary.status, 504)
    match(unary.text, /OpenAI did not answer within 0\.7 s\./)
  })
})

suite('an answer that is neither good nor an error', { concurrency: 4 }, () => {
  test('passes as it came, costs nothing, and is no failure', async () => {
    await using on = await startStand({
      toml: '[upstream]\nmax_failures_before_cooldown = 1\n[credit]\nunknown_usage_credits = 3\n',
      simulator: { text: 'Hello.', reasoningTokens: 0, tokens: 'bytes' },
    })
    for (const [status, body, headers] of [
      [307, 'moved', {}],
      [304, '', {}],
      [307, '', { 'content-type': 'text/event-stream' }],
    ] as const) {
      const location = 'https://elsewhere.example/v1/responses'
      on.simulator.script({ status, body, headers: { ...headers, location } })
      const answered = await ask(on.url, turn(on.key))
      deepEqual([answered.status, answered.text, answered.whole], [status, body, true])
      equal(answered.header('location'), location)
      const [row] = await on.settled()
      deepEqual([row?.status, row?.ending, row?.precision, row?.credits], [status, 'complete', 'exact', 0n])
      deepEqual(await attemptsOfLast(on.folder), [['alpha', undefined]])
      match((await ask(on.url, turn(on.key))).text, /response\.completed/)
    }
    deepEqual(
      on.log.filter((line) => line.includes('cooling')),
      [],
    )
  })

  test('makes no owner of a thread', async () => {
    await using on = await startStand({ upstreams: [{ name: 'alpha' }, { name: 'beta' }] })
    on.simulator.script({ status: 307, body: 'moved', headers: { location: '/' } })
    await ask(on.url, turn(on.key, { thread: 't' }))
    const [moved] = on.simulator.truth()
    on.simulator.script({ key: moved?.key ?? '', status: 500, body: 'no', times: null })
    // Whoever answers now: a key of another organization may, for nobody has made ciphertext yet.
    const input = [{ type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'x' }]
    await ask(on.url, turn(on.key, { thread: 't', input }))
    equal(new Set(on.simulator.truth().map(({ key }) => key)).size, 2)
  })
})
