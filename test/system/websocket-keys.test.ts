import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { create, refusedTalk, talk, type SocketTalk } from '../support/socket-client.ts'
import { answer } from '../support/socket-upstream.ts'
import { until } from '../support/stand.ts'
import { wired, type Wired } from '../support/wired.ts'

const TWO = { upstreams: [{ name: 'alpha' }, { name: 'beta' }] }

const error = (code: string, status: number, message = 'no') =>
  JSON.stringify({ error: { code, type: code, message, status } })
const frame = (code: string, status: number) =>
  JSON.stringify({ type: 'error', status, error: { type: code, code, message: `upstream said ${code} to org-secret` } })

/** Which keys were tried, in order. */
function keysTried({ up }: Wired): readonly (string | undefined)[] {
  return up.handshakes.map(({ headers }) => headers.authorization?.replace('Bearer sk-sim-', ''))
}

async function movesOn(client: SocketTalk): Promise<void> {
  const told = await client.event('error')
  const { code } = told['error'] as { code: string }
  deepEqual([told['status'], code], [400, 'websocket_connection_limit_reached'])
  equal((await client.closed).code, 1012)
  ok(!client.got.some(({ data }) => data.includes('org-secret')))
}

suite('the key of a WebSocket', { concurrency: 4 }, () => {
  test('is another one when upstream refuses the first by the error table', async () => {
    for (const [status, code] of [
      [401, 'invalid_api_key'],
      [429, 'insufficient_quota'],
      [429, 'rate_limit_exceeded'],
      [500, 'server_error'],
      [503, 'server_is_overloaded'],
    ] as const) {
      await using line = await wired({ upstreams: [...TWO.upstreams, { name: 'gamma' }] })
      const { on, up } = line
      let left = 1
      up.refusal = () => (left-- > 0 ? { status, body: error(code, status) } : undefined)
      using client = await talk(on.url, on.key)
      client.say(create())
      await client.event('response.completed')
      const tried = keysTried(line)
      // Who is overloaded is the host, whatever the key.
      if (status !== 503) equal(new Set(tried).size, tried.length, `${status} ${code}: ${tried.join()}`)
      equal((await on.settled()).length, 1)
    }
  })

  test('is not looked for where the no is the client’s own: it gets upstream’s answer', async () => {
    await using line = await wired(TWO)
    const { on, up } = line
    for (const status of [400, 404, 426]) {
      up.refusal = () => ({ status, headers: { 'x-own': 'yes', 'set-cookie': 'a=b' }, body: error('nope', status) })
      const refused = await refusedTalk(on.url, on.key)
      deepEqual(
        [refused.status, refused.text, refused.header('x-own'), refused.header('set-cookie')],
        [status, error('nope', status), 'yes', undefined],
      )
    }
    equal(up.handshakes.length, 3)
  })

  test('is waited for by the first turn where there is none just now, and the handshake is accepted', async () => {
    await using line = await wired({ toml: '[limits]\ncodex_queue_secs = 5\n' })
    const { on, up } = line
    const wait = { status: 429, headers: { 'retry-after': '1' }, body: error('rate_limit_exceeded', 429) }
    let left = 1
    up.refusal = () => (left-- > 0 ? wait : undefined)
    const began = performance.now()
    using client = await talk(on.url, on.key)
    client.say(create())
    await client.event('response.completed')
    ok(performance.now() - began > 900)
    deepEqual(
      (await on.settled()).map(({ attempts, ending }) => [attempts, ending]),
      [[1, 'complete']],
    )
    up.refusal = () => ({ status: 401, body: error('invalid_api_key', 401) })
    using never = await talk(on.url, on.key, { thread: 'never' })
    never.say(create())
    const failed = (await never.event('response.failed'))['response'] as { error: { code: string; message: string } }
    equal(failed.error.code, 'invalid_prompt')
    match(failed.error.message, /Ask your gateway admin/)
  })

  test('moves the conversation when it goes bad within a turn, and nobody hears why', async () => {
    for (const [code, status] of [
      ['insufficient_quota', 429],
      ['rate_limit_exceeded', 429],
      // Of the host, whatever the key.
      ['slow_down', 429],
      ['invalid_api_key', 401],
    ] as const) {
      await using line = await wired(TWO)
      const { on, up } = line
      const good = up.script
      up.script = (socket) => socket.send(frame(code, status))
      const client = await talk(on.url, on.key)
      client.say(create())
      await movesOn(client)
      up.script = good
      using again = await talk(on.url, on.key)
      again.say(create())
      await again.event('response.completed')
      if (status === 429 && code !== 'slow_down') equal(new Set(keysTried(line)).size, 2, code)
      const rows = await on.settled()
      deepEqual(
        rows.map(({ credits }) => credits > 0n),
        [true, false],
      )
    }
  })

  test('moves the conversation after the beginning of an answer by a close', async () => {
    await using line = await wired(TWO)
    const { on, up } = line
    up.script = (socket, _frame, id) => {
      answer(id)
        .slice(0, 3)
        .forEach((event) => socket.send(event))
      socket.send(frame('insufficient_quota', 429))
    }
    const client = await talk(on.url, on.key)
    client.say(create())
    equal((await client.closed).code, 1012)
    ok(!client.got.some(({ data }) => data.includes('org-secret')))
  })

  test('passes on what is the caller’s own mistake, untouched', async () => {
    await using line = await wired(TWO)
    const { on, up } = line
    using client = await talk(on.url, on.key)
    for (const code of ['previous_response_not_found', 'context_length_exceeded', 'invalid_prompt']) {
      up.script = (socket) => socket.send(frame(code, 400))
      client.say(create())
      const told = await client.event('error')
      equal(JSON.stringify(told), frame(code, 400))
    }
    deepEqual(
      (await on.settled()).map(({ credits, ending }) => [credits, ending]),
      [
        [0n, 'complete'],
        [0n, 'complete'],
        [0n, 'complete'],
      ],
    )
  })

  test('that the administrator disables between turns ends the idle conversation', async () => {
    await using line = await wired(TWO)
    const { on } = line
    const client = await talk(on.url, on.key)
    client.say(create())
    await client.event('response.completed')
    const [used] = keysTried(line)
    await on.admin(({ registry }) => registry.setUpstream(used ?? '', { enabled: false }))
    equal((await client.closed).code, 1012)
    using again = await talk(on.url, on.key)
    again.say(create())
    await again.event('response.completed')
    ok(keysTried(line).at(-1) !== used)
  })

  test('is another one before anything went up, where the first turn’s model is not served by it', async () => {
    await using line = await wired({
      upstreams: [
        { name: 'alpha', models: ['gpt-5.4'] },
        { name: 'beta', models: ['gpt-5.5'] },
      ],
    })
    const { on, up } = line
    for (const model of ['gpt-5.4', 'gpt-5.5']) {
      using client = await talk(on.url, on.key, { thread: model })
      client.say(create({ model }))
      await client.event('response.completed')
      equal(keysTried(line).at(-1), model === 'gpt-5.4' ? 'alpha' : 'beta')
      await until(() => (up.open() === 1 ? true : undefined))
      // The next turn wants what this key does not serve: with its whole history it can go elsewhere.
      client.say(create({ model: model === 'gpt-5.4' ? 'gpt-5.5' : 'gpt-5.4' }))
      await movesOn(client)
    }
  })

  test('goes on over HTTP where no WebSocket can be had upstream for longer than a moment', async () => {
    await using line = await wired({ toml: '[limits]\ncodex_queue_secs = 1\n' }, 'cooldown_secs = 0\n')
    const { on, up } = line
    up.refusal = () => ({ status: 502 })
    const began = performance.now()
    // For a moment it is waited for.
    const refused = await until(async () => {
      try {
        using client = await talk(on.url, on.key)
        client.say(create())
        await client.event('response.failed')
        return undefined
      } catch (cause) {
        return String(cause)
      }
    })
    match(refused, /426/)
    ok(performance.now() - began >= 5000)
    up.refusal = undefined
    using back = await until(() => talk(on.url, on.key).catch(() => undefined))
    back.say(create())
    await back.event('response.completed')
  })
})
