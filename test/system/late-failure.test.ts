import { deepEqual, equal, match, ok } from 'node:assert/strict'
import type { Socket } from 'node:net'
import { suite, test } from 'node:test'
import { attemptsOfLast } from '../support/ledger-file.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { startStand, type Stand, type StandOptions } from '../support/stand.ts'
import { triesAgainLater } from '../support/error-row.ts'
import { ask, failureIn, stream, turn } from '../support/wire.ts'

const WORDS = 'Limit reached for gpt-5.5 in organization org-secret. Please try again in 11.054s.'
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
const END = '0\r\n\r\n'
const BETA = { name: 'beta', organization: 'org-sim-b' }

function event(type: string, rest: object = {}): string {
  const data = JSON.stringify({ type, response: { id: 'resp_odd', status: 'in_progress', usage: null, ...rest } })
  const text = `event: ${type}\ndata: ${data}\n\n`
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
}

function failed(code: string): string {
  return event('response.failed', { status: 'failed', error: { code, message: WORDS } })
}

const TAKEN = event('response.created') + event('response.in_progress')
const BEGUN = event('response.output_item.added')

interface Odd extends AsyncDisposable {
  readonly on: Stand
  readonly requests: () => number
}

/** An odd key, which comes first, and a good one. */
async function odd(
  says: (socket: Socket) => void,
  { toml = '', others = [BETA] }: { readonly toml?: string; readonly others?: StandOptions['upstreams'] } = {},
): Promise<Odd> {
  await using parts = new AsyncDisposableStack()
  const upstream = parts.use(await startRawUpstream(says))
  const on = parts.use(
    await startStand({
      simulator: { text: 'Hello.', reasoningTokens: 0, tokens: 'bytes' },
      upstreams: [{ name: 'alpha', organization: 'org-sim-a', baseUrl: upstream.url }, ...(others ?? [])],
      toml,
    }),
  )
  const all = parts.move()
  return { on, requests: () => upstream.requests(), [Symbol.asyncDispose]: () => all.disposeAsync() }
}

/** The client sees the other key's answer alone. */
async function servedByBeta({ on }: Odd, errorClass: string): Promise<void> {
  const answered = await ask(on.url, turn(on.key))
  deepEqual([answered.status, answered.whole], [200, true])
  match(answered.text, /response\.completed/)
  ok(!answered.text.includes('resp_odd') && !answered.text.includes(WORDS), answered.text)
  const rows = await on.settled()
  deepEqual(
    rows.map((row) => [row.ending, row.status, row.upstream, row.precision]),
    [['complete', 200, 'beta', 'exact']],
  )
  deepEqual(await attemptsOfLast(on.folder), [
    ['alpha', errorClass],
    ['beta', undefined],
  ])
}

suite('an answer over HTTP that fails', { concurrency: 4 }, () => {
  for (const [code, errorClass] of [
    ['insufficient_quota', 'billing'],
    ['rate_limit_exceeded', 'rate_limit'],
    ['server_error', 'server_error'],
  ] as const) {
    test(`by ${code} once its request was taken is none: another key is tried`, async () => {
      await using line = await odd((socket) => {
        socket.write(HEAD + TAKEN)
        setImmediate(() => socket.write(failed(code) + END))
      })
      await servedByBeta(line, errorClass)
    })
  }

  test('by its key’s account when it has begun is cut short, and its client finds another key', async () => {
    for (const code of ['insufficient_quota', 'rate_limit_exceeded']) {
      await using line = await odd((socket) => {
        socket.write(HEAD + TAKEN + BEGUN)
        setTimeout(() => socket.write(failed(code) + END), 100)
      })
      const { on } = line
      const cut = await ask(on.url, turn(on.key))
      equal(cut.whole, false)
      ok(cut.text.includes('response.output_item.added') && !cut.text.includes('response.failed'), cut.text)
      const [row] = await on.settled()
      deepEqual([row?.ending, row?.upstream, row?.precision, row?.credits], ['complete', 'alpha', 'exact', 0n])
      match((await ask(on.url, turn(on.key))).text, /response\.completed/)
      equal((await on.settled())[0]?.upstream, 'beta')
    }
  })

  test('by the caller’s own mistake when it has begun passes byte for byte', async () => {
    await using line = await odd((socket) => socket.write(HEAD + TAKEN + BEGUN + failed('invalid_prompt') + END))
    const { on } = line
    const answered = await ask(on.url, turn(on.key))
    ok(answered.whole)
    deepEqual([failureIn(answered.text)?.code, failureIn(answered.text)?.message], ['invalid_prompt', WORDS])
    equal((await on.settled()).length, 1)
  })

  test('by the caller’s own mistake is told as upstream told it, whatever becomes of its connection then', async () => {
    const length = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n'
    const plain = failed('context_length_exceeded').replaceAll(/^[0-9a-f]+\r\n|\r\n$/g, '')
    for (const says of [
      (socket: Socket) => socket.write(HEAD + TAKEN + failed('context_length_exceeded')),
      (socket: Socket) =>
        socket.write(HEAD + TAKEN + failed('context_length_exceeded'), () => socket.resetAndDestroy()),
      (socket: Socket) => socket.end(length + plain),
    ]) {
      await using line = await odd((socket) => says(socket))
      const { on } = line
      const answered = await ask(on.url, turn(on.key))
      deepEqual([answered.whole, failureIn(answered.text)?.code], [true, 'context_length_exceeded'])
      const [row] = await on.settled()
      deepEqual([row?.ending, row?.status, row?.upstream, row?.credits], ['complete', 200, 'alpha', 0n])
      deepEqual(await attemptsOfLast(on.folder), [['alpha', 'context_length']])
    }
  })

  test('by being cancelled is whole, and costs nothing', async () => {
    const cancelled = event('response.cancelled', { status: 'cancelled' })
    for (const says of [TAKEN + BEGUN + cancelled, cancelled]) {
      await using line = await odd((socket) => socket.write(HEAD + says + END))
      const { on } = line
      const answered = await ask(on.url, turn(on.key))
      ok(answered.whole && answered.text.includes('response.cancelled'))
      const [row] = await on.settled()
      deepEqual([row?.ending, row?.precision, row?.credits], ['complete', 'exact', 0n])
      deepEqual(await attemptsOfLast(on.folder), [['alpha', undefined]])
    }
  })
})

suite('an answer over HTTP that has begun with nothing', { concurrency: 4 }, () => {
  const soon = '[upstream]\ntimeout_secs = 2\n'

  test('but its head, within the time for a head, is none: another key is tried', async () => {
    await using line = await odd((socket) => socket.write(HEAD), { toml: soon })
    await servedByBeta(line, 'timeout')
  })

  test('but its head, and there is no other key, is told as any time-out', async () => {
    await using line = await odd((socket) => socket.write(HEAD), { toml: soon, others: [] })
    const { on } = line
    const answered = await ask(on.url, turn(on.key))
    triesAgainLater(answered)
    match(failureIn(answered.text)?.message ?? '', /did not answer within 2 s/)
    const [row] = await on.settled()
    deepEqual([row?.ending, row?.precision, row?.credits], ['upstream-failed', 'unknown', 0n])
    deepEqual(await attemptsOfLast(on.folder), [['alpha', 'timeout']])
  })

  for (const [how, says] of [
    ['breaks behind its head', (socket: Socket) => socket.resetAndDestroy()],
    ['ends behind its head', (socket: Socket) => socket.write(END)],
    ['breaks once its request was taken', (socket: Socket) => socket.write(TAKEN, () => socket.resetAndDestroy())],
  ] as const) {
    test(`and ${how} is none: another key is tried`, async () => {
      await using line = await odd((socket) => socket.write(HEAD, () => setTimeout(() => says(socket), 50)))
      await servedByBeta(line, 'broken_stream')
    })
  }

  test('but that its request was taken is shown soon, and goes on as it comes', async () => {
    let upstream: Socket | undefined
    await using line = await odd((socket) => {
      upstream = socket
      socket.write(HEAD + TAKEN)
    })
    const { on } = line
    // Upstream says no more before it has been seen.
    const answered = await stream(on.url, turn(on.key))
    await answered.events(2)
    upstream?.write(BEGUN)
    await answered.events(3)
    const usage = { input_tokens: 8, output_tokens: 2, total_tokens: 10 }
    upstream?.write(event('response.completed', { status: 'completed', usage }) + END)
    ok(await answered.ended)
    deepEqual(
      [...answered.text().matchAll(/^event: (.*)$/gm)].map(([, type]) => type),
      ['response.created', 'response.in_progress', 'response.output_item.added', 'response.completed'],
    )
    deepEqual(await attemptsOfLast(on.folder), [['alpha', undefined]])
    equal(line.requests(), 1)
  })
})
