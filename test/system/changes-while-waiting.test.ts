import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startStand, until, type Stand } from '../support/stand.ts'
import { create, talk } from '../support/socket-client.ts'
import { ask, failureIn, stream, turn, type Answered } from '../support/wire.ts'

/** One key with one place, which a call has that gets no end until it is told to leave. */
async function stand(): Promise<{ readonly on: Stand; readonly leave: () => void }> {
  const on = await startStand({
    simulator: { tokens: 'bytes', text: 'Hello.', reasoningTokens: 0 },
    member: { maxConcurrent: 0 },
    upstreams: [{ name: 'alpha', maxConcurrent: 1 }],
    toml: '[limits]\ncodex_queue_secs = 600\n',
  })
  on.simulator.script({ stall: { afterEvents: 2 }, times: 1 })
  const first = await stream(on.url, turn(on.key))
  await until(() => (on.simulator.requests().length === 1 ? true : undefined))
  return { on, leave: () => first.kill() }
}

/** Makes calls, and sees that they wait. */
async function waiting(on: Stand, many: number): Promise<{ readonly answers: readonly Promise<Answered>[] }> {
  let answered = 0
  const answers = Array.from({ length: many }, () => ask(on.url, turn(on.key)).finally(() => answered++))
  await sleep(500)
  deepEqual([answered, on.simulator.requests().length], [0, 1])
  return { answers }
}

async function disableKey(on: Stand): Promise<void> {
  await on.admin(({ registry }) => registry.setGatewayKey(on.key.slice(0, 20), { enabled: false }))
}

async function disableMember(on: Stand): Promise<void> {
  await on.admin(({ registry }) => registry.setMember('alice', { enabled: false }))
}

suite('calls that wait for an upstream key, and nobody new comes', { concurrency: 2 }, () => {
  test('go as soon as the key may do more at once', async () => {
    const { on, leave } = await stand()
    await using _ = on
    const { answers } = await waiting(on, 2)
    await on.admin(({ registry }) => registry.setUpstream('alpha', { maxConcurrent: 2 }))
    for (const answer of answers) match((await answer).text, /response\.completed/)
    leave()
  })

  test('never go to a key that has been disabled meanwhile, and are refused at once where there is no other', async () => {
    const { on, leave } = await stand()
    await using _ = on
    const { answers } = await waiting(on, 2)
    await on.admin(({ registry }) => registry.setUpstream('alpha', { enabled: false }))
    for (const answer of answers)
      match(failureIn((await answer).text)?.message ?? '', /were disabled by the gateway admin/)
    leave()
    await on.settled()
    equal(on.simulator.requests().length, 1)
  })

  for (const [what, change, refusal, words] of [
    ['key', disableKey, 'unauthorized', /The gateway key .* is disabled/],
    ['member', disableMember, 'forbidden', /The member alice is disabled/],
  ] as const) {
    test(`are refused at once where their ${what} is disabled, and the one that runs goes on`, async () => {
      const { on, leave } = await stand()
      await using _ = on
      using socket = await talk(on.url, on.key)
      const { answers } = await waiting(on, 2)
      socket.say(create())
      await until(async () => ((await on.calls()).length === 4 ? true : undefined))
      await change(on)
      for (const answer of answers) match((await answer).text, words)
      leave()
      const calls = await on.settled()
      deepEqual(
        calls.map((call) => [call.refusal, call.credits]).slice(0, 3),
        [refusal, refusal, refusal].map((code) => [code, 0n]),
      )
      deepEqual([calls[3]?.ending, on.simulator.requests().length], ['client-left', 1])
    })
  }
})
