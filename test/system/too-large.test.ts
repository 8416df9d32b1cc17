import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Fault } from '../../src/simulator/simulator.ts'
import { attemptsOfLast } from '../support/ledger-file.ts'
import { create, talk } from '../support/socket-client.ts'
import { startStand, type Stand, type StandOptions } from '../support/stand.ts'
import { wired } from '../support/wired.ts'
import { ask, turn } from '../support/wire.ts'

/** As OpenAI says it, whose limit is of the project: it says so however often it is asked. */
const ERROR = {
  message:
    'Request too large for gpt-5.5 in organization org-secret on tokens per min (TPM): Limit 30000, Requested 31538. The input or output tokens must be reduced in order to run successfully. Visit https://platform.openai.com/account/rate-limits to learn more.',
  type: 'tokens',
  param: null,
  code: 'rate_limit_exceeded',
}
const OWN_WORDS = /OpenAI lets in fewer tokens a minute/

function limited(key = 'alpha'): Fault {
  return { key, status: 429, body: { error: ERROR } }
}

async function stand(upstreams: NonNullable<StandOptions['upstreams']>): Promise<Stand> {
  return await startStand({
    upstreams,
    simulator: { text: 'Hello.', reasoningTokens: 0, tokens: 'bytes' },
    toml: '[limits]\nqueue_secs = 1\ncodex_queue_secs = 1\n',
  })
}

suite('a request of more tokens than a key’s limit of a minute', { concurrency: 3 }, () => {
  test('is refused with what to do about it, and the key goes on serving others', async () => {
    for (const streamed of [true, false]) {
      await using on = await stand([{ name: 'alpha' }])
      on.simulator.script(limited())
      const answered = await ask(on.url, turn(on.key, { stream: streamed }))
      equal(answered.status, 400)
      match(answered.text, OWN_WORDS)
      ok(!answered.text.includes('org-secret'))
      deepEqual(await attemptsOfLast(on.folder), [['alpha', 'too_large']])
      match((await ask(on.url, turn(on.key))).text, /response\.completed/)
      equal((await on.settled())[0]?.attempts, 1)
    }
  })

  test('goes to the key of another project, which may have a higher one', async () => {
    await using on = await stand([
      { name: 'alpha', organization: 'org-sim-a' },
      { name: 'beta', organization: 'org-sim-b' },
    ])
    on.simulator.script(limited())
    match((await ask(on.url, turn(on.key))).text, /response\.completed/)
    equal((await on.settled())[0]?.upstream, 'beta')
    deepEqual(await attemptsOfLast(on.folder), [
      ['alpha', 'too_large'],
      ['beta', undefined],
    ])
  })

  test('over WebSocket is refused too, and the next turn goes on there', async () => {
    await using line = await wired({}, '')
    const { on, up } = line
    const answers = up.script
    up.script = (socket) => socket.send(JSON.stringify({ type: 'error', status: 429, error: ERROR }))
    using client = await talk(on.url, on.key)
    client.say(create())
    const refused = await client.event('error')
    equal(refused['status'], 400)
    match(JSON.stringify(refused), OWN_WORDS)
    up.script = answers
    client.say(create())
    await client.event('response.completed')
    equal(client.events().filter(({ type }) => type === 'error').length, 1)
    const rows = await on.settled()
    deepEqual(
      rows.map(({ ending, refusal, credits }) => [ending, refusal, credits === 0n]),
      [
        ['complete', undefined, false],
        ['complete', 'invalid_request', true],
      ],
    )
    equal(up.handshakes.length, 1)
  })
})
