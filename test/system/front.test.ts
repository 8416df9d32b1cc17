import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { create, talk } from '../support/socket-client.ts'
import { socketUpstream } from '../support/socket-upstream.ts'
import { startStand } from '../support/stand.ts'
import { ask, turn } from '../support/wire.ts'

/** What tunnels, load balancers and sign-ons in front of the gateway add to a member's request. */
const ADDED = {
  'cf-connecting-ip': '203.0.113.7',
  'cf-visitor': '{"scheme":"https"}',
  'cf-access-jwt-assertion': 'member-token',
  'cdn-loop': 'cloudflare',
  'true-client-ip': '203.0.113.7',
  'x-client-ip': '203.0.113.7',
  'x-amzn-oidc-accesstoken': 'member-token',
  'x-goog-iap-jwt-assertion': 'member-token',
  'x-auth-request-access-token': 'member-token',
}
const KEPT = { 'x-codex-window-id': 'w:0', 'x-client-request-id': 't' }

suite('what stands in front of the gateway', () => {
  test('tells upstream nothing of the member, over HTTP and over WebSocket', async () => {
    await using upstream = await socketUpstream()
    await using on = await startStand({ toml: `[upstream]\nws_base_url = "${upstream.url}"\n` })
    const headers = { ...ADDED, ...KEPT }
    equal((await ask(on.url, turn(on.key, { headers: Object.entries(headers).flat() }))).status, 200)
    using client = await talk(on.url, on.key, { headers })
    client.say(create())
    await client.event('response.completed')
    const over = {
      http: on.simulator.requests()[0]?.rawHeaders ?? [],
      ws: upstream.handshakes[0]?.rawHeaders ?? [],
    }
    for (const [way, raw] of Object.entries(over)) {
      const names = new Set(raw.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()))
      deepEqual([way, Object.keys(ADDED).filter((name) => names.has(name))], [way, []])
      deepEqual([way, Object.keys(KEPT).filter((name) => !names.has(name))], [way, []])
      ok(!raw.includes('member-token'))
    }
  })
})

suite('a try that upstream refused', () => {
  test('stands in the log with its status and what upstream said, but for keys', async () => {
    await using on = await startStand()
    on.simulator.script({
      status: 403,
      body: '<html>\n<title>DNS points to prohibited IP</title>\nsk-sim-alpha </html>',
    })
    await ask(on.url, turn(on.key))
    const line = on.log.find((each) => each.includes('upstream try failed')) ?? ''
    const {
      error_class: errorClass,
      status,
      said,
    } = JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>
    deepEqual([errorClass, status], ['forbidden', 403])
    equal(said, '<html> <title>DNS points to prohibited IP</title> [redacted] </html>')
  })
})
