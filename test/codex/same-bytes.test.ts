import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { MODELS } from '../support/codex-version.ts'
import { ALPHA, startCodexStand, type CodexStand } from '../support/codex-stand.ts'

/** What the gateway takes out of a request's head: credentials, hops, and traces of where the member sits. */
const DROPPED =
  /^(authorization|api-key|x-api-key|cookie|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|accept-encoding|expect|forwarded|via|x-forwarded-.*|x-real-ip|openai-organization|openai-project)$/

/** What every hop makes anew. */
const OWN = /^(host|connection|content-length|authorization)$/

suite('what upstream receives of a codex session', () => {
  const sessions = {
    ...Object.fromEntries(MODELS.map((model) => [`with tools of ${model}`, { model }])),
    'that is compacted upstream': { providerName: 'OpenAI', settings: 'model_auto_compact_token_limit = 10000' },
    'with headers and a query of its own': {
      providerSettings: `query_params = { "api-version" = "2026-11-01" }
http_headers = { "X-Team" = "blue", "x-openai-unheard-of" = "passes", "Cookie" = "a=b", "X-Forwarded-For" = "10.0.0.1", "Via" = "1.1 office", "OpenAI-Organization" = "org-member", "OpenAI-Project" = "proj-member" }`,
    },
  }
  for (const [name, codex] of Object.entries(sessions)) {
    test(`${name} is what Codex sent, byte for byte and header for header`, async () => {
      await using line = await startCodexStand({
        simulator: { agent: 'shell-and-edit', turnState: true },
        upstreams: [ALPHA],
        codex,
      })
      for (const args of [['First.'], ['resume', '--last', 'Second.'], ['resume', '--last', 'Third.']]) {
        const result = await line.codex.exec(args, 30_000)
        equal(result.code, 0, result.stderr)
      }
      expectSameRequests(line)
    })
  }

  test('is under the key of the administrator, never of the member', async () => {
    await using line = await startCodexStand()
    const result = await line.codex.exec(['Hello.'])
    equal(result.code, 0, result.stderr)
    const [received] = line.stand.simulator.requests()
    ok(received)
    const headers = pairs(received.rawHeaders)
    deepEqual(
      headers.filter(([header]) => header === 'authorization'),
      [['authorization', 'Bearer sk-sim-alpha']],
    )
    ok(!JSON.stringify(headers).includes(line.stand.key))
    ok(!received.body.includes(line.stand.key))
  })
})

function expectSameRequests(line: CodexStand): void {
  const sent = line.requests()
  const received = line.stand.simulator.requests()
  equal(received.length, sent.length)
  ok(sent.length >= 9)
  match(sent.map((request) => pairs(request.rawHeaders).join()).join(), /x-codex-turn-state/)
  for (const [i, request] of sent.entries()) {
    const other = received[i]
    ok(other)
    deepEqual([other.method, other.url], [request.method, request.path])
    ok(request.body.length > 10_000)
    ok(other.body.equals(request.body), `the body of request ${i} differs`)
    deepEqual(
      pairs(other.rawHeaders).filter(([name]) => !OWN.test(name.toLowerCase())),
      pairs(request.rawHeaders).filter(([name]) => !OWN.test(name.toLowerCase()) && !DROPPED.test(name.toLowerCase())),
    )
  }
}

function pairs(rawHeaders: readonly string[]): [string, string][] {
  return rawHeaders.flatMap((name, i): [string, string][] => (i % 2 === 0 ? [[name, rawHeaders[i + 1] ?? '']] : []))
}
