import { deepEqual, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { NoReply, type Upstream, type Vault } from '../../ports.ts'
import { RoomQueue } from './room-queue.ts'
import { connect, type WebSocketOptions } from './websocket.ts'

suite('a handshake upstream', () => {
  test('that cannot be made was not sent, and is nobody’s fault but its maker’s', async () => {
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
})
