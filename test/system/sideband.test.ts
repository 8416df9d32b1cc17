import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { CALLS, offer } from '../support/offers.ts'
import { refusedTalk, talk } from '../support/socket-client.ts'
import { expectSpokenTruth } from '../support/spoken-truth.ts'
import { startStand, until, type Stand, type StandOptions } from '../support/stand.ts'
import { ask } from '../support/wire.ts'

const ON = '[routes]\nwebsocket = true\nwebrtc = true\n'

async function stand(options: StandOptions = {}): Promise<Stand> {
  return await startStand({ ...options, toml: ON })
}

async function newCall(on: Stand, path: string = CALLS, model = 'gpt-realtime'): Promise<string> {
  const { header, status } = await ask(on.url, offer(on.key, { path, model }))
  equal(status, 201)
  return header('location')?.split('/').at(-1) ?? ''
}

function openSockets(on: Stand): number {
  return on.simulator.webSockets().filter(({ closedAt }) => closedAt === undefined).length
}

suite('the WebSocket beside a call over WebRTC', { concurrency: 4 }, () => {
  test('goes to the key that made the call, and is metered at its model', async () => {
    await using on = await stand({ upstreams: [{ name: 'alpha' }, { name: 'beta' }, { name: 'alpha-other' }] })
    for (const path of [CALLS, '/v1/live']) {
      const call = await newCall(on, path)
      const beside = path === CALLS ? `/v1/realtime?intent=quicksilver&call_id=${call}` : `/v1/live/${call}`
      using client = await talk(on.url, on.key, { path: beside })
      await client.event('session.created')
      client.say({ type: 'response.create' })
      await client.event('response.done')
      const [said, offered] = await on.calls()
      deepEqual([said?.kind, said?.model, said?.upstream], ['realtime', 'gpt-realtime', offered?.upstream])
      equal(said?.path, path === CALLS ? '/v1/realtime' : path)
    }
    const rows = (await on.settled()).filter(({ kind }) => kind === 'realtime')
    expectSpokenTruth(rows, on.simulator.truth())
    equal(rows.length, 2)
  })

  test('is for the member whose call it is, and for nobody else', async () => {
    await using on = await stand()
    const mallory = await on.addMember({ name: 'mallory' })
    const call = await newCall(on)
    await until(async () => ((await ask(on.url, offer(mallory, { body: 'x' }))).status === 400 ? true : undefined))
    for (const path of [`/v1/realtime?call_id=${call}`, `/v1/live/${call}`]) {
      const refused = await refusedTalk(on.url, mallory, { path })
      equal(refused.status, 404)
      match(refused.text, /knows no call of yours by this id/)
    }
    equal((await refusedTalk(on.url, on.key, { path: '/v1/realtime?call_id=' })).status, 404)
    equal(on.simulator.requests().length, 1)
  })

  test('is one: a second one takes its place, or each response would be paid twice', async () => {
    await using on = await stand({ member: { maxConcurrent: 1 } })
    const path = `/v1/realtime?call_id=${await newCall(on)}`
    using first = await talk(on.url, on.key, { path })
    using second = await talk(on.url, on.key, { path })
    equal((await first.closed).code, 1012)
    await second.event('session.created')
    await until(() => (openSockets(on) === 1 ? true : undefined))
  })

  test('is refused when its key is taken away', async () => {
    await using on = await stand({ upstreams: [{ name: 'alpha' }, { name: 'alpha-other' }] })
    const path = `/v1/realtime?call_id=${await newCall(on)}`
    const [offered] = await on.calls()
    using client = await talk(on.url, on.key, { path })
    await on.admin(({ registry }) => registry.setUpstream(offered?.upstream ?? '', { enabled: false }))
    equal((await client.closed).code, 1012)
    const refused = await refusedTalk(on.url, on.key, { path })
    equal(refused.status, 503)
    match(refused.text, /key that this call was made with is not enabled/)
  })

  test('and sessions of /v1/live are there when they are switched on', async () => {
    await using on = await stand()
    using client = await talk(on.url, on.key, { path: '/v1/live?model=gpt-live-1-codex' })
    await client.event('session.created')
    client.say({ type: 'response.create' })
    await client.event('response.done')
    const [row] = await on.calls()
    deepEqual([row?.path, row?.model, row?.precision], ['/v1/live', 'gpt-live-1-codex', 'exact'])
    await using off = await startStand({ toml: '[routes]\nwebsocket = true\n' })
    for (const path of ['/v1/live?model=gpt-live-1-codex', '/v1/live/rtc_1', '/v1/realtime?call_id=rtc_1']) {
      const refused = await refusedTalk(off.url, off.key, { path })
      equal(refused.status, 404)
      match(refused.text, /webrtc = true under \[routes\]/)
    }
  })
})
