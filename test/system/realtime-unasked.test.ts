import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { WebSocket } from 'ws'
import { rowsIn } from '../support/ledger-file.ts'
import { talk, toldNo } from '../support/socket-client.ts'
import { until } from '../support/stand.ts'
import { wired, type Wired } from '../support/wired.ts'

const PATH = '/v1/realtime?model=gpt-realtime'
const USAGE = { input_tokens: 100, output_tokens: 10, input_token_details: { audio_tokens: 90, text_tokens: 10 } }

/** The upstream side of the one socket there is. */
async function upstreamOf(line: Wired): Promise<WebSocket> {
  return await until(() => line.up.sockets()[0])
}

function created(id: string): string {
  return JSON.stringify({ type: 'response.created', event_id: 'e', response: { id, status: 'in_progress' } })
}

function done(id: string, rest: object = {}): string {
  return JSON.stringify({ type: 'response.done', response: { id, status: 'completed', usage: USAGE, ...rest } })
}

suite('what upstream says in a realtime session unasked', { concurrency: 4 }, () => {
  test('is metered as what was asked for is, each response once', async () => {
    await using line = await wired({ member: { maxConcurrent: 1 } })
    const { on } = line
    using client = await talk(on.url, on.key, { path: PATH })
    const upstream = await upstreamOf(line)
    for (const id of ['one', 'two']) {
      upstream.send(created(id))
      await client.event('response.created')
      // It stands in the ledger while it runs.
      await until(async () =>
        (await on.calls()).find(({ ending, kind }) => ending === undefined && kind === 'realtime'),
      )
      upstream.send(done(id))
      await client.event('response.done')
    }
    // Never begun, as far as anybody saw.
    upstream.send(done('three'))
    await client.event('response.done')
    const rows = await on.calls()
    deepEqual(
      rows.map(({ responseId, inputTokens, spoken, precision }) => [
        responseId,
        inputTokens,
        spoken?.inputAudioTokens,
        precision,
      ]),
      ['three', 'two', 'one'].map((id) => [id, 100, 90, 'exact']),
    )
  })

  test('goes with the answer that was asked for, in whichever order', async () => {
    await using line = await wired()
    const { on, up } = line
    up.script = () => undefined
    using client = await talk(on.url, on.key, { path: PATH })
    const upstream = await upstreamOf(line)
    client.say({ type: 'response.create' })
    await until(() => (up.messages.length === 1 ? true : undefined))
    upstream.send(created('asked'))
    upstream.send(created('heard'))
    upstream.send(done('heard'))
    upstream.send(done('asked'))
    await client.event('response.done')
    await client.event('response.done')
    const rows = await on.settled()
    deepEqual(
      new Set(rows.map(({ responseId, ending }) => `${responseId} ${ending}`)),
      new Set(['asked complete', 'heard complete']),
    )
  })

  test('passes as it is, and so does what the client says', async () => {
    await using line = await wired()
    const { on, up } = line
    const headers = { 'x-odd': 'a b' }
    up.protocol = 'realtime'
    using client = await talk(on.url, on.key, { path: PATH, headers, protocols: ['realtime'] })
    equal(client.head.headers['sec-websocket-protocol'], 'realtime')
    const [handshake] = up.handshakes
    deepEqual(
      [handshake?.url, handshake?.headers['x-odd'], handshake?.headers.authorization],
      [PATH, 'a b', 'Bearer sk-sim-alpha'],
    )
    const upstream = await upstreamOf(line)
    const down = ['{ "type":"session.created" , "session":{"model":"gpt-realtime"}}', done('x'), 'no json', '{"é":1}']
    for (const text of down) upstream.send(text)
    upstream.send(Buffer.from([0, 1, 255]))
    const said = ['{"type" : "input_audio_buffer.append","audio":"AAAA"}', 'nonsense', '{}']
    for (const text of said) client.socket.send(text)
    client.socket.send(Buffer.from([9, 8, 7]))
    await until(() => (up.messages.length === 4 && client.got.length === 5 ? true : undefined))
    deepEqual(
      client.got.map(({ data, binary }) => (binary ? [...data] : data.toString())),
      [...down, [0, 1, 255]],
    )
    deepEqual(
      up.messages.map(({ data, binary }) => (binary ? [...data] : data.toString())),
      [...said, [9, 8, 7]],
    )
  })

  test('that its key is out of money moves the member on, in our words', async () => {
    await using line = await wired()
    const { on } = line
    using client = await talk(on.url, on.key, { path: PATH })
    const upstream = await upstreamOf(line)
    upstream.send(created('one'))
    const error = {
      type: 'insufficient_quota',
      code: 'insufficient_quota',
      message: 'You exceeded your quota at acme.',
    }
    upstream.send(done('one', { status: 'failed', usage: null, status_details: { type: 'failed', error } }))
    const told = await client.event('error')
    match(JSON.stringify(told), /None of the gateway’s upstream keys/)
    equal((await client.closed).code, 1012)
    ok(!client.got.some(({ data }) => data.includes('acme')))
    const [row] = await on.settled()
    deepEqual([row?.credits, row?.precision], [0n, 'exact'])
    match((await toldNo(on.url, on.key, { path: PATH })).message, /upstream keys/)
  })

  test('is the last, once the member is disabled', async () => {
    await using line = await wired()
    const { on } = line
    using client = await talk(on.url, on.key, { path: PATH })
    const upstream = await upstreamOf(line)
    await on.admin(({ registry }) => registry.setMember('alice', { enabled: false }))
    const headers = { authorization: `Bearer ${on.key}`, originator: 'codex_exec' }
    await until(async () => ((await fetch(`${on.url}/v1/models`, { headers })).status === 403 ? true : undefined))
    upstream.send(created('one'))
    const { error } = await client.event('error')
    deepEqual([Object(error).code, (await client.closed).code], ['forbidden', 1008])
    const row = await until(async () => (await on.calls()).find(({ ending }) => ending !== undefined))
    deepEqual([row.ending, row.precision], ['cut', 'estimated'])
    await until(() => (line.up.open() === 0 ? true : undefined))
  })

  test('or nothing, to what was asked, leaves the place to that until the session ends', async () => {
    await using line = await wired({ member: { maxConcurrent: 1 }, toml: '[limits]\nqueue_secs = 1\n' })
    const { on, up } = line
    up.script = () => undefined
    using client = await talk(on.url, on.key, { path: PATH })
    client.say({ type: 'response.create' })
    await until(() => (up.messages.length === 1 ? true : undefined))
    client.say({ type: 'response.create', event_id: 'two' })
    const { error } = await client.event('error')
    deepEqual([Object(error).code, Object(error).event_id], ['concurrency_limit_exceeded', 'two'])
    up.closeAll(1011)
    equal((await client.closed).code, 1011)
    const rows = await on.settled()
    deepEqual(
      rows.map(({ ending, credits }) => [ending, credits]),
      [
        ['refused', 0n],
        ['upstream-broke', 0n],
      ],
    )
    await until(async () => (await rowsIn(on.folder, 'SELECT code FROM connections WHERE code = 1011'))[0])
  })

  test('or for half a minute: then the place is free again, and nothing is charged', async () => {
    await using line = await wired({ member: { maxConcurrent: 1 } })
    const { on, up } = line
    up.script = () => undefined
    using client = await talk(on.url, on.key, { path: PATH })
    client.say({ type: 'response.create' })
    await until(async () => ((await on.calls())[0]?.ending === 'timed-out' ? true : undefined), 40_000)
    up.script = (socket) => [created('two'), done('two')].forEach((text) => socket.send(text))
    client.say({ type: 'response.create' })
    await client.event('response.done')
    deepEqual(
      (await on.settled()).map(({ ending, inputTokens, credits }) => [ending, inputTokens, credits > 0n]),
      [
        ['complete', 100, true],
        ['timed-out', 0, false],
      ],
    )
  })
})
