import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { create, talk } from '../support/socket-client.ts'
import { startStand, type Stand } from '../support/stand.ts'
import { ask, says, turn } from '../support/wire.ts'

/** The tries of the newest call, as its story tells them. */
async function told(on: Stand): Promise<readonly (readonly [upstream: string, why: string | undefined])[]> {
  const [newest] = await on.settled()
  ok(newest)
  const story = await on.admin(({ reports }) => reports.call(newest.id))
  return story?.tries.map(({ upstream, chosen }) => [upstream, chosen] as const) ?? []
}

async function stand(...upstreams: readonly string[]): Promise<Stand> {
  return await startStand({
    simulator: { text: 'Hello.', reasoningTokens: 10, tokens: 'bytes' },
    upstreams: upstreams.map((name) => ({ name })),
    toml: '[routes]\nwebsocket = true\n',
  })
}

suite('the story of a call tells why a key was chosen:', { concurrency: 4 }, () => {
  test('the only one', async () => {
    await using on = await stand('alpha')
    await ask(on.url, turn(on.key))
    deepEqual(await told(on), [['alpha', 'only']])
  })

  test('the one whose turn it was, then the one of the conversation, then the owner of its ciphertext', async () => {
    await using on = await stand('alpha', 'beta')
    const { text } = await ask(on.url, turn(on.key, { thread: 'one' }))
    const [[first, why] = []] = await told(on)
    equal(why, 'fair')
    await ask(on.url, turn(on.key, { thread: 'one' }))
    deepEqual(await told(on), [[first, 'pinned']])
    const [, ciphertext] = /"encrypted_content":"([^"]+)"/.exec(text) ?? []
    ok(ciphertext)
    const thought = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: ciphertext }
    await ask(on.url, turn(on.key, { thread: 'one', input: [says('One.'), thought, says('Two.')] }))
    deepEqual(await told(on), [[first, 'owner:pinned']])
  })

  test('another one after a try that failed', async () => {
    await using on = await stand('alpha', 'beta')
    const body = { error: { message: 'Rate limit reached.', code: 'rate_limit_exceeded' } }
    on.simulator.script({ status: 429, times: 1, headers: { 'retry-after': '60' }, body })
    await ask(on.url, turn(on.key))
    const [first, second, ...more] = await told(on)
    deepEqual([first?.[1], second?.[1], more], ['fair', 'retry:only-free', []])
    ok(first?.[0] !== second?.[0])
  })

  test('the one of its WebSocket, and why that has this key', async () => {
    await using on = await stand('alpha', 'beta')
    const { text } = await ask(on.url, turn(on.key, { thread: 't' }))
    ok(text.includes('response.completed'))
    const [[home] = []] = await told(on)
    using client = await talk(on.url, on.key, { thread: 't' })
    for (let i = 0; i < 2; i++) {
      client.say(create())
      await client.event('response.completed')
      deepEqual(await told(on), [[home, 'line:pinned']])
    }
    using other = await talk(on.url, on.key, { thread: 'another' })
    other.say(create())
    await other.event('response.completed')
    const [[, why] = []] = await told(on)
    equal(why, 'line:fair')
  })
})
