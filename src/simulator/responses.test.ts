import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { startSimulator } from './simulator.ts'
import { at, hear, json, MODEL, post } from './test-client.ts'

const PLAIN = { tokens: 'bytes', reasoningTokens: 0, text: 'one two' } as const

suite('responses', () => {
  test('tells a streamed answer in the order of the API', async () => {
    await using sim = await startSimulator(PLAIN)
    const { events, headers, raw } = await hear(sim)
    deepEqual(
      events.map((event) => event['type']),
      [
        'response.created',
        'response.in_progress',
        'response.output_item.added',
        'response.content_part.added',
        'response.output_text.delta',
        'response.output_text.delta',
        'response.output_text.done',
        'response.content_part.done',
        'response.output_item.done',
        'response.completed',
      ],
    )
    deepEqual(
      events.map((event) => event['sequence_number']),
      events.map((_, i) => i),
    )
    match(raw, /^event: response\.created\ndata: \{"type":"response\.created","sequence_number":0,/)
    equal(headers.get('content-type'), 'text/event-stream; charset=utf-8')
    equal(at(events, 0, 'response', 'usage'), null)
    equal(at(events, -1, 'response', 'output', 0, 'content', 0, 'text'), 'one two')
  })

  test('states usage whose parts add up to the truth', async () => {
    await using sim = await startSimulator({ reasoningTokens: 20, text: 'one two three', cacheWrites: true })
    const { events } = await hear(sim, { input: 'Say one two three, please.' })
    const [call] = sim.truth()
    deepEqual(at(events, -1, 'response', 'usage'), {
      input_tokens: call?.inputTokens,
      input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
      output_tokens: 23,
      output_tokens_details: { reasoning_tokens: 20 },
      total_tokens: (call?.inputTokens ?? 0) + 23,
    })
    equal(call?.outputTokens, 23)
    ok(call.terminal && call.usageStated)
    equal(call.id, at(events, -1, 'response', 'id'))
  })

  test('gives the same response object unary as at the end of a stream', async () => {
    await using sim = await startSimulator(PLAIN)
    const body = await json(post(sim, { model: MODEL, input: 'hi' }))
    const { events } = await hear(sim)
    deepEqual(Object.keys(body), Object.keys(at(events, -1, 'response') ?? {}))
    equal(body['status'], 'completed')
    equal(body['model'], 'gpt-5.5-2026-04-23')
    deepEqual(
      sim.truth().map((call) => [call.outputTokens, call.terminalType]),
      [
        [2, 'body'],
        [2, 'response.completed'],
      ],
    )
  })

  test('answers in as many deltas as it is told to', async () => {
    await using sim = await startSimulator({ ...PLAIN, deltas: 200 })
    const { events } = await hear(sim)
    equal(events.filter((event) => event['type'] === 'response.output_text.delta').length, 200)
    equal(sim.truth()[0]?.eventsSent, 208)
  })

  test('lets only the organization that was given ciphertext hand it in again', async () => {
    await using sim = await startSimulator({ tokens: 'bytes' })
    const include = ['reasoning.encrypted_content']
    const { events } = await hear(sim, { include })
    const reasoning = at(events, -1, 'response', 'output', 0)
    match(String(at(reasoning, 'encrypted_content')), /^gAAAA/)

    const body = { model: MODEL, input: [reasoning, { role: 'user', content: 'go on' }], include }
    equal((await post(sim, body, { key: 'sk-sim-alpha-other' })).status, 200)
    const refused = await post(sim, body, { key: 'sk-sim-beta' })
    equal(refused.status, 400)
    const error = at(await refused.json(), 'error')
    equal(at(error, 'code'), 'invalid_encrypted_content')
    match(String(at(error, 'message')), /^The encrypted content gAAA\.\.\.\S{4} could not be verified\.$/)
  })

  test('leaves ciphertext out unless it was asked for', async () => {
    await using sim = await startSimulator({ tokens: 'bytes' })
    const body = await json(post(sim, { model: MODEL, input: 'hi' }))
    equal(at(body, 'output', 0, 'type'), 'reasoning')
    equal(at(body, 'output', 0, 'encrypted_content'), undefined)
  })

  test('compacts when the input ends in a compaction trigger', async () => {
    await using sim = await startSimulator({ tokens: 'bytes' })
    const { events } = await hear(sim, { input: [{ role: 'user', content: 'hi' }, { type: 'compaction_trigger' }] })
    const output = at(events, -1, 'response', 'output')
    deepEqual(Array.isArray(output) ? output.map((item) => at(item, 'type')) : [], ['compaction'])
    const again = await post(sim, { model: MODEL, input: output }, { key: 'sk-sim-gamma' })
    equal(again.status, 400)
  })

  test('compacts through its own endpoint, with usage', async () => {
    await using sim = await startSimulator({ tokens: 'bytes' })
    const input = [{ role: 'user', content: [{ type: 'input_text', text: 'hi' }] }]
    const body = await json(post(sim, { model: MODEL, input }, { path: '/v1/responses/compact' }))
    equal(body['object'], 'response.compaction')
    equal(at(body, 'output', 0, 'role'), 'user')
    equal(at(body, 'output', 1, 'type'), 'compaction')
    equal(at(body, 'usage', 'output_tokens'), sim.truth()[0]?.outputTokens)
  })

  test('answers a schema with JSON that fits it', async () => {
    await using sim = await startSimulator({ tokens: 'bytes', agent: 'shell-and-edit' })
    const title = { type: 'string', minLength: 1, maxLength: 8 }
    const schema = { type: 'object', properties: { title }, required: ['title'] }
    const text = { format: { type: 'json_schema', name: 'codex_output_schema', schema } }
    const tools = [{ type: 'function', name: 'exec_command' }]
    const body = await json(post(sim, { model: MODEL, input: 'title', text, tools }))
    const answer: unknown = JSON.parse(String(at(body, 'output', 1, 'content', 0, 'text')))
    equal(String(at(answer, 'title')).length, 8)
  })

  test('counts as cached what the organization has sent before under the same cache key', async () => {
    await using sim = await startSimulator({ tokens: 'bytes', cacheWrites: true })
    const input = 'word '.repeat(1500)
    const cached = async (key: string, prompt_cache_key: string): Promise<unknown> => {
      const body = await json(post(sim, { model: MODEL, input, prompt_cache_key }, { key }))
      return at(body, 'usage', 'input_tokens_details')
    }
    deepEqual(await cached('sk-sim-alpha', 'a'), { cached_tokens: 0, cache_write_tokens: 1792 })
    deepEqual(await cached('sk-sim-alpha-other', 'a'), { cached_tokens: 1792, cache_write_tokens: 0 })
    deepEqual(await cached('sk-sim-alpha', 'b'), { cached_tokens: 0, cache_write_tokens: 1792 })
    deepEqual(await cached('sk-sim-beta', 'a'), { cached_tokens: 0, cache_write_tokens: 1792 })
  })

  test('states the tier it used, and refuses one it does not have', async () => {
    await using sim = await startSimulator(PLAIN)
    equal((await json(post(sim, { model: MODEL, input: 'hi' })))['service_tier'], 'default')
    equal((await json(post(sim, { model: MODEL, input: 'hi', service_tier: 'priority' })))['service_tier'], 'priority')
    equal((await post(sim, { model: MODEL, input: 'hi', service_tier: 'best' })).status, 400)
    equal(sim.truth()[1]?.serviceTier, 'priority')
  })

  test('reads bodies compressed with zstd and gzip', async () => {
    await using sim = await startSimulator(PLAIN)
    const body = Buffer.from(JSON.stringify({ model: MODEL, input: 'hi' }))
    for (const [encoding, bytes] of [
      ['zstd', zstdCompressSync(body)],
      ['gzip', gzipSync(body)],
    ] as const) {
      const headers = { authorization: 'Bearer sk-sim-alpha', 'content-encoding': encoding }
      const reply = await fetch(`${sim.url}/v1/responses`, { method: 'POST', headers, body: bytes })
      equal(reply.status, 200)
      deepEqual(sim.requests().at(-1)?.body, bytes)
    }
  })

  test('hands out a turn state when set to, and keeps the one it is shown', async () => {
    await using sim = await startSimulator({ ...PLAIN, turnState: true })
    const first = (await hear(sim)).headers.get('x-codex-turn-state')
    notEqual(first, null)
    const again = await hear(sim, {}, { headers: { 'x-codex-turn-state': 'mine' } })
    equal(again.headers.get('x-codex-turn-state'), 'mine')
  })
})

suite('refusals', () => {
  const cases = [
    ['an unknown model', { model: 'gpt-99' }, 404, 'model_not_found'],
    ['no model', { model: undefined }, 400, 'missing_required_parameter'],
    ['no input', { input: undefined }, 400, 'missing_required_parameter'],
    ['an unknown parameter', { colour: 'red' }, 400, 'unknown_parameter'],
    ['include_usage, which only chat knows', { stream_options: { include_usage: true } }, 400, 'unknown_parameter'],
    ['background', { background: true }, 400, 'unsupported_parameter'],
    ['a previous response', { previous_response_id: 'resp_1', store: false }, 400, 'previous_response_not_found'],
  ] as const
  for (const [what, fields, status, code] of cases) {
    test(`answers ${what} with ${status} ${code} in the shape of the API`, async () => {
      await using sim = await startSimulator(PLAIN)
      const reply = await post(sim, { model: MODEL, input: 'hi', ...fields })
      const error = at(await reply.json(), 'error')
      deepEqual([reply.status, at(error, 'code'), at(error, 'type')], [status, code, 'invalid_request_error'])
      deepEqual(Object.keys(error ?? {}), ['message', 'type', 'param', 'code'])
      equal(sim.truth()[0]?.inputTokens, 0)
    })
  }

  test('lets include_obfuscation pass', async () => {
    await using sim = await startSimulator(PLAIN)
    equal((await hear(sim, { stream_options: { include_obfuscation: false } })).status, 200)
  })

  test('answers a bad key with 401 and stars, and a missing one with how to send it', async () => {
    await using sim = await startSimulator(PLAIN)
    const bad = await post(sim, {}, { key: 'sk-somebody-elses-key' })
    equal(bad.status, 401)
    const error = at(await bad.json(), 'error')
    equal(at(error, 'code'), 'invalid_api_key')
    match(String(at(error, 'message')), /^Incorrect API key provided: sk-someb\*+-key\./)
    const none = await fetch(`${sim.url}/v1/models`)
    equal(none.status, 401)
    deepEqual(
      sim.truth().map((call) => [call.status, call.key]),
      [
        [401, undefined],
        [401, undefined],
      ],
    )
  })

  test('refuses a header that names another organization than that of the key', async () => {
    await using sim = await startSimulator(PLAIN)
    const reply = await hear(sim, {}, { headers: { 'openai-organization': 'org-other' } })
    equal(reply.status, 401)
  })

  test('closes a model to a key whose project may not use it', async () => {
    const key = { secret: 'sk-sim-few', organization: 'o', project: 'p', models: ['gpt-6-sol'] }
    await using sim = await startSimulator({ ...PLAIN, keys: [key] })
    equal((await hear(sim, {}, { key: key.secret })).status, 404)
    equal((await hear(sim, { model: 'gpt-6-sol' }, { key: key.secret })).status, 200)
  })

  test('enforces a rate limit for each project in the words of the API', async () => {
    const rateLimit = { requestsPerMinute: 1, tokensPerMinute: 1_000_000 }
    await using sim = await startSimulator({ ...PLAIN, rateLimit })
    equal((await hear(sim)).headers.get('x-ratelimit-remaining-requests'), '0')
    const refused = await post(sim, { model: MODEL, input: 'hi' })
    equal(refused.status, 429)
    match(String(at(await refused.json(), 'error', 'message')), /Please try again in \d+(\.\d+)?s\./)
    equal(refused.headers.get('retry-after'), '60')
    equal((await hear(sim, {}, { key: 'sk-sim-alpha-other' })).status, 200)
  })

  test('answers what is no JSON, no path and no method of its', async () => {
    await using sim = await startSimulator(PLAIN)
    const headers = { authorization: 'Bearer sk-sim-alpha' }
    const ask = async (method: string, path: string, body?: string): Promise<number> =>
      (await fetch(sim.url + path, { method, headers, ...(body === undefined ? {} : { body }) })).status
    equal(await ask('POST', '/v1/responses', '{"model":'), 400)
    equal(await ask('POST', '/v1/nothing', '{}'), 404)
    equal(await ask('GET', '/v1/responses'), 405)
    equal(await ask('GET', '/v1/models'), 200)
  })
})
