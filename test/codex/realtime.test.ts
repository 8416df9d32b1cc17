import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { openAppServer, type AppServer, type Message } from '../support/app-server.ts'
import { codexHome } from '../support/codex.ts'
import { HAS_VOICE } from '../support/codex-version.ts'
import { startCodexStand, type CodexStandOptions, type CodexStand } from '../support/codex-stand.ts'
import { expectSpokenTruth } from '../support/spoken-truth.ts'
import { until } from '../support/stand.ts'
import { speak, startVoice } from '../support/voice.ts'

const ANSWER = 'one two six'
const SIMULATOR = { tokens: 'bytes', text: ANSWER } as const
const WEB_SOCKET = { version: 'v2', transport: { type: 'websocket' } }

async function line(options: CodexStandOptions = {}): Promise<CodexStand> {
  return await startCodexStand({
    simulator: SIMULATOR,
    toml: '[routes]\nwebsocket = true\n',
    codex: { voice: true },
    ...options,
  })
}

function byAssistant({ role }: Message): boolean {
  return role === 'assistant'
}

/** What a user hears and reads of one spoken turn. */
async function spokenTurn(app: AppServer, outputModality: 'audio' | 'text'): Promise<readonly unknown[]> {
  const threadId = await startVoice(app, { ...WEB_SOCKET, outputModality })
  await app.heard('thread/realtime/started')
  await speak(app, threadId)
  const { text } = await app.heard('thread/realtime/transcript/done', byAssistant)
  const { text: question } = await app.heard('thread/realtime/transcript/done', (done) => !byAssistant(done))
  const sounds = app.all('thread/realtime/outputAudio/delta').map(({ audio }) => Object(audio).data as unknown)
  const words = app.all('thread/realtime/transcript/delta').map(({ role, delta }) => [role, delta])
  return [question, text, sounds, words, app.all('thread/realtime/error')]
}

const talks = (): void => {
  for (const outputModality of ['audio', 'text'] as const) {
    test(`is answered in ${outputModality} as OpenAI answers it, and every token is metered`, async () => {
      await using session = await line()
      await using app = await openAppServer(session.codex.appServer())
      const seen = await spokenTurn(app, outputModality)
      const { stand } = session
      await until(() => (stand.simulator.truth().every(({ terminal }) => terminal) ? true : undefined))
      const rows = await stand.settled()
      expectSpokenTruth(rows, stand.simulator.truth())
      deepEqual(new Set(rows.map(({ kind }) => kind)), new Set(['realtime', 'transcription']))
      equal(rows.length, 2)
      const said = rows.find(({ kind }) => kind === 'realtime')
      const { inputAudioTokens = 0, outputAudioTokens = 0 } = said?.spoken ?? {}
      deepEqual([inputAudioTokens > 0, outputAudioTokens > 0], [true, outputAudio(outputModality)])
      ok(said?.threadId !== undefined && said.credits > 0n)

      await using direct = await startSimulator(SIMULATOR)
      using home = await codexHome({ url: direct.url, key: 'sk-sim-alpha', voice: true })
      await using other = await openAppServer(home.appServer())
      deepEqual(seen, await spokenTurn(other, outputModality))
      equal(seen[1], ANSWER)
    })
  }

  test('ends with its member’s quota, hears why, and is refused the next time with the same words', async () => {
    await using session = await line({ member: { fiveHourQuota: 1n } })
    await using app = await openAppServer(session.codex.appServer())
    const threadId = await startVoice(app, { ...WEB_SOCKET, outputModality: 'audio' })
    await app.heard('thread/realtime/started')
    await speak(app, threadId)
    const { message } = await app.heard('thread/realtime/error')
    match(String(message), /^Your 5-hour quota is used up: .* It resets at /)
    deepEqual((await app.heard('thread/realtime/closed'))['reason'], 'error')
    const { stand } = session
    await until(() => (stand.simulator.webSockets()[0]?.closedAt === undefined ? undefined : true))
    expectSpokenTruth(await stand.settled(), stand.simulator.truth())

    const again = await startVoice(app, WEB_SOCKET)
    const refused = await app.heard('thread/realtime/error', (told) => told['threadId'] === again)
    match(String(refused['message']), /^Your 5-hour quota is used up: .* It resets at /)
    equal(stand.simulator.webSockets().length, 1)
    const [row] = await stand.calls()
    deepEqual([row?.ending, row?.refusal, row?.status], ['refused', 'member_5h_quota_exceeded', 429])
  })
}
if (HAS_VOICE) suite('a codex session that talks over WebSocket', talks)

function outputAudio(modality: 'audio' | 'text'): boolean {
  return modality === 'audio'
}
