import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { readBody, type Asked } from './body.ts'
import { intentOf } from './intent.ts'

const encoder = new TextEncoder()

function read(body: unknown): Asked {
  const asked = readBody(encoder.encode(typeof body === 'string' ? body : JSON.stringify(body)))
  if ('problem' in asked) throw new Error(asked.problem)
  return asked
}

function problem(body: unknown): string {
  const asked = readBody(encoder.encode(typeof body === 'string' ? body : JSON.stringify(body)))
  return 'problem' in asked ? asked.problem : ''
}

const UA = ['user-agent', 'codex_exec/0.169.0 (Debian 12.0.0; x86_64) dumb (codex_exec; 0.169.0)']

suite('reading a body', () => {
  test('finds the fields that matter among any others', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.string({ minLength: 1, maxLength: 50 }),
        fc.boolean(),
        (other, model, stream) => {
          const asked = read({
            ...other,
            input: [],
            messages: [],
            model,
            stream,
            service_tier: 'flex',
            background: false,
            generate: true,
            stream_options: null,
            prompt_cache_key: 'k',
          })
          deepEqual(
            [asked.model, asked.stream, asked.serviceTier, asked.ciphertextAt, asked.promptCacheKey],
            [model, stream, 'flex', undefined, 'k'],
          )
        },
      ),
    )
  })

  test('knows ciphertext, compaction and user input by the items', () => {
    const user = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] }
    const reasoning = { type: 'reasoning', encrypted_content: 'gAAA' }
    equal(read({ input: [user] }).endsInUserInput, true)
    equal(read({ input: [{ content: 'hi', role: 'user' }] }).endsInUserInput, true)
    equal(read({ input: 'hi' }).endsInUserInput, true)
    equal(read({ input: [] }).endsInUserInput, false)
    equal(read({ input: [user, 'odd'] }).endsInUserInput, false)
    equal(read({ input: [user, { type: 'function_call_output', output: 'x' }] }).endsInUserInput, false)
    equal(read({ messages: [{ role: 'user', content: 'x' }] }).endsInUserInput, true)
    const two = { input: [user, reasoning, { ...reasoning, encrypted_content: 'other' }] }
    equal(read(two).ciphertextAt, JSON.stringify(two).indexOf('"gAAA"'))
    equal(read({ input: [{ ...reasoning, encrypted_content: null }, user] }).ciphertextAt, undefined)
    equal(read({ input: [user, { type: 'compaction_trigger' }] }).endsInCompactionTrigger, true)
    equal(read({ input: [{ type: 'compaction_trigger' }, user] }).endsInCompactionTrigger, false)
  })

  test('says which field is wrong and what would be right', () => {
    match(problem('{"model":"a","model":"b"}'), /twice/)
    for (const text of ['', '[]', '"x"', '{"a":1', 'null', '{"model":"gpt-5.5"} x'])
      match(problem(text), /one JSON object/, text)
    match(problem({ model: 5 }), /"model" must be a string/)
    match(problem({ stream: 'yes' }), /"stream" must be true or false/)
    match(problem({ background: true }), /"background" must be false/)
    match(problem({ model: 'x'.repeat(201) }), /"model" is longer than 200/)
    equal(problem({ model: 'm', stream: null, service_tier: null }), '')
  })

  test('tells where stream_options stand', () => {
    const body = '{"a":1,"stream_options":{"include_usage":false}}'
    const { streamOptions, includeUsage } = read(body)
    equal(body.slice(streamOptions?.from, streamOptions?.to), '{"include_usage":false}')
    equal(includeUsage, false)
    equal(read({ stream_options: { include_usage: true } }).includeUsage, true)
  })
})

suite('intent', () => {
  test('every signal of Codex counts, and nothing else does', () => {
    const codex = (headers: string[], path = '/v1/responses', body: unknown = {}) =>
      intentOf(headers, path, read(body)).codex
    ok(codex(UA))
    ok(codex([], '/v1/responses', { model: 'gpt-5.1-Codex-max' }))
    ok(codex([], '/v1/responses', { session: { model: 'gpt-5-codex' } }))
    ok(codex([], '/v1/responses', { response: { model: 'gpt-5-codex' } }))
    ok(codex([], '/v1/responses?model=gpt-5-codex'))
    for (const name of ['session_id', 'conversation_id', 'X-Codex-Window-Id', 'session-id', 'thread-id'])
      ok(codex([name, 'x']), name)
    ok(codex(['originator', 'codex_exec']))
    ok(!codex(['user-agent', 'curl/8', 'x-session-id', 's'], '/v1/responses', { model: 'gpt-5.5' }))
  })

  test('the conversation is found in every version of the client', () => {
    const session = (headers: string[], body: unknown = {}) => intentOf(headers, '/v1/responses', read(body)).sessionId
    equal(session(['session-id', 'a', 'session_id', 'b']), 'a')
    equal(session(['session_id', 'b', 'conversation_id', 'c']), 'b')
    equal(session(['conversation_id', 'c'], { prompt_cache_key: 'k' }), 'c')
    equal(session([], { client_metadata: { session_id: 'm' }, prompt_cache_key: 'k' }), 'm')
    equal(session([], { prompt_cache_key: 'k' }), 'k')
    equal(session(['session-id', 'x'.repeat(201)]), undefined)
    equal(intentOf(['thread-id', 't'], '/', read({})).threadId, 't')
    equal(intentOf(['x-codex-turn-metadata', '{"thread_id":"t","turn_id":"u"}'], '/', read({})).turnId, 'u')
  })

  test('each kind of call is told apart', () => {
    const kind = (headers: string[], body: unknown = {}, path = '/v1/responses') =>
      intentOf(headers, path, read(body)).kind
    const turn = (metadata: unknown) => ['x-codex-turn-metadata', JSON.stringify(metadata)]
    equal(kind(UA), 'turn')
    equal(kind(turn({ request_kind: 'turn', thread_source: 'user' })), 'turn')
    equal(kind(turn({ request_kind: 'prewarm' })), 'turn')
    equal(kind(turn({ request_kind: 'prewarm' }), { generate: false }), 'prewarm')
    equal(kind([], { generate: false }), 'prewarm')
    equal(kind(turn({ request_kind: 'compaction' })), 'compaction')
    equal(kind([], { input: [{ type: 'compaction_trigger' }] }), 'compaction')
    equal(kind([], {}, '/v1/responses/compact'), 'compaction')
    equal(kind(turn({ request_kind: 'turn', thread_source: 'thread_title' })), 'thread_title')
    equal(kind(['x-openai-subagent', 'review']), 'review')
    equal(kind(['x-openai-subagent', 'collab_spawn']), 'subagent')
    equal(kind([], { client_metadata: { 'x-codex-turn-metadata': '{"thread_source":"subagent"}' } }), 'subagent')
    equal(kind(['x-codex-turn-metadata', 'not json']), 'turn')
  })

  test('a message is a named turn, or a request that ends in user input', () => {
    const message = (headers: string[], body: unknown) => intentOf(headers, '/v1/responses', read(body)).message
    ok(message(['x-codex-turn-metadata', '{"turn_id":"u"}'], { input: [{ type: 'function_call_output' }] }))
    ok(message([], { input: [{ role: 'user' }] }))
    ok(!message([], { input: [{ type: 'function_call_output' }] }))
    ok(
      !message(['x-codex-turn-metadata', '{"turn_id":"u","thread_source":"thread_title"}'], {
        input: [{ role: 'user' }],
      }),
    )
  })
})
