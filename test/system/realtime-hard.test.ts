import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { WebSocket } from 'ws'
import { lockLedger } from '../support/ledger-file.ts'
import { refusedTalk, talk, toldNo } from '../support/socket-client.ts'
import { startStand, until } from '../support/stand.ts'
import { wired, type Wired } from '../support/wired.ts'

const PATH = '/v1/realtime?model=gpt-realtime'
const USAGE = { input_tokens: 100, output_tokens: 10, input_token_details: { audio_tokens: 90, text_tokens: 10 } }

async function upstreamOf(line: Wired): Promise<WebSocket> {
  return await until(() => line.up.sockets()[0])
}

function created(id: string): string {
  return JSON.stringify({ type: 'response.created', response: { id, status: 'in_progress' } })
}

function done(id: string): string {
  return JSON.stringify({ type: 'response.done', response: { id, status: 'completed', usage: USAGE } })
}

suite('a realtime session', { concurrency: 4 }, () => {
  test('counts a response once that upstream tells of twice', async () => {
    await using line = await wired({ member: { maxConcurrent: 1 } })
    const { on } = line
    using client = await talk(on.url, on.key, { path: PATH })
    const upstream = await upstreamOf(line)
    const said = [created('one'), created('one'), done('one'), created('one'), done('one')]
    for (const text of said) upstream.send(text)
    await until(() => (client.got.length === said.length ? true : undefined))
    client.socket.close(1000)
    deepEqual(
      (await on.settled()).map(({ responseId, inputTokens }) => [responseId, inputTokens]),
      [['one', 100]],
    )
    await until(() => (line.up.open() === 0 ? true : undefined))
    using next = await talk(on.url, on.key, { path: PATH })
    equal(next.head.statusCode, 101)
  })

  test('ends when a response has begun and upstream says no more, and not before one has', async () => {
    await using line = await wired({ member: { maxConcurrent: 1 } }, 'idle_timeout_secs = 1\n')
    const { on } = line
    using client = await talk(on.url, on.key, { path: PATH })
    const upstream = await upstreamOf(line)
    await new Promise((resolve) => setTimeout(resolve, 3500))
    equal(client.socket.readyState, client.socket.OPEN)
    upstream.send(created('one'))
    deepEqual(await client.closed, { code: 1012, reason: 'upstream said nothing' })
    deepEqual(
      (await on.settled()).map(({ ending }) => ending),
      ['timed-out'],
    )
    await until(() => (line.up.open() === 0 ? true : undefined))
    // Its place is free.
    using next = await talk(on.url, on.key, { path: PATH })
    const other = await upstreamOf(line)
    for (const text of [created('two'), done('two')]) other.send(text)
    await next.event('response.done')
  })

  test('hears whatever is said at once, and while a response waits for its place', async () => {
    await using line = await wired({ member: { maxConcurrent: 1 } })
    const { on, up } = line
    up.script = () => undefined
    using client = await talk(on.url, on.key, { path: PATH })
    const upstream = await upstreamOf(line)
    const append = JSON.stringify({ type: 'input_audio_buffer.append', audio: 'AAAA' })
    for (let i = 0; i < 500; i++) client.socket.send(append)
    await until(() => (up.messages.length === 500 ? true : undefined))
    upstream.send(created('heard'))
    await client.event('response.created')
    await until(async () => (await on.calls())[0])
    client.say({ type: 'response.create' })
    for (let i = 0; i < 3000; i++) client.socket.send(append)
    await new Promise((resolve) => setTimeout(resolve, 300))
    equal(up.messages.length, 500)
    upstream.send(done('heard'))
    await until(() => (up.messages.length === 3501 ? true : undefined))
    equal(client.socket.readyState, client.socket.OPEN)
  })

  test('whose quota is used up hears what runs beside to its end, and nothing that begins after it', async () => {
    for (const last of [done('two'), created('three')]) {
      await using line = await wired({ member: { fiveHourQuota: 1n } })
      const { on } = line
      using client = await talk(on.url, on.key, { path: PATH })
      const upstream = await upstreamOf(line)
      for (const text of [created('one'), created('two'), done('one')]) upstream.send(text)
      await client.event('response.done')
      equal(client.socket.readyState, client.socket.OPEN)
      // A ledger that is slow says only later that it is used up.
      await until(async () => (await on.calls()).find(({ ending }) => ending === 'complete'))
      upstream.send(last)
      const { error } = await client.event('error')
      equal(Object(error).code, 'member_5h_quota_exceeded')
      deepEqual(await client.closed, { code: 1008, reason: 'the quota is used up' })
      const cut = [
        [undefined, 'cut'],
        [undefined, 'cut'],
        ['one', 'complete'],
      ]
      const whole = [
        ['two', 'complete'],
        ['one', 'complete'],
      ]
      const expected = last === done('two') ? whole : cut
      // What began last may be written down only after its client has heard that this is the end.
      const rows = await until(async () => {
        const all = await on.settled()
        return all.length >= expected.length ? all : undefined
      })
      deepEqual(
        rows.map(({ responseId, ending }) => [responseId, ending]),
        expected,
      )
      equal(client.events().filter(({ type }) => type === 'response.done').length, last === done('two') ? 2 : 1)
    }
  })

  test('whose quota is used up by writing down what was said hears the answer to that, or ends with what is said next', async () => {
    const type = 'conversation.item.input_audio_transcription.completed'
    const written = JSON.stringify({ type, item_id: 'item', usage: { type: 'tokens', ...USAGE } })
    for (const last of [[created('one'), done('one')], [written]]) {
      await using line = await wired({ member: { fiveHourQuota: 1n } })
      const { on } = line
      using client = await talk(on.url, on.key, { path: PATH })
      const upstream = await upstreamOf(line)
      for (const text of [written, ...last]) upstream.send(text)
      deepEqual(await client.closed, { code: 1008, reason: 'the quota is used up' })
      deepEqual(
        client.got.slice(0, -1).map(({ data }) => data.toString()),
        [written, ...last],
      )
      const rows = await on.settled()
      deepEqual([rows.length, ...new Set(rows.map(({ precision }) => precision))], [1 + 1, 'exact'])
    }
  })

  test('whose quota is used up ends though the ledger is so slow that the end of its answer did not wait for it', async () => {
    await using line = await wired({ member: { fiveHourQuota: 1n } })
    const { on } = line
    using client = await talk(on.url, on.key, { path: PATH })
    const upstream = await upstreamOf(line)
    {
      using _ = lockLedger(on.folder)
      for (const text of [created('one'), done('one')]) upstream.send(text)
      await client.event('response.done')
    }
    equal(Object((await client.event('error'))['error']).code, 'member_5h_quota_exceeded')
    deepEqual(await client.closed, { code: 1008, reason: 'the quota is used up' })
  })

  test('ends with 1012 when the gateway stops: at once, or behind what runs, and begins nothing any more', async () => {
    await using line = await wired()
    const { on, up } = line
    up.script = () => undefined
    using idle = await talk(on.url, on.key, { path: PATH })
    const other = await upstreamOf(line)
    using busy = await talk(on.url, on.key, { path: PATH })
    const upstream = await until(() => up.sockets().find((socket) => socket !== other))
    busy.say({ type: 'response.create' })
    await until(() => (up.messages.length === 1 ? true : undefined))
    upstream.send(created('one'))
    await busy.event('response.created')
    const stopped = on.gateway.stop(new AbortController().signal)
    equal((await idle.closed).code, 1012)
    busy.say({ type: 'response.create' })
    busy.say({ type: 'input_audio_buffer.clear' })
    await until(() => (up.messages.length === 2 ? true : undefined))
    match(up.messages[1]?.data.toString() ?? '', /clear/)
    equal(busy.socket.readyState, busy.socket.OPEN)
    upstream.send(done('one'))
    await busy.event('response.done')
    equal((await busy.closed).code, 1012)
    await stopped
    deepEqual(
      (await on.settled()).map(({ responseId, ending, precision }) => [responseId, ending, precision]),
      [['one', 'complete', 'exact']],
    )
    equal(up.open(), 0)
  })

  test('that does not come about keeps no place, whoever gave it up', async () => {
    await using on = await startStand({ member: { maxConcurrent: 1 } })
    const [path, handshake] = [PATH, { on: 'handshake', path: '/v1/realtime' } as const]
    on.simulator.script({ ...handshake, status: 400, body: { error: { message: 'No.' } } })
    equal((await refusedTalk(on.url, on.key, { path })).status, 400)
    on.simulator.script({ ...handshake, headDelayMs: 60_000 })
    const headers = { authorization: `Bearer ${on.key}`, originator: 'codex_exec' }
    const leaving = new WebSocket(`${on.url.replace('http', 'ws')}${path}`, { headers })
    leaving.on('error', () => undefined)
    await until(() => (on.simulator.openConnections() === 1 ? true : undefined))
    leaving.terminate()
    await until(() => (on.simulator.openConnections() === 0 ? true : undefined))
    const unknown = await toldNo(on.url, on.key, { path: '/v1/realtime?model=gpt-none' })
    deepEqual([unknown.code, unknown.close], ['model_not_found', 1008])
    match(unknown.message, /^OpenAI has no such model/)
    using client = await talk(on.url, on.key, { path })
    await client.event('session.created')
    client.say({ type: 'response.create' })
    await client.event('response.done')
    deepEqual(
      (await on.settled()).map(({ ending, status }) => [ending, status]),
      [
        ['complete', 200],
        ['refused', 404],
        ['refused', 400],
      ],
    )
  })

  test('knows what wrote down what was said, also once that is switched off', async () => {
    await using line = await wired()
    const { on } = line
    using client = await talk(on.url, on.key, { path: PATH })
    const upstream = await upstreamOf(line)
    const transcription = { model: 'gpt-4o-mini-transcribe' }
    for (const input of [{ transcription }, { transcription: null }]) {
      upstream.send(JSON.stringify({ type: 'session.updated', session: { audio: { input } } }))
    }
    const type = 'conversation.item.input_audio_transcription.completed'
    upstream.send(JSON.stringify({ type, item_id: 'item', usage: { type: 'tokens', ...USAGE } }))
    await client.event(type)
    deepEqual(
      (await on.calls()).map(({ model }) => model),
      ['gpt-4o-mini-transcribe'],
    )
  })
})
