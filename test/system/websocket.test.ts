import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { rowsIn } from '../support/ledger-file.ts'
import { create, refusedTalk, talk } from '../support/socket-client.ts'
import { answer } from '../support/socket-upstream.ts'
import { until } from '../support/stand.ts'
import { wired } from '../support/wired.ts'

const CREDIT = 1_000_000_000n
const MUCH = 10n ** 15n

suite('a WebSocket', { concurrency: 4 }, () => {
  test('has one upstream for all its turns, each a call of its own, and every message as it came', async () => {
    await using line = await wired({ member: { fiveHourQuota: MUCH } })
    const { on, up } = line
    using client = await talk(on.url, on.key, { headers: { 'X-Odd': 'a b', cookie: 'x=y' } })
    equal(client.head.headers['x-request-id'], 'req_s')
    equal(client.head.headers['set-cookie'], undefined)
    client.say(create({ generate: false, client_metadata: { turn_id: '' } }))
    await client.event('response.completed')
    for (const turnId of ['one', 'two']) {
      const metadata = JSON.stringify({ turn_id: turnId, request_kind: 'turn' })
      client.say(create({ client_metadata: { 'x-codex-turn-metadata': metadata } }))
      await client.event('response.completed')
      // Who has seen the end of a turn finds it in the ledger.
      equal((await on.calls())[0]?.precision, 'exact')
    }
    equal(up.handshakes.length, 1)
    const [handshake] = up.handshakes
    equal(handshake?.headers.authorization, 'Bearer sk-sim-alpha')
    deepEqual(
      [handshake?.headers['x-odd'], handshake?.headers.cookie, handshake?.headers['thread-id']],
      ['a b', undefined, 't'],
    )
    const own = client.events().filter(({ type }) => type === 'codex.rate_limits')
    equal(own.length, 3)
    const rest = client.got.map(({ data }) => data.toString()).filter((text) => !text.includes('codex.rate_limits'))
    deepEqual(
      rest,
      ['resp_1', 'resp_2', 'resp_3'].flatMap((id) => answer(id).slice(1)),
    )
    deepEqual(
      (await on.settled()).map(({ kind, transport, status, ending, responseId, inputTokens, attempts }) => ({
        kind,
        transport,
        status,
        ending,
        responseId,
        inputTokens,
        attempts,
      })),
      [
        ['turn', 'resp_3'],
        ['turn', 'resp_2'],
        ['prewarm', 'resp_1'],
      ].map(([kind, responseId]) => ({
        kind,
        transport: 'ws',
        status: 200,
        ending: 'complete',
        responseId,
        inputTokens: 100,
        attempts: 1,
      })),
    )
  })

  test('that goes on from a response which nobody knows is refused in upstream’s own word, and costs nothing', async () => {
    await using line = await wired()
    const { on, up } = line
    using client = await talk(on.url, on.key)
    client.say(create({ previous_response_id: 'resp_elsewhere' }))
    const told = await client.event('error')
    const { code, type, message } = told['error'] as Record<string, string>
    deepEqual([told['status'], code, type], [400, 'previous_response_not_found', 'invalid_request_error'])
    match(message ?? '', /Send the whole conversation instead\./)
    client.say(create())
    await client.event('response.completed')
    equal(up.messages.length, 1)
    deepEqual(
      (await on.settled()).map(({ status, refusal, credits }) => [status, refusal, credits > 0n]),
      [
        [200, undefined, true],
        [400, 'previous_response_not_found', false],
      ],
    )
  })

  test('that only warms up costs nothing where upstream states no usage of that', async () => {
    await using line = await wired()
    const { on, up } = line
    up.script = (socket, _frame, id) => {
      socket.send(JSON.stringify({ type: 'response.created', response: { id, usage: null } }))
      socket.send(JSON.stringify({ type: 'response.completed', response: { id, status: 'completed', usage: null } }))
    }
    using client = await talk(on.url, on.key)
    client.say(create({ generate: false, input: [] }))
    await client.event('response.completed')
    deepEqual(
      (await on.settled()).map(({ kind, ending, precision, credits }) => [kind, ending, precision, credits]),
      [['prewarm', 'complete', 'unknown', 0n]],
    )
  })

  test('stands in the ledger with its messages, and is counted', async () => {
    await using line = await wired()
    const { on, up } = line
    const client = await talk(on.url, on.key)
    for (const generate of [false, true, true]) {
      client.say(create({ generate }))
      await client.event('response.completed')
    }
    await on.settled()
    const [usage] = await on.usage()
    deepEqual([usage?.messages, usage?.requests, usage?.wsConnections], [2, 3, 1])
    client.socket.close(1000, 'done')
    const [row] = await until(async () => {
      const rows = await rowsIn(on.folder, 'SELECT * FROM connections WHERE ended_at IS NOT NULL')
      return rows.length > 0 ? rows : undefined
    })
    deepEqual(
      [row?.['reason'], Number(row?.['code']), Number(row?.['client_messages']), Number(row?.['upstream_messages'])],
      ['client left', 1000, 3, 18],
    )
    deepEqual(await until(() => up.closes[0]), { code: 1000, reason: 'done' })
  })

  test('passes messages of any kind both ways, byte for byte', async () => {
    await using line = await wired()
    const { on, up } = line
    const odd = ['{"type":"session.update","é":[1.0,1e3]}', '{"type":"response.cancel"}']
    up.script = (socket, _frame, id) => {
      for (const event of answer(id).slice(0, -1)) socket.send(event)
      socket.send(Buffer.from([0, 255, 1]))
      socket.send('{"type":"unknown.event", "x":1.0}')
      socket.send(answer(id).at(-1) ?? '')
    }
    using client = await talk(on.url, on.key)
    client.socket.send(Buffer.from([9, 8, 7]))
    for (const text of odd) client.socket.send(text)
    client.say(create())
    await client.event('response.completed')
    deepEqual(
      up.messages.slice(0, 3).map(({ data, binary }) => [binary, data.toString('latin1')]),
      [[true, '\t\b\u0007'], ...odd.map((text) => [false, Buffer.from(text).toString('latin1')])],
    )
    deepEqual(
      client.got.filter(({ binary }) => binary).map(({ data }) => [...data]),
      [[0, 255, 1]],
    )
    ok(client.got.some(({ data }) => data.toString() === '{"type":"unknown.event", "x":1.0}'))
  })

  test('is refused on the handshake to strangers, to who is no Codex, and to whose window is spent', async () => {
    await using line = await wired({ member: { fiveHourQuota: CREDIT / 1000n } })
    const { on, up } = line
    const plain = await refusedTalk(on.url, on.key, { codex: false })
    deepEqual([plain.status, JSON.parse(plain.text).error.code], [403, 'codex_only'])
    const stranger = await refusedTalk(on.url, 'nonsense')
    deepEqual([stranger.status, JSON.parse(stranger.text).error.code], [401, 'unauthorized'])
    const other = await refusedTalk(on.url, on.key, { path: '/v1/nothing' })
    deepEqual([other.status, JSON.parse(other.text).error.code], [404, 'not_found'])
    equal(up.handshakes.length, 0)
    using client = await talk(on.url, on.key)
    client.say(create())
    await client.event('response.completed')
    client.say(create())
    const refused = await client.event('error')
    deepEqual([refused['status'], refused['status_code']], [429, undefined])
    const { type, resets_at, message } = refused['error'] as { type: string; resets_at: number; message: string }
    match(message, /^Your 5-hour quota is used up: .* resets at .* Ask your gateway admin for more quota\.$/)
    ok(type === 'usage_limit_reached' && resets_at > Date.now() / 1000)
    const headers = refused['headers'] as Record<string, string>
    deepEqual(
      [headers['x-codex-promo-message'], headers['x-codex-primary-used-percent']],
      ['Ask your gateway admin for more quota', '100'],
    )
    const spent = await refusedTalk(on.url, on.key)
    deepEqual([spent.status, JSON.parse(spent.text).error.type], [429, 'usage_limit_reached'])
    equal(spent.header('x-codex-promo-message'), 'Ask your gateway admin for more quota')
    equal(up.handshakes.length, 1)
  })

  test('says no to a turn in frames that Codex understands, and goes on', async () => {
    await using line = await wired({
      member: { models: ['gpt-5.5'], maxConcurrent: 1 },
      toml: '[limits]\ncodex_queue_secs = 0.3\n',
    })
    const { on, up } = line
    using client = await talk(on.url, on.key)
    client.say(create({ model: 'gpt-6-sol' }))
    const policy = (await client.event('response.failed'))['response'] as { error: { code: string; message: string } }
    equal(policy.error.code, 'invalid_prompt')
    match(policy.error.message, /gpt-6-sol is not allowed to you/)
    client.socket.send('{"type":"response.create"')
    deepEqual((await client.event('error'))['status'], 400)
    using other = await talk(on.url, on.key, { thread: 'other' })
    up.script = () => undefined
    other.say(create())
    await until(() => (up.messages.length === 1 ? true : undefined))
    client.say(create())
    const held = (await client.event('response.failed'))['response'] as { error: { code: string; message: string } }
    equal(held.error.code, 'rate_limit_exceeded')
    match(held.error.message, /^All of your places.*Please try again in 10 s\.$/)
    other.socket.terminate()
    up.script = (socket, _frame, id) => answer(id).forEach((event) => socket.send(event))
    client.say(create())
    await client.event('response.completed')
    equal(client.socket.readyState, client.socket.OPEN)
  })
})
