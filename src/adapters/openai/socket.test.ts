import { deepEqual, equal, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket as Connection } from 'node:net'
import { suite, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import type { Socket } from '../../ports.ts'
import { RoomQueue } from './room-queue.ts'
import { socketOn } from './socket.ts'

interface Pair extends AsyncDisposable {
  readonly near: Socket
  readonly far: WebSocket
  /** The connection beneath the far side. */
  readonly beneath: Connection
  readonly ended: Promise<{ readonly code: number; readonly reason: string }>
}

const nothing = (): void => undefined
const BOUNDS = {
  room: { take: nothing, add: nothing, give: nothing },
  idleMs: 60_000,
  full: { queue: new RoomQueue() },
}

async function pair(): Promise<Pair> {
  const http = createServer()
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const accepted = new Promise<Socket>((resolve) => {
    http.on('upgrade', (request, connection, head) => {
      server.handleUpgrade(request, connection, head, (ws) => resolve(socketOn(ws, request.socket, BOUNDS)))
    })
  })
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const far = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`, { perMessageDeflate: false })
  const ended = new Promise<{ code: number; reason: string }>((resolve) => {
    far.on('error', () => undefined).on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
  let beneath: Connection | undefined
  far.on('upgrade', (response) => (beneath = response.socket))
  const near = await accepted
  await once(far, 'open')
  ok(beneath)
  return {
    near,
    far,
    beneath,
    ended,
    [Symbol.asyncDispose]: async () => {
      far.terminate()
      near.cut()
      http.close()
      await once(http, 'close')
    },
  }
}

const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

suite('a socket', { concurrency: 4 }, () => {
  test('closes with as much of a reason as there is room for', async () => {
    for (const [reason, seen] of [
      ['\uFFFD'.repeat(60), '\uFFFD'.repeat(41)],
      [`a${'é'.repeat(100)}`, `a${'é'.repeat(61)}`],
      ['x'.repeat(123), 'x'.repeat(123)],
    ] as const) {
      await using on = await pair()
      on.near.close(1011, reason)
      deepEqual(await on.ended, { code: 1011, reason: seen })
    }
  })

  test('that was paused sees the answer to its close', async () => {
    await using on = await pair()
    const closed = new Promise<number>((resolve) => {
      on.near.listen({ message: () => undefined, closed: resolve })
    })
    on.near.pause()
    on.far.send('late')
    await pass(50)
    on.near.close(1000, '')
    equal(await Promise.race([closed, pass(2000)]), 1000)
  })

  test('that is gone keeps no timer', async () => {
    await using on = await pair()
    on.near.cut()
    await on.ended
    await pass(50)
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    const before = timers()
    on.near.keepAlive(1000)
    on.near.close(1000, '')
    on.near.cut()
    equal(timers(), before)
  })

  test('is cut by a code that cannot be sent', async () => {
    for (const code of [0, 999, 2000, 5000, 1.5, Number.NaN]) {
      await using on = await pair()
      on.near.close(code, 'why')
      equal((await on.ended).code, 1006)
    }
  })

  test('lives while bytes of one long message come', async () => {
    await using on = await pair()
    const heard = new Promise<number>((resolve) => {
      on.near.listen({ message: (data) => resolve(data.length), closed: () => resolve(-1) })
    })
    on.near.keepAlive(50)
    // By hand: the head of a message, masked with nothing, then its bytes one by one.
    const length = 12
    on.beneath.write(Buffer.from([0x82, 0x80 | length, 0, 0, 0, 0]))
    on.far.pause()
    for (let i = 0; i < length; i++) {
      await pass(50)
      on.beneath.write(Buffer.from([i]))
    }
    equal(await heard, length)
  })

  test('lives while the other side takes what is sent, and is cut when it takes nothing any more', async () => {
    await using on = await pair()
    let closed = false
    on.near.listen({ message: () => undefined, closed: () => (closed = true) })
    on.far.pause()
    on.near.send(Buffer.alloc(96 * 1_048_576), true)
    // Nor is it read from: what it says to the pings is not heard.
    on.near.pause()
    on.near.keepAlive(100)
    for (let i = 0; i < 10; i++) {
      await pass(100)
      on.far.resume()
      await pass(1)
      on.far.pause()
      equal(closed, false)
    }
    await pass(1000)
    on.near.resume()
    equal(closed, true)
  })
})
