import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { request } from 'node:http'
import { suite, test } from 'node:test'
import { ALPHA, BETA, startCodexStand, type CodexStand } from '../support/codex-stand.ts'
import { until } from '../support/stand.ts'

/** What a model that is slower than its limits answers. */
const LIMITED = { status: 429, headers: { 'retry-after': '3' }, body: { error: { code: 'rate_limit_exceeded' } } }

// Most of it is waiting, at the gateway or in Codex.
suite('codex exec that has to wait', { concurrency: true }, () => {
  test('waits while every key cools for three seconds, then succeeds with its one request', async () => {
    await using line = await startCodexStand({ upstreams: [ALPHA, BETA] })
    for (const key of ['alpha', 'beta']) line.stand.simulator.script({ key, ...LIMITED })
    const result = await line.codex.exec(['Hello.'])
    equal(result.code, 0, result.stderr)
    ok(!/Reconnecting/.test(result.stderr))
    ok(result.durationMs > 2900, `${result.durationMs} ms`)
    equal(line.requests().length, 1)
    const answers = line.stand.simulator.truth().map(({ key, status }) => `${key} ${status}`)
    deepEqual(new Set(answers.slice(0, 2)), new Set(['alpha 429', 'beta 429']))
    match(answers[2] ?? '', /^(alpha|beta) 200$/)
    equal(answers.length, 3)
    const rows = await line.stand.settled()
    deepEqual(
      rows.map((row) => [row.ending, row.attempts]),
      [['complete', 3]],
    )
  })

  test('waits out a house that is full for twenty seconds, then succeeds with its one request', async () => {
    await using line = await startCodexStand({ member: { maxConcurrent: 2 } })
    await using _house = await fullHouse(line, 2, 20_000)
    const result = await line.codex.exec(['Hello.'])
    equal(result.code, 0, result.stderr)
    ok(!/Reconnecting/.test(result.stderr))
    ok(result.durationMs > 18_000, `${result.durationMs} ms`)
    equal(line.requests().length, 1)
  })

  test('is told how long to wait when the gateway’s own patience ends, waits, and succeeds', async () => {
    await using line = await startCodexStand({
      member: { maxConcurrent: 1 },
      toml: '[limits]\ncodex_queue_secs = 2\n',
    })
    await using house = await fullHouse(line, 1, 600_000)
    const running = line.codex.begin(['Hello.'])
    await until(async () => (await line.stand.calls()).find(({ refusal }) => refusal !== undefined))
    house.leave()
    const result = await running.ended
    equal(result.code, 0, result.stderr)
    match(result.stderr, /Reconnecting\.\.\. 1\/5/)
    equal(line.requests().length, 2)
    const rows = (await line.stand.settled()).filter((row) => row.threadId !== 'held')
    deepEqual(
      rows.map((row) => [row.ending, row.refusal]),
      [
        ['complete', undefined],
        ['refused', 'concurrency_limit_exceeded'],
      ],
    )
    const [refused, served] = line.requests()
    const waitedMs = (served?.atMs ?? 0) - (refused?.atMs ?? 0)
    ok(waitedMs > 11_000, `asked again after ${waitedMs} ms`)
  })
})

interface House extends AsyncDisposable {
  /** Ends them before their time. */
  leave(): void
}

/** Streams of the same member that hold its places for a while. */
async function fullHouse(line: CodexStand, places: number, forMs: number): Promise<House> {
  const { stand } = line
  const held: Promise<void>[] = []
  const leaving = new AbortController()
  for (let i = 0; i < places; i++) {
    stand.simulator.script({ stall: { afterEvents: 1, ms: forMs } })
    held.push(holdStream(stand.url, stand.key, leaving.signal))
  }
  await until(() =>
    stand.simulator.truth().filter((call) => call.eventsSent > 0).length === places ? true : undefined,
  )
  return { leave: () => leaving.abort(), [Symbol.asyncDispose]: async () => void (await Promise.all(held)) }
}

function holdStream(url: string, key: string, signal: AbortSignal): Promise<void> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'thread-id': 'held' }
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => (signal.aborted ? resolve() : reject(cause))
    const call = request(`${url}/v1/responses`, { method: 'POST', headers, signal }, (reply) => {
      reply.resume().on('close', resolve).on('error', failed)
    })
    call.on('error', failed)
    call.end(JSON.stringify({ model: 'gpt-5.5', stream: true, input: 'Hold the line.' }))
  })
}
