import { deepEqual, equal, match, partialDeepStrictEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { openAppServer } from '../support/app-server.ts'
import { HAS_VOICE } from '../support/codex-version.ts'
import { ALPHA, BETA, startCodexStand, type CodexStand } from '../support/codex-stand.ts'
import { SDP } from '../support/offers.ts'
import { expectSpokenTruth } from '../support/spoken-truth.ts'
import { until } from '../support/stand.ts'
import { speak, startVoice } from '../support/voice.ts'

const OFFER = { type: 'webrtc', sdp: SDP }

async function line(toml: string): Promise<CodexStand> {
  return await startCodexStand({
    simulator: { tokens: 'bytes' },
    upstreams: [ALPHA, BETA],
    toml,
    codex: { voice: true },
  })
}

const talks = (): void => {
  const versions = {
    v1: { path: '/v1/realtime/calls', model: 'gpt-realtime-1.5', beside: '/v1/realtime?intent=quicksilver&call_id=' },
    v3: { path: '/v1/live', model: 'gpt-live-1-codex', beside: '/v1/live/' },
  }
  for (const [version, { path, model, beside }] of Object.entries(versions)) {
    test(`gets upstream’s answer to its offer, and asks for the WebSocket of that call (${version})`, async () => {
      await using session = await line('[routes]\nwebrtc = true\n')
      await using app = await openAppServer(session.codex.appServer())
      const threadId = await startVoice(app, { version, transport: OFFER })
      match(String((await app.heard('thread/realtime/sdp'))['sdp']), /^v=0\r\n.*\r\nm=audio /s)

      const [truth] = session.stand.simulator.truth()
      const row = (await session.stand.settled()).find(({ kind }) => kind === 'realtime_call')
      partialDeepStrictEqual(row, { path, model, status: 201, ending: 'complete', credits: 0n })
      partialDeepStrictEqual(row, { responseId: truth?.id, upstream: truth?.key, threadId, precision: 'unknown' })
      const [offered, socket] = await until(() => {
        const requests = session.requests()
        return requests.length > 1 ? requests : undefined
      })
      deepEqual(session.stand.simulator.requests()[0]?.body, offered?.body)
      deepEqual([socket?.method, socket?.path], ['GET', `${beside}${truth?.id}`])
    })
  }

  test('is metered over the WebSocket beside its call, where that tells of answers (v1)', async () => {
    await using session = await line('[routes]\nwebsocket = true\nwebrtc = true\n')
    await using app = await openAppServer(session.codex.appServer())
    const threadId = await startVoice(app, { version: 'v1', transport: OFFER })
    await app.heard('thread/realtime/started')
    await speak(app, threadId)
    const { stand } = session
    await until(() =>
      stand.simulator.truth().some(({ terminalType }) => terminalType === 'response.done') ? true : undefined,
    )
    const [said, offered] = await stand.settled()
    partialDeepStrictEqual(said, { kind: 'realtime', path: '/v1/realtime', model: 'gpt-realtime-1.5', threadId })
    deepEqual([said?.upstream, said?.ending, said?.precision], [offered?.upstream, 'complete', 'exact'])
    expectSpokenTruth(
      [said].flatMap((row) => row ?? []),
      stand.simulator.truth(),
    )
    deepEqual(app.all('thread/realtime/error'), [])
  })

  test('has that WebSocket too where it tells of no answers as far as is known (v3)', async () => {
    await using session = await line('[routes]\nwebsocket = true\nwebrtc = true\n')
    await using app = await openAppServer(session.codex.appServer())
    await startVoice(app, { version: 'v3', transport: OFFER })
    await app.heard('thread/realtime/started')
    const [beside] = await until(() =>
      session.stand.simulator.webSockets().length > 0 ? session.stand.simulator.webSockets() : undefined,
    )
    match(String(beside?.path), /^\/v1\/live\/rtc_/)
    equal(beside?.closedAt, undefined)
    deepEqual(app.all('thread/realtime/error'), [])
  })

  test('hears that it is switched off, and whom to ask', async () => {
    await using session = await line('')
    await using app = await openAppServer(session.codex.appServer())
    await startVoice(app, { version: 'v1', transport: OFFER })
    const { message } = await app.heard('thread/realtime/error')
    match(String(message), /switched off at this gateway.*webrtc = true under \[routes\]/)
    deepEqual(session.stand.simulator.requests(), [])
    equal(session.requests().length, 1)
  })
}
if (HAS_VOICE) suite('a codex session that talks over WebRTC', talks)
