import { deepEqual, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { suite, test } from 'node:test'
import { NoReply, type Upstream, type Vault } from '../../ports.ts'
import { RoomQueue } from './room-queue.ts'
import { connect, type WebSocketOptions } from './websocket.ts'

const options: WebSocketOptions = {
  baseUrl: 'ws://127.0.0.1:1',
  connectTimeoutMs: 1000,
  proxy: undefined,
  ca: undefined,
  maxHeaderBytes: 16_384,
  idleTimeoutMs: 60_000,
  room: { take: () => undefined, add: () => undefined, give: () => undefined },
  queue: new RoomQueue(),
  vault: { secretOf: () => 'sk' } as unknown as Vault,
}
const upstream = { id: 1, baseUrl: undefined } as unknown as Upstream

/** Takes connections, and says nothing. */
async function silent() {
  const connections = new Set<Socket>()
  const server = createServer((connection) => connections.add(connection.on('error', () => undefined)))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    [Symbol.asyncDispose]: async () => {
      for (const connection of connections) connection.destroy()
      await once(server.close(), 'close')
    },
  }
}

suite('a handshake upstream', () => {
  test('that cannot be made was not sent, and is nobody’s fault but its maker’s', async () => {
    for (const request of [
      { path: '/v1/responses?a#b', headers: [], headTimeoutMs: 1000 },
      { path: '/v1/responses', headers: ['x-bad', 'a\nb'], headTimeoutMs: 1000 },
    ]) {
      await rejects(connect(request, upstream, new AbortController().signal, options), (cause: NoReply) => {
        deepEqual([cause instanceof NoReply, cause.reason, cause.sent], [true, 'unsendable', false])
        return true
      })
    }
  })

  for (const [what, ways] of [
    ['over TLS', { scheme: 'wss', proxied: false }],
    ['through a proxy', { scheme: 'wss', proxied: true }],
  ] as const) {
    test(`that gets no connection in time ${what} has not reached upstream, and is given up`, async () => {
      await using on = await silent()
      const at = `127.0.0.1:${on.port}`
      const proxy = ways.proxied ? { httpProxy: undefined, httpsProxy: `http://${at}`, noProxy: '' } : undefined
      const baseUrl = `${ways.scheme}://${ways.proxied ? 'upstream.invalid' : at}`
      const opening = connect(
        { path: '/v1/responses', headers: [], headTimeoutMs: 60_000 },
        upstream,
        new AbortController().signal,
        { ...options, baseUrl, proxy, connectTimeoutMs: 300 },
      )
      await rejects(opening, { name: 'NoReply', reason: 'unreachable' })
    })
  }

  test('that has its connection has the time of a head for its answer', async () => {
    await using on = await silent()
    const { signal } = new AbortController()
    const request = { path: '/v1/responses', headers: [], headTimeoutMs: 600 }
    const at = { ...options, baseUrl: `ws://127.0.0.1:${on.port}`, connectTimeoutMs: 300 }
    await rejects(connect(request, upstream, signal, at), { name: 'NoReply', reason: 'timeout' })
  })
})
