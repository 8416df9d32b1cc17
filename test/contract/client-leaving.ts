import { equal, ok, rejects } from 'node:assert/strict'
import type { Socket } from 'node:net'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../../src/ports.ts'
import { until } from '../support/stand.ts'
import { CHUNKED, clog, fill, ofLength, scene, type MakeServer } from './client-kit.ts'
import { waits } from './coordinator-kit.ts'

const STALL_MS = 800

async function left({ signal }: Client): Promise<void> {
  await until(() => signal.aborted || undefined)
}

/** Reads so many bytes, and no more for the moment. */
async function sip(socket: Socket, bytes: number): Promise<void> {
  await new Promise<void>((resolve) => {
    let read = 0
    const data = (chunk: Uint8Array): void => {
      read += chunk.length
      if (read < bytes) return
      socket.off('data', data).pause()
      resolve()
    }
    socket.on('data', data).resume()
  })
}

const HELLO: Uint8Array = Buffer.from('hello')

/** What every Client keeps to about callers that are slow, and callers that go. */
export function leavingContract(name: string, make: MakeServer): void {
  suite(`a slow caller of ${name}`, { concurrency: 4 }, () => {
    test('is behind until it has taken what was written', async () => {
      await using on = await scene(make)
      const { raw, client } = await on.asked()
      client.begin(200, CHUNKED)
      equal(client.write(HELLO), true)
      await client.drained()
      await raw.sees(/hello/)
      raw.socket.pause()
      const { drained } = await clog(client)
      equal(client.write(HELLO), false)
      ok(await waits(drained, 50))
      raw.socket.resume()
      await drained
      await client.drained()
      equal(client.write(HELLO), true)
      ok(!client.signal.aborted)
      client.end()
      await until(() => (raw.text().endsWith('hello\r\n0\r\n\r\n') ? true : undefined))
    })

    test('can be waited for by several at once', async () => {
      await using on = await scene(make)
      const { raw, client } = await on.asked()
      client.begin(200, CHUNKED)
      raw.socket.pause()
      const { drained } = await clog(client)
      const again = client.drained()
      raw.socket.resume()
      await Promise.all([drained, again])
    })

    test('counts as gone when it takes nothing for too long', async () => {
      await using on = await scene(make, { clientStallMs: STALL_MS })
      const { raw, client } = await on.asked()
      client.begin(200, CHUNKED)
      raw.socket.pause()
      const began = performance.now()
      const { drained } = await clog(client)
      await rejects(drained)
      ok(performance.now() - began >= STALL_MS * 0.9)
      await left(client)
      await rejects(client.drained())
    })

    test('counts as gone when it does not take the end of the answer', async () => {
      await using on = await scene(make, { clientStallMs: STALL_MS })
      const { raw, client } = await on.asked()
      client.begin(200, CHUNKED)
      raw.socket.pause()
      client.write(Buffer.alloc(64_000_000))
      client.end()
      await left(client)
    })

    test('is not gone while nothing is written', async () => {
      await using on = await scene(make, { clientStallMs: 400 })
      const { raw, client } = await on.asked()
      client.begin(200, CHUNKED)
      fill(client)
      await client.drained()
      await sleep(1000)
      ok(!client.signal.aborted)
      client.write(HELLO)
      client.end()
      await until(() => (raw.text().endsWith('hello\r\n0\r\n\r\n') ? true : undefined))
    })

    test('is not gone while it takes something, however slowly', async () => {
      await using on = await scene(make, { clientStallMs: STALL_MS })
      const { raw, client } = await on.asked()
      client.begin(200, CHUNKED)
      raw.socket.pause()
      const { drained } = await clog(client)
      client.write(Buffer.alloc(64_000_000))
      const began = performance.now()
      while (performance.now() - began < 2.5 * STALL_MS) {
        await sip(raw.socket, 400_000)
        await sleep(50)
        ok(!client.signal.aborted)
      }
      raw.socket.resume()
      await drained
    })
  })

  suite(`a caller that leaves ${name}`, () => {
    test('before the answer is known to have gone', async () => {
      await using on = await scene(make)
      const { raw, client } = await on.asked()
      ok(!client.signal.aborted)
      raw.socket.destroy()
      await left(client)
      await rejects(client.drained())
      client.cut()
    })

    for (const [when, framing] of [
      ['in the middle of the answer', CHUNKED],
      ['in the middle of an answer of a stated length', ofLength(100)],
    ] as const) {
      test(`${when} is known to have gone; what is written to it disturbs nobody`, async () => {
        await using on = await scene(make)
        const { raw, client } = await on.asked()
        client.begin(200, framing)
        client.write(HELLO)
        await raw.sees(/hello/)
        ok(!client.signal.aborted)
        raw.socket.destroy()
        await left(client)
        client.write(HELLO)
        await rejects(client.drained())
        client.write(Buffer.alloc(1_000_000))
        await rejects(client.drained())
        client.end()
        client.cut()
      })
    }

    test('while it is behind is not waited for any longer', async () => {
      await using on = await scene(make)
      const { raw, client } = await on.asked()
      client.begin(200, CHUNKED)
      raw.socket.pause()
      const { drained } = await clog(client)
      raw.socket.destroy()
      await rejects(drained)
      ok(client.signal.aborted)
    })

    test('before all of the answer was taken is known to have gone', async () => {
      await using on = await scene(make)
      const { raw, client } = await on.asked()
      client.begin(200, CHUNKED)
      raw.socket.pause()
      await clog(client)
      client.end()
      await sleep(20)
      ok(!client.signal.aborted)
      raw.socket.destroy()
      await left(client)
    })

    test('with all of the answer has not gone: it got what there was', async () => {
      for (const framing of [CHUNKED, ofLength(5)]) {
        await using on = await scene(make)
        const { raw, client } = await on.asked()
        client.begin(200, framing)
        client.write(HELLO)
        client.end()
        await raw.sees(/hello/)
        raw.socket.destroy()
        await raw.closed
        await sleep(50)
        ok(!client.signal.aborted)
      }
    })

    test('of two on one connection, goes with both', async () => {
      await using on = await scene(make)
      const { raw, client } = await on.asked()
      client.begin(200, ofLength(5))
      client.write(HELLO)
      client.end()
      await raw.sees(/hello/)
      raw.write('GET /again HTTP/1.1\r\nhost: gateway\r\n\r\n')
      const second = await on.client(1)
      raw.socket.destroy()
      await left(second)
      ok(!client.signal.aborted)
    })
  })
}
