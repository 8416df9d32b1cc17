import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ALPHA, ALPHA_OTHER, BETA, startCodexStand } from '../support/codex-stand.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { expectTruth } from '../support/truth.ts'

const TEXT = 'All is well.'
const KEYS_TROUBLE = /ERROR: None of the gateway’s upstream keys .*Ask your gateway admin\./
/** What members must never read: upstream's own words about the administrator's account. */
const SECRETS = /Incorrect API key|sk-sim|exceeded your current quota|Quota exceeded|billing/i

const INVALID_KEY = {
  status: 401,
  body: { error: { message: 'Incorrect API key provided: sk-sim-a***.', code: 'invalid_api_key' } },
}
const NO_MONEY = {
  status: 429,
  body: { error: { message: 'You exceeded your current quota, check your billing.', code: 'insufficient_quota' } },
}

const STREAM = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'

/** An event as a chunk of a body. */
function chunk(event: { readonly type: string; readonly response: object }): string {
  const text = `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
  return `${text.length.toString(16)}\r\n${text}\r\n`
}

suite('codex exec while upstream is in trouble', () => {
  test('asks again when its stream is reset, and both calls stand in the ledger', async () => {
    await using line = await startCodexStand({ simulator: { text: TEXT } })
    line.stand.simulator.script({ reset: { afterEvents: 5 } })
    const result = await line.codex.exec(['Hello.'])
    equal(result.code, 0, result.stderr)
    match(result.stdout, /All is well\./)
    equal(line.requests().length, 2)
    const rows = (await line.stand.settled()).toReversed()
    deepEqual(
      rows.map(({ ending, precision, attempts }) => [ending, precision, attempts]),
      [
        ['upstream-broke', 'estimated', 1],
        ['complete', 'exact', 1],
      ],
    )
    ok((rows[0]?.credits ?? 0n) > 0n)
    expectTruth(rows, line.stand.simulator.truth())
  })

  test('asks again when its stream ends without its last event', async () => {
    await using line = await startCodexStand({ simulator: { text: TEXT } })
    line.stand.simulator.script({ endAfterEvents: 5 })
    const result = await line.codex.exec(['Hello.'])
    equal(result.code, 0, result.stderr)
    match(result.stdout, /All is well\./)
    equal(line.requests().length, 2)
    expectTruth(await line.stand.settled(), line.stand.simulator.truth())
  })

  test('does not notice a 500 where another key can answer', async () => {
    await using line = await startCodexStand({ simulator: { text: TEXT }, upstreams: [ALPHA, BETA] })
    line.stand.simulator.script({ status: 500, body: { error: { message: 'Oops.', type: 'server_error' } } })
    const result = await line.codex.exec(['Hello.'])
    equal(result.code, 0, result.stderr)
    match(result.stdout, /All is well\./)
    equal(line.requests().length, 1)
    deepEqual(
      (await line.stand.settled()).map(({ ending, attempts }) => [ending, attempts]),
      [['complete', 2]],
    )
  })

  test('gets over a 500 of the only key by asking again', async () => {
    await using line = await startCodexStand({ simulator: { text: TEXT } })
    line.stand.simulator.script({ status: 500, body: { error: { message: 'Oops.', type: 'server_error' } } })
    const result = await line.codex.exec(['Hello.'])
    equal(result.code, 0, result.stderr)
    match(result.stdout, /All is well\./)
    equal(line.requests().length, 2)
    equal((await line.stand.settled()).filter((row) => row.ending === 'complete' && row.status === 200).length, 1)
  })

  test('does not notice a connection that upstream resets before it answers', async () => {
    await using line = await startCodexStand({ simulator: { text: TEXT }, upstreams: [ALPHA, BETA] })
    line.stand.simulator.script({ reset: 'before-head' })
    const result = await line.codex.exec(['Hello.'])
    equal(result.code, 0, result.stderr)
    equal(line.requests().length, 1)
    deepEqual(
      (await line.stand.settled()).map(({ ending, attempts }) => [ending, attempts]),
      [['complete', 2]],
    )
  })

  test('does not notice that upstream is overloaded for some seconds, whatever status says so', async () => {
    await using line = await startCodexStand({ simulator: { text: TEXT } })
    const message = 'The engine is currently overloaded, please try again later'
    line.stand.simulator.script({
      status: 429,
      body: { error: { message, type: 'server_error', code: null } },
      times: 3,
    })
    const result = await line.codex.exec(['Hello.'])
    equal(result.code, 0, result.stderr)
    match(result.stdout, /All is well\./)
    equal(line.requests().length, 1)
    deepEqual(
      (await line.stand.settled()).map(({ ending, attempts }) => [ending, attempts]),
      [['complete', 4]],
    )
  })

  for (const { when, events, afterMs, requests } of [
    { when: 'as its request is taken', events: ['response.created'], afterMs: 0, requests: 1 },
    { when: 'soon after its request was taken', events: ['response.created'], afterMs: 1500, requests: 2 },
    {
      when: 'in the middle of its answer',
      events: ['response.created', 'response.output_item.added'],
      afterMs: 0,
      requests: 2,
    },
  ]) {
    test(`is not told that a key has no money left ${when}, where another can answer`, async () => {
      await using odd = await startRawUpstream((socket) => {
        const taken = events.map((type) => chunk({ type, response: { id: 'resp_odd', usage: null } }))
        socket.write(`${STREAM}${taken.join('')}`)
        const error = { code: 'insufficient_quota', message: 'You exceeded your current quota.' }
        const failed = { type: 'response.failed', response: { id: 'resp_odd', status: 'failed', error, usage: null } }
        setTimeout(() => socket.write(`${chunk(failed)}0\r\n\r\n`), afterMs)
      })
      await using line = await startCodexStand({
        simulator: { text: TEXT },
        upstreams: [{ ...ALPHA, baseUrl: odd.url, weight: 1000 }, BETA],
      })
      const result = await line.codex.exec(['Hello.'])
      equal(result.code, 0, result.stderr)
      match(result.stdout, /All is well\./)
      ok(!SECRETS.test(result.stdout + result.stderr), result.stderr)
      equal(line.requests().length, requests)
      equal(odd.requests(), 1)
      equal((await line.stand.settled())[0]?.upstream, 'beta')
    })
  }

  const troubles = [
    // A 401 is believed when a second one confirms it.
    { name: 'is not accepted', trouble: INVALID_KEY, tries: 2 },
    { name: 'has no money left', trouble: NO_MONEY, tries: 1 },
  ]
  for (const { name, trouble, tries } of troubles) {
    test(`does not notice that a key ${name} where another can answer`, async () => {
      await using line = await startCodexStand({ simulator: { text: TEXT }, upstreams: [ALPHA, ALPHA_OTHER, BETA] })
      for (const key of ['alpha', 'alpha-other']) line.stand.simulator.script({ key, times: null, ...trouble })
      for (const args of [['First.'], ['resume', '--last', 'Second.']]) {
        const result = await line.codex.exec(args)
        equal(result.code, 0, result.stderr)
        ok(!SECRETS.test(result.stdout + result.stderr), result.stderr)
      }
      equal(line.requests().length, 2)
      deepEqual(
        (await line.stand.settled()).map(({ ending, upstream }) => [ending, upstream]),
        [
          ['complete', 'beta'],
          ['complete', 'beta'],
        ],
      )
    })

    test(`is told whom to ask, after one request, when the only key ${name}`, async () => {
      await using line = await startCodexStand()
      line.stand.simulator.script({ times: null, ...trouble })
      for (const asked of [1, 2, 3]) {
        const result = await line.codex.exec(['Hello.'])
        ok(result.code !== 0)
        match(result.stderr, KEYS_TROUBLE)
        ok(!SECRETS.test(result.stderr), result.stderr)
        equal(line.requests().length, asked)
      }
      const costs = (await line.stand.settled()).map((row) => row.credits)
      deepEqual(costs, [0n, 0n, 0n])
      equal(line.stand.simulator.requests().length, tries)
    })
  }
})
