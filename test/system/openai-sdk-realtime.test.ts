import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import OpenAI from 'openai'
import type { RealtimeServerEvent } from 'openai/resources/realtime/realtime'
import { OpenAIRealtimeWebSocket } from 'openai/realtime/websocket'
import { OpenAIRealtimeWS } from 'openai/realtime/ws'
import { expectSpokenTruth } from '../support/spoken-truth.ts'
import { startStand, until, type Stand, type StandOptions } from '../support/stand.ts'
import { CA, tlsFront } from '../support/ways.ts'

// The library speaks TLS only.
setDefaultCACertificates([...getCACertificates('default'), readFileSync(CA, 'utf8')])

type Client = OpenAIRealtimeWS | OpenAIRealtimeWebSocket

/** A gateway behind TLS, and OpenAI's own client of it. */
interface Line extends AsyncDisposable {
  readonly on: Stand
  readonly openai: OpenAI
}

async function behindTls(options: StandOptions = {}): Promise<Line> {
  await using parts = new AsyncDisposableStack()
  const front = parts.use(await tlsFront())
  const on = parts.use(await startStand(options))
  front.target = on.url
  const openai = new OpenAI({
    apiKey: on.key,
    baseURL: `https://localhost:${front.port}/v1`,
    dangerouslyAllowBrowser: true,
  })
  const all = parts.move()
  return { on, openai, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

/** Only by its model can a browser say that it is Codex: it sets no headers. */
const CLIENTS: Readonly<Record<string, { readonly model: string; readonly open: (openai: OpenAI) => Client }>> = {
  'OpenAIRealtimeWS (package ws)': {
    model: 'gpt-realtime',
    open: (openai) =>
      new OpenAIRealtimeWS({ model: 'gpt-realtime', options: { headers: { originator: 'codex_sdk_ts' } } }, openai),
  },
  'OpenAIRealtimeWebSocket (browsers)': {
    model: 'gpt-live-1-codex',
    open: (openai) => new OpenAIRealtimeWebSocket({ model: 'gpt-live-1-codex' }, openai),
  },
}

/** What came, and what went wrong. */
interface Heard {
  readonly events: readonly RealtimeServerEvent[]
  readonly errors: readonly Error[]
  /** Resolves when that many events of the type have come. */
  readonly count: (type: RealtimeServerEvent['type'], many: number) => Promise<RealtimeServerEvent>
}

function listen(client: Client): Heard {
  const [events, errors]: [RealtimeServerEvent[], Error[]] = [[], []]
  client.on('event', (event) => events.push(event))
  client.on('error', (error) => errors.push(error))
  const count: Heard['count'] = (type, many) => until(() => events.filter((event) => event.type === type)[many - 1])
  return { events, errors, count }
}

suite('OpenAI’s client for JavaScript in a realtime session', () => {
  for (const [name, { model, open }] of Object.entries(CLIENTS)) {
    test(`writes, speaks and is heard, and pays for every token: ${name}`, async () => {
      await using line = await behindTls()
      const client = open(line.openai)
      const { count, errors, events } = listen(client)
      await count('session.created', 1)
      const input = {
        transcription: { model: 'gpt-4o-mini-transcribe' },
        turn_detection: { type: 'server_vad' },
      } as const
      client.send({ type: 'session.update', session: { type: 'realtime', audio: { input } } })
      const content = [{ type: 'input_text', text: 'Say something.' }] as const
      client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [...content] } })
      client.send({ type: 'response.create', response: { output_modalities: ['text'] } })
      await count('response.done', 1)
      const audio = Buffer.concat([Buffer.alloc(48_000, 1), Buffer.alloc(48_000)]).toString('base64')
      client.send({ type: 'input_audio_buffer.append', audio })
      await count('conversation.item.input_audio_transcription.completed', 1)
      await count('response.done', 2)
      const rows = await line.on.settled()
      client.close({ code: 1000, reason: 'OK' })
      deepEqual(errors, [])
      ok(events.some(({ type }) => type === 'response.output_audio.delta'))

      deepEqual(new Set(rows.map((row) => row.model)), new Set([model, 'gpt-4o-mini-transcribe']))
      equal(rows.length, 3)
      expectSpokenTruth(rows, line.on.simulator.truth())
      await until(() => (line.on.simulator.webSockets()[0]?.closeCode === 1000 ? true : undefined))
      const [connection] = line.on.simulator.webSockets()
      deepEqual([connection?.closeReason, line.on.simulator.webSockets().length], ['OK', 1])
      const sent = line.on.simulator.requests().map(({ rawHeaders }) => rawHeaders.join(' '))
      ok(!sent.some((headers) => headers.includes(line.on.key)))
    })

    test(`reads why it gets no session: ${name}`, async () => {
      await using line = await behindTls({ member: { models: ['gpt-5.5'] } })
      const client = open(line.openai)
      const { errors } = listen(client)
      const error = await until(() => errors[0])
      match(error.message, new RegExp(`The model ${model} is not allowed to you`))
      equal(Object(error).error.code, 'model_not_allowed')
      client.close()
    })
  }
})
