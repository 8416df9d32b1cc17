import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { startStand, until } from '../support/stand.ts'
import { expectTruth } from '../support/truth.ts'
import { ask, eventsIn, says, turn, type Ask } from '../support/wire.ts'

type Pairs = readonly (readonly [string, string])[]

function pairs(raw: readonly string[]): Pairs {
  return raw.flatMap((name, i) => (i % 2 === 0 ? [[name, raw[i + 1] ?? ''] as const] : []))
}

function without(raw: readonly string[], dropped: RegExp): Pairs {
  return pairs(raw).filter(([name]) => !dropped.test(name.toLowerCase()))
}

const TEXTS = { text: 'Größe, 日本, \u2028 and “quotes” 🙂.', tokens: 'bytes' } as const
/** What a hop makes anew. */
const HOP = /^(?:host|connection|content-length|transfer-encoding|keep-alive|authorization)$/

suite('what passes through', { concurrency: 4 }, () => {
  test('is in the request byte for byte, with its headers in their order and case, less what is named', async () => {
    await using on = await startStand({ simulator: TEXTS })
    const kept = [
      'X-OpenAI-Internal-Thing',
      'a b ; c',
      'x-codex-window-id',
      'w:0',
      'X-Twice',
      'one',
      'x-twice',
      'two',
      'OpenAI-Beta',
      'x=y',
      'x-umlaut',
      'caf\u00e9',
    ]
    const dropped = [
      'Cookie',
      'a=b',
      'X-Forwarded-For',
      '1.2.3.4',
      'x-forwarded-host',
      'h',
      'Via',
      '1.1 p',
      'Forwarded',
      'for=1',
      'X-Real-IP',
      '1.2.3.4',
      'OpenAI-Organization',
      'org-x',
      'openai-project',
      'p',
      'Accept-Encoding',
      'gzip',
      'x-named',
      'gone',
      'Connection',
      'keep-alive, x-named',
      'te',
      'trailers',
      'proxy-authorization',
      'Basic x',
      'x-api-key',
      'secret',
    ]
    const asked = turn(on.key, { headers: [...kept, ...dropped], input: [says('日本 \\u0000 1e400 \ud83d\ude42')] })
    const body = String(asked.body).replace('{', '{ \t\n "parallel_tool_calls" :\r true,')
    const answered = await ask(on.url, { ...asked, body, path: '/v1/responses?a=%20b&c&&d=ü'.replace('ü', '%C3%BC') })
    ok(answered.text.includes('response.completed'), answered.text)
    const [received] = on.simulator.requests()
    equal(received?.method, 'POST')
    equal(received?.url, '/v1/responses?a=%20b&c&&d=%C3%BC')
    equal(received?.body.toString(), body)
    const gone = new Set(['authorization', ...dropped.map((name) => name.toLowerCase())])
    deepEqual(
      without(received?.rawHeaders ?? [], HOP),
      pairs(asked.headers ?? []).filter(([name]) => !gone.has(name.toLowerCase())),
    )
    equal(pairs(received?.rawHeaders ?? []).find(([name]) => name === 'authorization')?.[1], 'Bearer sk-sim-alpha')
  })

  test('is in the answer byte for byte, less upstream’s cookies and limits, which are the member’s own', async () => {
    await using on = await startStand({
      simulator: { ...TEXTS, turnState: true },
      member: { fiveHourQuota: 10n ** 15n },
    })
    const limits = {
      'x-codex-primary-used-percent': '99',
      'x-codex-secondary-reset-at': '1',
      'x-team-primary-window-minutes': '7',
      'x-codex-limit-name': 'theirs',
      'x-codex-credits-balance': '1',
      'x-codex-active-limit': 'a',
      'x-codex-promo-message': 'Buy more',
    }
    on.simulator.script({ headers: { ...limits, 'X-Odd-Case': ['one', 'two'], 'x-codex-turn-state': 'keep' } })
    const through = await ask(on.url, turn(on.key))
    on.simulator.script({ headers: { 'X-Odd-Case': ['one', 'two'], 'x-codex-turn-state': 'keep' } })
    const direct = await ask(on.simulator.url, turn('sk-sim-alpha'))
    const names = (raw: readonly string[]): readonly string[] =>
      without(
        raw,
        /^(?:set-cookie|alt-svc|strict-transport-security|date|connection|keep-alive|transfer-encoding|x-codex-(?:primary|limit).*)$/,
      ).map(([name]) => name)
    deepEqual(names(through.rawHeaders), names(direct.rawHeaders))
    deepEqual(without(through.rawHeaders, /^(?!x-odd-case)/), [
      ['X-Odd-Case', 'one'],
      ['X-Odd-Case', 'two'],
    ])
    for (const name of [
      'set-cookie',
      'alt-svc',
      'strict-transport-security',
      'x-codex-secondary-reset-at',
      'x-team-primary-window-minutes',
      'x-codex-credits-balance',
      'x-codex-active-limit',
      'x-codex-promo-message',
    ]) {
      equal(through.header(name), undefined, name)
      if (name.length < 11 || name === 'strict-transport-security') ok(direct.header(name) !== undefined, name)
    }
    equal(through.header('x-codex-primary-used-percent'), '0')
    equal(through.header('x-codex-limit-name'), 'codex')
    equal(through.header('x-codex-turn-state'), 'keep')
    const [row] = await on.settled()
    equal(through.header('x-request-id'), row?.requestId)
    deepEqual(
      eventsIn(through.text).map(({ type }) => type),
      eventsIn(direct.text).map(({ type }) => type),
    )
  })

  test('names the model as it was asked for, but shows a true reroute', async () => {
    await using on = await startStand({ simulator: { ...TEXTS, openaiModel: 'snapshot' } })
    equal((await ask(on.url, turn(on.key))).header('openai-model'), 'gpt-5.5')
    on.simulator.script({ headers: { 'openai-model': 'gpt-5.2' } })
    equal((await ask(on.url, turn(on.key))).header('openai-model'), 'gpt-5.2')
  })

  test('is a compressed body as it came, and understood', async () => {
    await using on = await startStand({ simulator: TEXTS })
    for (const [encoding, compress] of [
      ['zstd', zstdCompressSync],
      ['gzip', gzipSync],
    ] as const) {
      const plain = turn(on.key, { headers: ['Content-Encoding', encoding] })
      const body = compress(Buffer.from(String(plain.body)))
      const answered = await ask(on.url, { ...plain, body })
      match(answered.text, /response\.completed/)
      const received = on.simulator.requests().at(-1)
      ok(received?.body.equals(body))
      equal((await on.settled())[0]?.model, 'gpt-5.5')
    }
    expectTruth(await on.settled(), on.simulator.truth())
  })
})

const CHAT = JSON.stringify({ model: 'gpt-5.5', messages: [{ role: 'user', content: 'Hi' }], stream: true })
const chat = (key: string, body: string): Ask => ({ ...turn(key, { path: '/v1/chat/completions' }), body })

suite('other shapes of call', { concurrency: 4 }, () => {
  test('of streamed chat are made to state their usage, which the client does not see unless it asked', async () => {
    await using on = await startStand({ simulator: TEXTS })
    const silent = await ask(on.url, chat(on.key, CHAT))
    deepEqual(JSON.parse(on.simulator.requests()[0]?.body.toString() ?? ''), {
      ...JSON.parse(CHAT),
      stream_options: { include_usage: true },
    })
    ok(!silent.text.includes('"usage":{') && silent.text.endsWith('data: [DONE]\n\n'), silent.text)
    const body = CHAT.replace('}]', '}],"stream_options":{"include_usage":true}')
    const telling = await ask(on.url, chat(on.key, body))
    equal(on.simulator.requests()[1]?.body.toString(), body)
    ok(telling.text.includes('"usage":{') && telling.text.endsWith('data: [DONE]\n\n'))
    equal(eventsIn(telling.text).length, eventsIn(silent.text).length + 1)
    expectTruth(await on.settled(), on.simulator.truth())
  })

  test('of streamed chat say how long they are only when nothing is taken out of them', async () => {
    await using on = await startStand({ simulator: TEXTS })
    const [said, usage, done] = [
      'data: {"choices":[{"index":0,"delta":{"content":"Größe"}}],"usage":null}\n\n',
      'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5}}\n\n',
      'data: [DONE]\n\n',
    ]
    const body = `${said}${usage}${done}`
    const length = String(Buffer.byteLength(body))
    const asking = CHAT.replace('}]', '}],"stream_options":{"include_usage":true}')
    for (const [request, text, stated] of [
      [CHAT, `${said}${done}`, undefined],
      [asking, body, length],
    ] as const) {
      on.simulator.script({
        status: 200,
        headers: { 'content-type': 'text/event-stream', 'content-length': length },
        body,
      })
      // A client that was promised more would wait for it.
      const answered = await ask(on.url, { ...chat(on.key, request), signal: AbortSignal.timeout(5000) })
      deepEqual([answered.text, answered.whole], [text, true])
      equal(answered.header('content-length'), stated)
      deepEqual((await on.settled())[0]?.outputTokens, 5)
    }
  })

  test('are unary responses, compaction and unary chat, metered exactly', async () => {
    await using on = await startStand({ simulator: TEXTS })
    await ask(on.url, turn(on.key, { stream: false }))
    const compact = turn(on.key, { path: '/v1/responses/compact' })
    await ask(on.url, {
      ...compact,
      body: JSON.stringify({ model: 'gpt-5.5', input: [says('Hi')], instructions: 'Short.' }),
    })
    await ask(on.url, chat(on.key, CHAT.replace('true', 'false')))
    const rows = await on.settled()
    deepEqual(
      rows.map(({ kind, transport, precision, status }) => [kind, transport, precision, status]),
      [
        ['turn', 'http', 'exact', 200],
        ['compaction', 'http', 'exact', 200],
        ['turn', 'http', 'exact', 200],
      ],
    )
    equal(rows.filter(({ outputTokens }) => outputTokens > 0).length, 3)
    expectTruth(rows, on.simulator.truth())
  })

  test('are the models, of which a member sees its own', async () => {
    await using on = await startStand()
    const own = await on.addMember({ name: 'bob', models: ['gpt-5.5', 'gpt-6-sol'] })
    const list = async (key: string): Promise<readonly string[]> => {
      const answered = await ask(on.url, {
        method: 'GET',
        path: '/v1/models?client_version=0.169.0',
        headers: ['authorization', `Bearer ${key}`],
      })
      if (answered.status !== 200) return []
      ok((answered.header('x-request-id') ?? '').length > 8)
      return (JSON.parse(answered.text) as { data: { id: string }[] }).data.map(({ id }) => id)
    }
    ok((await list(on.key)).length > 10)
    const shown = await until(async () => {
      const names = await list(own)
      return names.length > 0 ? names : undefined
    })
    deepEqual(shown, ['gpt-6-sol', 'gpt-5.5'])
    equal((await ask(on.url, { method: 'GET', path: '/v1/models' })).status, 401)
    deepEqual(await on.calls(), [])
  })
})
