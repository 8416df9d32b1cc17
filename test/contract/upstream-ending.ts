import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { IdleTimeout, NoReply } from '../../src/ports.ts'
import { answered, CHUNKED, exchanged, framed, noReply, pumped, scene, whole } from './upstream-kit.ts'
import type { MakeUpstreamClient } from './upstream-kit.ts'

const IDLE_MS = 600

/** What every UpstreamClient keeps to about exchanges that are ended, and not by upstream. */
export function endingContract(name: string, make: MakeUpstreamClient): void {
  suite(`a silent upstream, by ${name},`, { concurrency: 5 }, () => {
    test('is given up after the idle time, with the connection', async () => {
      await using on = await scene(make, { idleTimeoutMs: IDLE_MS })
      const { reply, line } = await answered(on, CHUNKED + framed('hello'))
      const began = performance.now()
      const pump = pumped(reply)
      await rejects(pump.done, IdleTimeout)
      ok(performance.now() - began > IDLE_MS * 0.9)
      equal(pump.text(), 'hello')
      await line.closed
    })

    test('is given up though nothing of its body ever came', async () => {
      await using on = await scene(make, { idleTimeoutMs: 200 })
      const { reply } = await answered(on, CHUNKED)
      await rejects(pumped(reply).done, IdleTimeout)
    })

    test('is not one that is slow: every piece counts', async () => {
      await using on = await scene(make, { idleTimeoutMs: IDLE_MS })
      const { reply, line } = await answered(on, CHUNKED)
      const pump = pumped(reply)
      const began = performance.now()
      while (performance.now() - began < 2 * IDLE_MS) {
        line.say(framed('.'))
        await sleep(IDLE_MS / 10)
      }
      line.say('0\r\n\r\n')
      await pump.done
    })

    test('is not one whose reader is slow', async () => {
      await using on = await scene(make, { idleTimeoutMs: IDLE_MS })
      const { reply, line } = await answered(on, `${whole('hello').replace('5', '10')}`)
      const behind = Promise.withResolvers<void>()
      const pump = pumped(
        reply,
        () => false,
        () => behind.promise,
      )
      await sleep(2 * IDLE_MS)
      line.say('hello')
      await sleep(20)
      behind.resolve()
      await pump.done
      equal(pump.text(), 'hellohello')
    })

    test('is waited for longer than for its head, once that is there', async () => {
      await using on = await scene(make)
      const opening = on.open({ headTimeoutMs: IDLE_MS })
      const line = await on.server.line(0)
      await line.request()
      line.say(CHUNKED)
      const pump = pumped(await opening)
      await sleep(1.5 * IDLE_MS)
      line.say(framed('hello'), '0\r\n\r\n')
      await pump.done
    })

    test('is given up when its reader has caught up', async () => {
      await using on = await scene(make, { idleTimeoutMs: IDLE_MS })
      const { reply } = await answered(on, CHUNKED + framed('hello'))
      const pump = pumped(
        reply,
        () => false,
        () => sleep(50),
      )
      await rejects(pump.done, IdleTimeout)
    })
  })

  suite(`an exchange, by ${name},`, () => {
    test('that is cancelled ends at once: upstream sees the close', async () => {
      await using on = await scene(make)
      const { reply, line } = await answered(on, CHUNKED + framed('hello'))
      const heard = Promise.withResolvers<void>()
      const pump = pumped(reply, () => {
        heard.resolve()
        return true
      })
      await heard.promise
      reply.cancel()
      await rejects(pump.done)
      await line.closed
      reply.cancel()
    })

    test('that is cancelled before it is pumped cannot be pumped', async () => {
      await using on = await scene(make)
      const { reply, line } = await answered(on, CHUNKED + framed('hello'))
      reply.cancel()
      await line.closed
      const pump = pumped(reply)
      await rejects(pump.done)
      deepEqual(pump.chunks, [])
    })

    test('that is cancelled by its own sink gives it no more', async () => {
      await using on = await scene(make)
      const { reply, line } = await answered(on, CHUNKED)
      const pump = pumped(reply, () => {
        reply.cancel()
        return true
      })
      line.say(framed('one'), framed('two'), '0\r\n\r\n')
      await rejects(pump.done)
      equal(pump.text(), 'one')
      await line.closed
    })

    test('that is cancelled after its end disturbs nobody', async () => {
      await using on = await scene(make)
      const { reply, line } = await answered(on, whole('hello'))
      await pumped(reply).done
      reply.cancel()
      await sleep(20)
      const next = on.open()
      await line.request(1)
      reply.cancel()
      line.say(whole('again'))
      const pump = pumped(await next)
      await pump.done
      equal(pump.text(), 'again')
    })

    test('that the caller leaves in the middle of the answer ends: upstream sees the close', async () => {
      await using on = await scene(make)
      const leaving = new AbortController()
      const { reply, line } = await answered(on, CHUNKED + framed('hello'), leaving.signal)
      const pump = pumped(reply)
      leaving.abort()
      await rejects(pump.done, NoReply)
      await line.closed
    })

    test('that the caller leaves after its end disturbs nobody', async () => {
      await using on = await scene(make)
      const leaving = new AbortController()
      const { reply, line } = await answered(on, whole('hello'), leaving.signal)
      await pumped(reply).done
      await sleep(20)
      leaving.abort()
      equal(await exchanged(on), line)
    })

    test('that runs when the client is closed ends', async () => {
      await using on = await scene(make)
      const { reply, line } = await answered(on, CHUNKED + framed('hello'))
      const pump = pumped(reply)
      const waiting = on.open()
      const second = await on.server.line(1)
      await second.request()
      await on.close()
      await rejects(pump.done)
      equal((await noReply(waiting))[1], true)
      await Promise.all([line.closed, second.closed])
      equal((await noReply(on.open()))[1], false)
    })
  })
}
