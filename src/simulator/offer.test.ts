import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startSimulator, type Simulator } from './simulator.ts'
import { at } from './test-client.ts'
import { call, refused } from './test-socket.ts'

const OFFER = 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n'

/** What a browser or Codex sends: both parts in a form. */
function form(session: unknown, sdp: string | undefined = OFFER): FormData {
  const parts = new FormData()
  if (sdp !== undefined) parts.set('sdp', new Blob([sdp], { type: 'application/sdp' }))
  parts.set('session', new Blob([JSON.stringify(session)], { type: 'application/json' }))
  return parts
}

async function offer(
  sim: Simulator,
  body: FormData | string,
  { path = '/v1/realtime/calls', key = 'sk-sim-alpha' } = {},
): Promise<Response> {
  const type = typeof body === 'string' ? { 'content-type': 'application/sdp' } : {}
  return await fetch(sim.url + path, { method: 'POST', headers: { authorization: `Bearer ${key}`, ...type }, body })
}

async function idOf(reply: Response): Promise<string> {
  equal(reply.status, 201, await reply.clone().text())
  return reply.headers.get('location')?.split('/').at(-1) ?? ''
}

suite('an offer of a call over WebRTC', () => {
  test('is answered with SDP and with where the call is', async () => {
    await using sim = await startSimulator({ tokens: 'bytes' })
    const asked = ['/v1/realtime/calls?intent=quicksilver&architecture=avas', '/v1/live']
    for (const path of asked) {
      const reply = await offer(sim, form({ model: 'gpt-realtime-1.5' }), { path })
      equal(reply.headers.get('content-type'), 'application/sdp')
      match(await reply.clone().text(), /^v=0\r\n.*\r\nm=audio /s)
      const id = await idOf(reply)
      match(id, /^rtc_[0-9a-f]{48}$/)
      const record = sim.truth().at(-1)
      deepEqual(
        [record?.id, record?.path, record?.model, record?.status, record?.terminal, record?.usageStated],
        [id, path.split('?')[0], 'gpt-realtime-1.5', 201, true, false],
      )
    }
  })

  test('may be SDP alone, with the model in the query', async () => {
    await using sim = await startSimulator({ tokens: 'bytes' })
    await idOf(await offer(sim, OFFER, { path: '/v1/realtime/calls?model=gpt-realtime' }))
    equal(sim.truth()[0]?.model, 'gpt-realtime')
  })

  test('is refused for what is missing in it', async () => {
    await using sim = await startSimulator({ tokens: 'bytes' })
    const code = async (body: FormData | string, ask?: Parameters<typeof offer>[2]): Promise<unknown[]> => {
      const reply = await offer(sim, body, ask)
      const error = at(await reply.json(), 'error')
      return [reply.status, at(error, 'code'), at(error, 'param')]
    }
    deepEqual(await code(OFFER), [400, 'missing_required_parameter', 'session.model'])
    deepEqual(await code(form({ model: 'gpt-none' })), [404, 'model_not_found', null])
    deepEqual(await code(form({ model: 'gpt-realtime' }, 'hello')), [400, 'invalid_offer', 'sdp'])
    deepEqual(await code(form([])), [400, 'invalid_value', 'session'])
    deepEqual(await code(form({}), { key: 'sk-nobody' }), [401, 'invalid_api_key', null])
  })
})

suite('the WebSocket beside a call over WebRTC', () => {
  test('has the session of the call, and only keys of its project find it', async () => {
    await using sim = await startSimulator({ tokens: 'bytes', text: 'one two six' })
    const id = await idOf(await offer(sim, form({ model: 'gpt-realtime-1.5', instructions: 'sing' })))
    const path = `/v1/realtime?intent=quicksilver&call_id=${id}`
    for (const [where, key] of [
      [path, 'sk-sim-alpha'],
      [`/v1/live/${id}`, 'sk-sim-alpha-twin'],
    ] as const) {
      await using caller = await call(sim, { path: where, key })
      const [created] = await caller.heard('session.created')
      deepEqual(
        ['model', 'instructions'].map((name) => at(created, 'session', name)),
        ['gpt-realtime-1.5', 'sing'],
      )
      caller.say({ type: 'response.create' })
      await caller.heard('response.done')
      equal(sim.truth().at(-1)?.model, 'gpt-realtime-1.5')
    }
    for (const key of ['sk-sim-beta', 'sk-sim-alpha-other']) {
      const { status, body } = await refused(sim, { path, key })
      deepEqual([status, at(JSON.parse(body), 'error', 'code')], [404, 'call_id_not_found'])
    }
    for (const none of ['/v1/realtime?call_id=rtc_none', '/v1/live/rtc_none']) {
      equal((await refused(sim, { path: none })).status, 404)
    }
  })

  test('is not needed to talk: /v1/live takes a model of its own', async () => {
    await using sim = await startSimulator({ tokens: 'bytes' })
    await using caller = await call(sim, { path: '/v1/live?model=gpt-live-1-codex' })
    const [created] = await caller.heard('session.created')
    equal(at(created, 'session', 'model'), 'gpt-live-1-codex')
    equal((await refused(sim, { path: '/v1/live' })).status, 400)
  })
})
