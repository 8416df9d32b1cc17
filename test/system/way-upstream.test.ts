import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { serve } from '../support/serve.ts'
import { startGround, startStand, type Stand } from '../support/stand.ts'
import { create, talk } from '../support/socket-client.ts'
import { CA, proxy, TLS, tlsFront } from '../support/ways.ts'

async function ask({ url, key }: Pick<Stand, 'url' | 'key'>): Promise<{ status: number; text: string }> {
  const response = await fetch(`${url}/v1/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'user-agent': 'codex', 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-5.5', input: 'Hello' }),
  })
  return { status: response.status, text: await response.text() }
}

suite('the way upstream', () => {
  test('goes over TLS with a certificate of a private authority that is trusted by [upstream] ca_file', async () => {
    await using front = await tlsFront()
    const upstreams = [{ name: 'alpha', baseUrl: `https://127.0.0.1:${front.port}` }]
    await using stand = await startStand({ toml: `[upstream]\nca_file = ${JSON.stringify(CA)}\n`, upstreams })
    front.target = stand.simulator.url
    const { status, text } = await ask(stand)
    equal(status, 200, text)
    equal(stand.simulator.truth().length, 1)
  })

  test('trusts the authorities of NODE_EXTRA_CA_CERTS too where [upstream] ca_file is set', async () => {
    await using front = await tlsFront()
    const upstreams = [{ name: 'alpha', baseUrl: `https://127.0.0.1:${front.port}` }]
    const toml = `[upstream]\nca_file = ${JSON.stringify(join(TLS, 'server.pem'))}\n`
    await using ground = await startGround({ toml, upstreams })
    front.target = ground.simulator.url
    await using served = await serve(ground.configFile, { env: { NODE_EXTRA_CA_CERTS: CA } })
    const { status, text } = await ask({ url: served.url, key: ground.key })
    equal(status, 200, text)
  })

  test('is refused where the authority is not trusted, and nothing is sent', async () => {
    await using front = await tlsFront()
    const upstreams = [{ name: 'alpha', baseUrl: `https://127.0.0.1:${front.port}` }]
    await using stand = await startStand({ upstreams, toml: '[limits]\nqueue_secs = 0.3\ncodex_queue_secs = 0.3\n' })
    front.target = stand.simulator.url
    const { status, text } = await ask(stand)
    equal(status, 502)
    match(text, /could not be reached/)
    equal(stand.simulator.requests().length, 0)
    const [row] = await stand.settled()
    deepEqual([row?.ending, row?.credits], ['upstream-failed', 0n])
  })

  test('goes through the proxy of [upstream] proxy, over TLS too', async () => {
    await using between = await proxy()
    await using front = await tlsFront()
    const upstreams = [{ name: 'alpha', baseUrl: `https://127.0.0.1:${front.port}` }]
    const toml = `[upstream]\nproxy = "http://127.0.0.1:${between.port}"\nca_file = ${JSON.stringify(CA)}\n`
    await using stand = await startStand({ toml, upstreams })
    front.target = stand.simulator.url
    equal((await ask(stand)).status, 200)
    ok(between.asked.length > 0)
    ok(between.asked.every((host) => host === `127.0.0.1:${front.port}`))
  })

  test('goes through the proxy to a plain upstream', async () => {
    await using between = await proxy()
    await using stand = await startStand({ toml: `[upstream]\nproxy = "http://127.0.0.1:${between.port}"\n` })
    const { status, text } = await ask(stand)
    equal(status, 200, text)
    ok(between.asked.includes(`127.0.0.1:${stand.simulator.port}`))
  })
})

suite('the way upstream of a WebSocket', () => {
  test('goes over TLS with a private authority, and through a proxy, and around it where that is wanted', async () => {
    await using front = await tlsFront()
    await using between = await proxy()
    const upstreams = [{ name: 'alpha', baseUrl: `https://127.0.0.1:${front.port}` }]
    const tls = `[routes]\nwebsocket = true\n[upstream]\nca_file = ${JSON.stringify(CA)}\n`
    const through = `${tls}proxy = "http://127.0.0.1:${between.port}"\n`
    for (const [toml, proxied] of [
      [tls, false],
      [through, true],
    ] as const) {
      await using stand = await startStand({ toml, upstreams })
      front.target = stand.simulator.url
      using client = await talk(stand.url, stand.key)
      client.say(create())
      await client.event('response.completed')
      deepEqual(between.asked, proxied ? [`127.0.0.1:${front.port}`] : [])
      equal(stand.simulator.truth()[0]?.transport, 'ws')
    }
  })

  test('is not taken where the authority is not trusted: the turn is told that nothing could be reached', async () => {
    await using front = await tlsFront()
    const upstreams = [{ name: 'alpha', baseUrl: `https://127.0.0.1:${front.port}` }]
    await using stand = await startStand({
      upstreams,
      toml: '[routes]\nwebsocket = true\n[limits]\ncodex_queue_secs = 0.3\n',
    })
    front.target = stand.simulator.url
    using client = await talk(stand.url, stand.key)
    client.say(create())
    const failed = (await client.event('response.failed'))['response'] as { error: { code: string } }
    equal(failed.error.code, 'rate_limit_exceeded')
    equal(stand.simulator.requests().length, 0)
  })
})

suite('the administrator', () => {
  test('is told in the log, once, when a key is disabled or cools', async () => {
    await using stand = await startStand({ upstreams: [{ name: 'alpha' }, { name: 'beta' }] })
    stand.simulator.script({ key: 'alpha', times: null, status: 401, body: { error: { code: 'invalid_api_key' } } })
    for (let i = 0; i < 4; i++) equal((await ask(stand)).status, 200)
    const disabled = stand.log.filter((line) => line.startsWith('error upstream key disabled'))
    equal(disabled.length, 1)
    match(disabled[0] ?? '', /"upstream":"alpha","error_class":"unauthorized","status":401,"reason":"unauthorized"/)
    ok(!stand.log.some((line) => line.includes('sk-')))
  })
})
