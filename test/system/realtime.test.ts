import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { HOUR_MS } from '../../src/core/calendar.ts'
import { NANO_PER_CREDIT } from '../../src/core/units.ts'
import { rowsIn } from '../support/ledger-file.ts'
import { talk, toldNo, type SocketTalk } from '../support/socket-client.ts'
import { expectSpokenTruth } from '../support/spoken-truth.ts'
import { startStand, until, type Stand, type StandOptions } from '../support/stand.ts'

const PATH = '/v1/realtime?model=gpt-realtime'
const ENDED = new Set<unknown>(['client-left', 'refused'])
const SECOND = Buffer.alloc(48_000).toString('base64')

function stand(options: StandOptions = {}): Promise<Stand> {
  return startStand({ ...options, toml: `[routes]\nwebsocket = true\n${options.toml ?? ''}` })
}

async function session(on: Stand, fields?: object): Promise<SocketTalk> {
  const client = await talk(on.url, on.key, { path: PATH })
  await client.event('session.created')
  if (fields === undefined) return client
  client.say({ type: 'session.update', session: { type: 'realtime', ...fields } })
  await client.event('session.updated')
  return client
}

const TEXT = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Say something.' }] }

async function ask(client: SocketTalk, response: object = {}): Promise<Readonly<Record<string, unknown>>> {
  client.say({ type: 'response.create', response })
  return await client.event('response.done')
}

suite('a realtime session', { concurrency: 4 }, () => {
  test('is metered response by response and transcription by transcription, each kind of token at its price', async () => {
    await using on = await stand({ member: { fiveHourQuota: 1000n * NANO_PER_CREDIT } })
    const transcription = { model: 'gpt-4o-mini-transcribe' }
    using client = await session(on, { audio: { input: { transcription } } })
    client.say({ type: 'conversation.item.create', item: TEXT })
    await ask(client)
    client.say({ type: 'input_audio_buffer.append', audio: SECOND })
    client.say({ type: 'input_audio_buffer.commit' })
    await client.event('conversation.item.input_audio_transcription.completed')
    const image = { type: 'input_image', image_url: 'data:image/png;base64,AAAA' }
    client.say({ type: 'conversation.item.create', item: { ...TEXT, content: [image] } })
    await ask(client, { output_modalities: ['text'] })
    // Who has seen the end of a response finds it in the ledger.
    const rows = await on.calls()
    expectSpokenTruth(rows, on.simulator.truth())
    deepEqual(
      rows.map(({ kind, transport, path, model, attempts }) => [kind, transport, path, model, attempts]),
      [
        ['realtime', 'ws', '/v1/realtime', 'gpt-realtime', 1],
        ['transcription', 'ws', '/v1/realtime', 'gpt-4o-mini-transcribe', 1],
        ['realtime', 'ws', '/v1/realtime', 'gpt-realtime', 1],
      ],
    )
    ok(rows.every(({ credits }) => credits > 0n))
    const [window] = await rowsIn(on.folder, "SELECT CAST(settled AS TEXT) AS settled FROM windows WHERE name = '5h'")
    equal(
      BigInt(String(window?.['settled'])),
      rows.reduce((sum, { credits }) => sum + credits, 0n),
    )
    equal((await on.usage())[0]?.messages, 2)
  })

  test('pays for a transcription by its length where that is what it costs', async () => {
    await using on = await stand({ simulator: { transcriptionUsage: 'duration' } })
    using client = await session(on, { audio: { input: { transcription: { model: 'whisper-1' } } } })
    client.say({ type: 'input_audio_buffer.append', audio: SECOND })
    client.say({ type: 'input_audio_buffer.commit' })
    await client.event('conversation.item.input_audio_transcription.completed')
    const [row] = await on.calls()
    equal(row?.spoken?.audioMs, 1000)
    expectSpokenTruth([row], on.simulator.truth())
  })

  test('pays the fallback for a length of audio of which a minute has no price, or nothing and says so', async () => {
    for (const [minute, credits, precision] of [
      [undefined, 425_000_000n, 'exact'],
      [0, 0n, 'unknown'],
    ] as const) {
      const toml = minute === undefined ? '' : `[credit]\nunknown_model_minute = ${minute}\n`
      await using on = await stand({ simulator: { transcriptionUsage: 'duration' }, toml })
      const models = ['gpt-4o-mini-transcribe', 'gpt-hears']
      for (const model of models) {
        using client = await session(on, { audio: { input: { transcription: { model } } } })
        for (let second = 0; second < 60; second++) client.say({ type: 'input_audio_buffer.append', audio: SECOND })
        client.say({ type: 'input_audio_buffer.commit' })
        await client.event('conversation.item.input_audio_transcription.completed')
      }
      const rows = (await on.settled()).filter(({ kind }) => kind === 'transcription')
      deepEqual(
        rows.map((row) => [row.model, row.spoken?.audioMs, row.credits, row.precision]),
        models.toReversed().map((model) => [model, 60_000, credits, precision]),
      )
      const by = precision === 'exact' ? 'priced by the fallback' : 'charged nothing, for its price is not known'
      for (const model of models) ok(on.log.some((line) => line.includes(by) && line.includes(`audio, model ${model}`)))
      const ready = await fetch(`${on.url}/readyz`, { headers: { accept: 'application/json' } })
      const { priced_by_fallback: named } = (await ready.json()) as Record<string, unknown>
      deepEqual(
        named,
        models.map((model) => `minutes of audio, model ${model}`),
      )
      const reports = await on.admin((store) =>
        store.reports.usageBy({ from: 0, to: HOUR_MS * 1_000_000, by: ['model'] }),
      )
      deepEqual(
        reports.filter(({ model }) => models.includes(model ?? '')).map(({ usd, unpriced }) => [usd, unpriced]),
        models.map(() => [0n, 1]),
      )
    }
  })

  test('is refused what the member may not do, and told in its own words', async () => {
    await using on = await stand({ member: { models: ['gpt-realtime'] } })
    const other = await toldNo(on.url, on.key, { path: '/v1/realtime?model=gpt-realtime-2' })
    deepEqual([other.code, other.close], ['model_not_allowed', 1008])
    match(other.message, /gpt-realtime-2 is not allowed to you/)
    equal((await toldNo(on.url, on.key, { path: '/v1/realtime' })).code, 'model_not_allowed')
    deepEqual(on.simulator.webSockets(), [])
    using client = await session(on)
    client.say({ type: 'session.update', event_id: 'mine', session: { model: 'gpt-realtime-2' } })
    const { error } = await client.event('error')
    deepEqual(Object(error).event_id, 'mine')
    equal(Object(error).code, 'model_not_allowed')
  })

  test('ends when the quota is used up: no response goes further', async () => {
    await using on = await stand({ member: { fiveHourQuota: 1n } })
    using client = await session(on)
    await ask(client)
    const { error } = await client.event('error')
    equal(Object(error).code, 'member_5h_quota_exceeded')
    match(String(Object(error).message), /^Your 5-hour quota is used up: .* Ask your gateway admin for more quota\.$/)
    equal((await client.closed).code, 1008)
    const again = await toldNo(on.url, on.key, { path: PATH })
    deepEqual([again.code, again.close], ['member_5h_quota_exceeded', 1008])
    const [row] = await on.calls()
    deepEqual([row?.ending, row?.status, row?.refusal], ['refused', 429, 'member_5h_quota_exceeded'])
    expectSpokenTruth(await on.settled(), on.simulator.truth())
  })

  test('is told of what upstream refuses, and the next response is a call of its own', async () => {
    await using on = await stand({ simulator: { deltas: 40, eventDelayMs: 5 } })
    using client = await session(on, { output_modalities: ['text'] })
    client.say({ type: 'response.create', event_id: 'first' })
    await client.event('response.output_text.delta')
    client.say({ type: 'response.create', event_id: 'second' })
    const { error } = await client.event('error')
    equal(Object(error).event_id, 'second')
    client.say({ type: 'response.cancel' })
    const done = await client.event('response.done')
    equal(Object(done['response']).status, 'cancelled')
    await ask(client)
    const rows = await on.settled()
    expectSpokenTruth(rows, on.simulator.truth())
    equal(rows.filter(({ responseId, credits }) => responseId === undefined && credits === 0n).length, 1)
    equal(rows.length, 3)
  })

  test('takes the key of a browser, which can name it among the subprotocols alone', async () => {
    await using on = await stand()
    const protocols = ['realtime', `openai-insecure-api-key.${on.key}`]
    using client = await talk(on.url, '', { path: PATH, protocols })
    equal(client.socket.protocol, 'realtime')
    await client.event('session.created')
    // Nor does it show anybody a handshake that was refused.
    const path = '/v1/realtime?model=gpt-none'
    await on.admin(({ registry }) => registry.setUpstream('alpha', { models: ['gpt-realtime'] }))
    await until(async () =>
      (await toldNo(on.url, '', { path, protocols })).code === 'model_not_found' ? true : undefined,
    )
    const upstream = on.simulator.requests().map(({ rawHeaders }) => rawHeaders.join(' '))
    ok(!upstream.some((text) => text.includes(on.key)))
  })

  test('leaves nothing open, whoever ends it and when', async () => {
    await using on = await stand({ simulator: { deltas: 60, eventDelayMs: 5 }, member: { maxConcurrent: 1 } })
    for (const end of [
      (client: SocketTalk) => client.socket.terminate(),
      (client: SocketTalk) => client.socket.close(1000),
    ]) {
      using client = await session(on, { output_modalities: ['text'] })
      equal((await toldNo(on.url, on.key, { path: PATH })).code, 'concurrency_limit_exceeded')
      client.say({ type: 'response.create' })
      await client.event('response.output_text.delta')
      end(client)
      await until(async () => ((await on.calls()).every(({ ending }) => ENDED.has(ending)) ? true : undefined))
      await until(() => (on.simulator.openConnections() === 0 ? true : undefined))
    }
    on.simulator.script({ path: '/v1/realtime', close: { code: 1001, afterEvents: 6 } })
    using client = await session(on, { output_modalities: ['text'] })
    client.say({ type: 'response.create' })
    equal((await client.closed).code, 1001)
    const [broken] = await on.settled()
    deepEqual([broken?.ending, broken?.precision], ['upstream-broke', 'estimated'])
    const codes = async (): Promise<unknown[]> =>
      (await rowsIn(on.folder, 'SELECT code FROM connections ORDER BY started_at')).map(({ code }) => code)
    await until(async () => (String(await codes()) === '1006,1000,1001' ? true : undefined))
    // The place is free.
    using last = await session(on)
    await ask(last)
  })
})
