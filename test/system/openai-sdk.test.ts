/** OpenAI's own client library, through the gateway. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import OpenAI from 'openai'
import { ResponsesWS } from 'openai/resources/responses/ws'
import type { Response, ResponseCreateParamsBase } from 'openai/resources/responses/responses'
import { startStand, until, type Stand } from '../support/stand.ts'
import { expectTruth } from '../support/truth.ts'

const CODEX = { originator: 'codex_exec' }
const TEXT = 'Hello from the other side.'

async function stand(): Promise<Stand> {
  return await startStand({
    simulator: { text: TEXT, tokens: 'bytes', reasoningTokens: 3 },
    member: { models: ['gpt-5.5'] },
    toml: '[routes]\nwebsocket = true\n',
  })
}

/** As it is set up for OpenAI itself, but for the address, the key and the name of Codex. */
function sdk(on: Stand, apiKey = on.key): OpenAI {
  return new OpenAI({ baseURL: `${on.url}/v1`, apiKey, defaultHeaders: CODEX, maxRetries: 0 })
}

function ask(input: string, previous?: string): ResponseCreateParamsBase {
  return { model: 'gpt-5.5', input, store: false, ...(previous !== undefined && { previous_response_id: previous }) }
}

/** What a row and the simulator say of the last response that the library was given. */
async function expectCharged(on: Stand, { id, usage }: Response): Promise<void> {
  const row = await until(async () => (await on.settled()).find(({ responseId }) => responseId === id))
  deepEqual(
    [row.ending, row.precision, row.inputTokens, row.cachedInputTokens, row.outputTokens, row.reasoningTokens],
    [
      'complete',
      'exact',
      usage?.input_tokens,
      usage?.input_tokens_details.cached_tokens,
      usage?.output_tokens,
      usage?.output_tokens_details.reasoning_tokens,
    ],
  )
}

interface Session extends AsyncDisposable {
  readonly socket: ResponsesWS
  /** One turn: what its deltas say together, and the response. */
  turn(asked: ResponseCreateParamsBase): Promise<{ readonly said: string; readonly response: Response }>
}

async function session(on: Stand): Promise<Session> {
  const socket = new ResponsesWS(sdk(on), { headers: CODEX })
  await once(socket.socket as unknown as NodeJS.EventEmitter, 'open')
  const turn: Session['turn'] = async (asked) => {
    const { promise, resolve, reject } = Promise.withResolvers<Response>()
    let said = ''
    const hear = ({ delta }: { readonly delta: string }): void => void (said += delta)
    const done = ({ response }: { readonly response: Response }): void => resolve(response)
    socket.on('response.output_text.delta', hear).on('response.completed', done).on('response.failed', done)
    socket.on('error', reject)
    try {
      socket.send({ type: 'response.create', ...asked })
      return { response: await promise, said }
    } finally {
      socket.off('response.output_text.delta', hear).off('response.completed', done).off('response.failed', done)
      socket.off('error', reject)
    }
  }
  return {
    socket,
    turn,
    [Symbol.asyncDispose]: async () => {
      socket.close()
      await until(() => (on.simulator.openConnections() === 0 ? true : undefined))
    },
  }
}

suite('the openai package', { concurrency: 4 }, () => {
  test('has a session of several turns over WebSocket', async () => {
    await using on = await stand()
    {
      await using talk = await session(on)
      let previous: string | undefined
      for (const input of ['One', 'Two', 'Three']) {
        const { said, response } = await talk.turn(ask(input, previous))
        equal(said, TEXT)
        equal(response.status, 'completed')
        await expectCharged(on, response)
        previous = response.id
      }
      equal(on.simulator.webSockets().length, 1)
    }
    const rows = await on.settled()
    deepEqual(
      rows.map(({ transport }) => transport),
      ['ws', 'ws', 'ws'],
    )
    expectTruth(rows, on.simulator.truth())
  })

  test('is told no in a turn over WebSocket, and goes on', async () => {
    await using on = await stand()
    await using talk = await session(on)
    const { response } = await talk.turn({ ...ask('One'), model: 'gpt-6-sol' })
    equal(response.error?.code, 'invalid_prompt')
    ok(response.error?.message.includes('gpt-6-sol is not allowed to you'))
    equal((await talk.turn(ask('Two'))).said, TEXT)
    equal(on.simulator.truth().length, 1)
  })

  test('has its answers over HTTP, whole and as a stream', async () => {
    await using on = await stand()
    const openai = sdk(on)
    const whole = await openai.responses.create({ ...ask('One'), stream: false })
    equal(whole.output_text, TEXT)
    await expectCharged(on, whole)
    let said = ''
    let last: Response | undefined
    for await (const event of await openai.responses.create({ ...ask('Two'), stream: true })) {
      if (event.type === 'response.output_text.delta') said += event.delta
      if (event.type === 'response.completed') last = event.response
    }
    equal(said, TEXT)
    ok(last)
    await expectCharged(on, last)
    expectTruth(await on.settled(), on.simulator.truth())
  })

  test('has chat completions, and the models that its member may use', async () => {
    await using on = await stand()
    const openai = sdk(on)
    const messages = [{ role: 'user', content: 'Hi' }] as const
    const whole = await openai.chat.completions.create({ model: 'gpt-5.5', messages: [...messages] })
    equal(whole.choices[0]?.message.content, TEXT)
    let said = ''
    for await (const chunk of await openai.chat.completions.create({
      model: 'gpt-5.5',
      messages: [...messages],
      stream: true,
    }))
      said += chunk.choices[0]?.delta.content ?? ''
    equal(said, TEXT)
    expectTruth(await on.settled(), on.simulator.truth())
    const models = await Array.fromAsync(openai.models.list(), ({ id }) => id)
    deepEqual(models, ['gpt-5.5'])
  })

  test('makes its own errors of refusals', async () => {
    await using on = await stand()
    await rejects(sdk(on, 'nonsense').responses.create({ ...ask('One'), stream: false }), OpenAI.AuthenticationError)
    const stranger = new OpenAI({ baseURL: `${on.url}/v1`, apiKey: on.key, maxRetries: 0 })
    await rejects(stranger.responses.create({ ...ask('One'), stream: false }), OpenAI.PermissionDeniedError)
    deepEqual(on.simulator.truth(), [])
  })
})
