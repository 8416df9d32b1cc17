import { deepEqual, equal, match, partialDeepStrictEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { openAppServer, type AppServer } from '../support/app-server.ts'
import { HAS_VOICE } from '../support/codex-version.ts'
import { ALPHA, BETA, startCodexStand, type CodexStand } from '../support/codex-stand.ts'
import { SDP } from '../support/offers.ts'
import { until } from '../support/stand.ts'

async function line(toml: string): Promise<CodexStand> {
  return await startCodexStand({
    simulator: { tokens: 'bytes' },
    upstreams: [ALPHA, BETA],
    toml,
    codex: { voice: true },
  })
}

/** Has a thread talk over WebRTC, by the version of Codex's voice protocol. */
async function talk(app: AppServer, version: string): Promise<string> {
  const { thread } = await app.request('thread/start', {})
  const threadId = String((thread as { readonly id: unknown }).id)
  const transport = { type: 'webrtc', sdp: SDP }
  const realtime = { threadId, version, outputModality: 'audio', prompt: 'be brief', transport }
  await app.request('thread/realtime/start', realtime)
  return threadId
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
      const threadId = await talk(app, version)
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

  test('hears that it is switched off, and whom to ask', async () => {
    await using session = await line('')
    await using app = await openAppServer(session.codex.appServer())
    await talk(app, 'v1')
    const { message } = await app.heard('thread/realtime/error')
    match(String(message), /switched off at this gateway.*webrtc = true under \[routes\]/)
    deepEqual(session.stand.simulator.requests(), [])
    equal(session.requests().length, 1)
  })
}
if (HAS_VOICE) suite('a codex session that talks over WebRTC', talks)
