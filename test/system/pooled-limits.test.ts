import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from '../../src/simulator/simulator.ts'
import { triesAgainLater } from '../support/error-row.ts'
import { attemptsOfLast } from '../support/ledger-file.ts'
import { startStand, type Stand, type StandOptions } from '../support/stand.ts'
import { ask, failureIn, stream, turn } from '../support/wire.ts'

const LIMITED: Fault = {
  status: 429,
  times: null,
  headers: { 'x-from': 'upstream', 'retry-after-ms': '28', 'x-ratelimit-remaining-tokens': '0' },
  body: {
    error: {
      message:
        'Rate limit reached for gpt-5.5 in organization org-secret on tokens per min (TPM): Limit 1. Please try again in 28ms.',
      type: 'tokens',
      code: 'rate_limit_exceeded',
    },
  },
}

const SIMULATOR = { text: 'Hello.', reasoningTokens: 0, tokens: 'bytes' } as const

async function stand(toml: string, rest: StandOptions = {}): Promise<Stand> {
  return await startStand({ toml, simulator: SIMULATOR, upstreams: [{ name: 'alpha' }], ...rest })
}

suite('a rate limit of the pooled keys', { concurrency: 4 }, () => {
  test('is told in the gateway’s own words when it has lasted too long, and is not asked about all the time', async () => {
    await using on = await stand('[limits]\nqueue_secs = 0.5\ncodex_queue_secs = 1.5\n')
    on.simulator.script(LIMITED)
    const native = await ask(on.url, turn(on.key))
    triesAgainLater(native)
    // The usual limit is 45 s.
    ok(native.headMs > 1400 && native.headMs < 30_000, `told after ${native.headMs} ms`)
    const tries = on.simulator.truth().length
    ok(tries > 2 && tries < 20, `${tries} tries`)
    await on.settled()
    deepEqual(new Set((await attemptsOfLast(on.folder)).map(([, errorClass]) => errorClass)), new Set(['rate_limit']))
    const plain = await ask(on.url, turn(on.key, { stream: false }))
    equal(plain.status, 429)
    match(plain.text, /"code":"concurrency_limit_exceeded"/)
    ok(Number(plain.header('retry-after')) >= 10)
    for (const { text, header } of [native, plain]) {
      ok(!/org-secret|28 ?ms|TPM/.test(text), text)
      equal(header('x-from'), undefined)
      equal(header('retry-after-ms'), undefined)
    }
  })

  test('is told so too when a call has been tried as often as one may be', async () => {
    const many = Array.from({ length: 25 }, (_, i) => ({ name: `key-${i}`, secret: 'sk-sim-alpha', project: `p${i}` }))
    await using on = await stand('', { upstreams: many })
    on.simulator.script(LIMITED)
    const native = await ask(on.url, turn(on.key))
    triesAgainLater(native)
    ok(!native.text.includes('org-secret'))
    equal(on.simulator.truth().length, 20)
  })
})

suite('a gateway that lets nobody wait', { concurrency: 4 }, () => {
  const NO_QUEUES = '[limits]\nqueue_secs = 0\ncodex_queue_secs = 0\n'

  test('serves whatever it need not wait for', async () => {
    await using on = await stand(NO_QUEUES)
    for (let i = 0; i < 20; i++) {
      match((await ask(on.url, turn(on.key))).text, /response\.completed/)
      match((await ask(on.url, turn(on.key, { stream: false }))).text, /"completed"/)
    }
    const endings = (await on.settled()).map(({ ending }) => ending)
    deepEqual(endings, Array(40).fill('complete'))
  })

  test('refuses a call at once that would have to wait for a place or a key', async () => {
    for (const rest of [{ member: { maxConcurrent: 1 } }, { upstreams: [{ name: 'alpha', maxConcurrent: 1 }] }]) {
      await using on = await stand(NO_QUEUES, rest)
      on.simulator.script({ stall: { afterEvents: 3 } })
      const busy = await stream(on.url, turn(on.key))
      await busy.events(3)
      const native = await ask(on.url, turn(on.key))
      const plain = await ask(on.url, turn(on.key, { stream: false }))
      equal(failureIn(native.text)?.code, 'rate_limit_exceeded')
      equal(plain.status, 429)
      match(plain.text, /"code":"concurrency_limit_exceeded"/)
      equal(on.simulator.truth().length, 1)
      busy.kill()
      await sleep(300)
      await on.settled()
      match((await ask(on.url, turn(on.key))).text, /response\.completed/)
    }
  })
})
