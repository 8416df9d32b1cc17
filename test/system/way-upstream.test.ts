import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createHttpServer, request as httpRequest } from 'node:http'
import { connect, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { serve } from '../support/serve.ts'
import { startGround, startStand, type Stand } from '../support/stand.ts'

const TLS = join(import.meta.dirname, '..', 'support', 'tls')
const CA = join(TLS, 'ca.pem')

interface Way extends AsyncDisposable {
  readonly port: number
  /** Where the bytes go. */
  target: string
  /** Hosts and ports that were asked for. */
  readonly asked: string[]
}

function wayOn(server: Server, way: { target: string; asked: string[] }, sockets: Set<Socket>): Way {
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
  })
  return Object.assign(way, {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  })
}

function joined(client: Socket, target: URL, sockets: Set<Socket>): void {
  const upstream = connect(Number(target.port), target.hostname)
  sockets.add(upstream)
  for (const socket of [client, upstream]) socket.on('error', () => upstream.destroy(void client.destroy()))
  client.pipe(upstream).pipe(client)
}

/** Speaks TLS with a certificate of a private authority, and passes on what comes. */
async function tlsFront(): Promise<Way> {
  const way = { target: '', asked: [] as string[] }
  const sockets = new Set<Socket>()
  const options = { key: readFileSync(join(TLS, 'server.key')), cert: readFileSync(join(TLS, 'server.pem')) }
  const server = createTlsServer(options, (socket) => joined(socket, new URL(way.target), sockets))
  server.on('tlsClientError', () => undefined)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return wayOn(server, way, sockets)
}

/** An HTTP proxy: tunnels to hosts, and passes on requests for whole URLs (RFC 9112, 3.2.2). */
async function proxy(): Promise<Way> {
  const way = { target: '', asked: [] as string[] }
  const sockets = new Set<Socket>()
  const server = createHttpServer()
  server.on('connect', (request, socket: Socket) => {
    way.asked.push(request.url ?? '')
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    joined(socket, new URL(`http://${request.url}`), sockets)
  })
  server.on('request', (request, response) => {
    const url = new URL(request.url ?? '')
    way.asked.push(url.host)
    const { method, headers } = request
    const onward = httpRequest(url, { method, headers }, (reply) => {
      response.writeHead(reply.statusCode ?? 0, reply.headers)
      reply.pipe(response)
    })
    request.pipe(onward.on('error', () => response.destroy()))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return wayOn(server, way, sockets)
}

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

suite('the administrator', () => {
  test('is told in the log, once, when a key is disabled or cools', async () => {
    await using stand = await startStand({ upstreams: [{ name: 'alpha' }, { name: 'beta' }] })
    stand.simulator.script({ key: 'alpha', times: null, status: 401, body: { error: { code: 'invalid_api_key' } } })
    for (let i = 0; i < 4; i++) equal((await ask(stand)).status, 200)
    const disabled = stand.log.filter((line) => line.startsWith('error upstream key disabled'))
    equal(disabled.length, 1)
    match(disabled[0] ?? '', /"upstream":"alpha","error_class":"unauthorized","reason":"unauthorized"/)
    ok(!stand.log.some((line) => line.includes('sk-')))
  })
})
