import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Fault } from '../../src/simulator/simulator.ts'
import { gatewayError } from '../support/error-row.ts'
import { attemptsOfLast } from '../support/ledger-file.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { startStand, type Stand, type StandOptions } from '../support/stand.ts'
import { ask, eventsIn, failureIn, turn } from '../support/wire.ts'

const WORDS = 'You exceeded your current quota, please check your plan and billing details.'
const ALPHA = { name: 'alpha', organization: 'org-sim-a' }
const BETA = { name: 'beta', organization: 'org-sim-b' }

function failing(code: string, message: string, key = 'alpha'): Fault {
  return { key, times: null, ending: { type: 'response.failed', afterEvents: 0, code, message } }
}

async function stand(upstreams: StandOptions['upstreams'] = [ALPHA, BETA]): Promise<Stand> {
  return await startStand({
    upstreams,
    simulator: { text: 'Hello.', reasoningTokens: 0, tokens: 'bytes' },
    toml: '[limits]\nqueue_secs = 1\ncodex_queue_secs = 1\n',
  })
}

const usedKeys = (on: Stand): readonly (string | undefined)[] => on.simulator.truth().map(({ key }) => key)

suite('a stream that begins with a failure', { concurrency: 4 }, () => {
  test('of the key is no answer: another key is tried, and the client sees its answer alone', async () => {
    for (const [code, errorClass] of [
      ['insufficient_quota', 'billing'],
      ['server_error', 'server_error'],
      ['rate_limit_exceeded', 'rate_limit'],
    ] as const) {
      await using on = await stand()
      on.simulator.script(failing(code, WORDS))
      const answered = await ask(on.url, turn(on.key))
      ok(answered.whole)
      equal(eventsIn(answered.text).filter(({ type }) => type === 'response.completed').length, 1)
      ok(!answered.text.includes('response.failed') && !answered.text.includes(WORDS), answered.text)
      equal(answered.header('openai-organization'), 'org-sim-b')
      const rows = await on.settled()
      deepEqual(
        rows.map((row) => [row.ending, row.status, row.upstream, row.attempts, row.precision]),
        [['complete', 200, 'beta', 2, 'exact']],
      )
      deepEqual(await attemptsOfLast(on.folder), [
        ['alpha', errorClass],
        ['beta', undefined],
      ])
      deepEqual(usedKeys(on), ['alpha', 'beta'])
    }
  })

  test('of the only key’s account is told in the gateway’s own words, and costs nothing', async () => {
    await using on = await stand([ALPHA])
    on.simulator.script(failing('insufficient_quota', WORDS))
    gatewayError(await ask(on.url, turn(on.key)))
    const [row] = await on.settled()
    deepEqual([row?.ending, row?.refusal, row?.credits], ['upstream-failed', 'upstream_error', 0n])
    deepEqual(await attemptsOfLast(on.folder), [['alpha', 'billing']])
    // The key is out from now on.
    gatewayError(await ask(on.url, turn(on.key)))
    equal(on.simulator.truth().length, 1)
  })

  test('of an old kind, an event `error`, is no answer either', async () => {
    await using on = await stand()
    const ending = { type: 'error', afterEvents: 0, code: 'insufficient_quota', message: WORDS } as const
    on.simulator.script({ key: 'alpha', times: null, ending })
    match((await ask(on.url, turn(on.key))).text, /response\.completed/)
    await on.settled()
    deepEqual(await attemptsOfLast(on.folder), [
      ['alpha', 'billing'],
      ['beta', undefined],
    ])
  })

  test('of the caller’s passes byte for byte, after one try', async () => {
    const error = { code: 'invalid_prompt', message: 'Your prompt was flagged.' }
    const data = JSON.stringify({ type: 'response.failed', response: { id: 'resp_1', error, usage: null } })
    const body = `: hello\n\nevent:response.failed\r\ndata: ${data}\r\n\r\n: bye\n\ndata: [DONE]\n\n`
    for (const pieces of [[body], body.split(/(?<=\n)/), [body.slice(0, 60), body.slice(60)]]) {
      await using odd = await startRawUpstream((socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n')
        const chunks = [...pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`), '0\r\n\r\n']
        for (const [at, chunk] of chunks.entries()) setTimeout(() => socket.write(chunk), at * 20)
      })
      await using on = await stand([
        { ...ALPHA, baseUrl: odd.url },
        { ...BETA, baseUrl: odd.url },
      ])
      const answered = await ask(on.url, turn(on.key))
      deepEqual([answered.status, answered.text, answered.whole], [200, body, true])
      equal(odd.requests(), 1)
      const [row] = await on.settled()
      deepEqual([row?.ending, row?.credits, row?.attempts], ['complete', 0n, 1])
      deepEqual(
        (await attemptsOfLast(on.folder)).map(([, errorClass]) => errorClass),
        ['bad_request'],
      )
    }
  })

  test('of upstream’s own, on every key, is shown as it came in the end', async () => {
    await using on = await stand()
    on.simulator.script(failing('server_error', 'The server had an error.'))
    on.simulator.script(failing('server_error', 'The server had an error.', 'beta'))
    const answered = await ask(on.url, turn(on.key))
    deepEqual([answered.status, answered.whole], [200, true])
    deepEqual(
      [failureIn(answered.text)?.code, failureIn(answered.text)?.message],
      ['server_error', 'The server had an error.'],
    )
    equal((await on.settled())[0]?.credits, 0n)
    equal(on.simulator.truth().length, 2)
  })
})
