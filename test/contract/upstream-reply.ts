import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { waits } from './coordinator-kit.ts'
import { answered, bareServer, CHUNKED, flood, FLOOD_BYTES, framed, pumped, scene, whole } from './upstream-kit.ts'
import type { Line, MakeUpstreamClient } from './upstream-kit.ts'

const TLS = join(import.meta.dirname, '..', 'support', 'tls')

/** Every way in which HTTP says where an answer ends, on an answer that says `hello`. */
const WHOLE: readonly (readonly [how: string, head: string, ...rest: readonly string[]])[] = [
  ['by its length', whole('hello')],
  ['by its last chunk', CHUNKED, framed('hel'), framed('lo'), '0\r\n\r\n'],
  ['by its last chunk and trailers', CHUNKED, framed('hello'), '0\r\nx-after: 1\r\n\r\n'],
  ['by its length, on a last connection', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\n', 'hello'],
  ['by the end of the connection', 'HTTP/1.1 200 OK\r\n\r\n', 'hello', 'END'],
  ['by the end of the connection, as of old', 'HTTP/1.0 200 OK\r\n\r\n', 'hello', 'END'],
]

const end = ({ socket }: Line): void => void socket.end()
const reset = ({ socket }: Line): void => void socket.resetAndDestroy()
const LONG = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n'
const CLOSING = 'HTTP/1.1 200 OK\r\nconnection: close\r\n'

/** Answers that say `hello` and break off. */
const BROKEN: readonly (readonly [how: string, head: string, breakOff: (line: Line) => void])[] = [
  ['closed before its length', `${LONG}hello`, end],
  ['reset before its length', `${LONG}hello`, reset],
  ['closed before its last chunk', CHUNKED + framed('hello'), end],
  ['reset before its last chunk', CHUNKED + framed('hello'), reset],
  ['closed in the middle of a chunk', `${CHUNKED}64\r\nhello`, end],
  ['closed before its last chunk, on a last connection', CHUNKED + framed('hello'), end],
  ['closed before its length, on a last connection', `${CLOSING}content-length: 100\r\n\r\nhello`, end],
  ['reset where only the end of the connection would be its end', `${CLOSING}\r\nhello`, reset],
  ['garbled', CHUNKED + framed('hello'), (line) => line.say('no size\r\n')],
]

/** What every UpstreamClient keeps to about an answer, from its head to its end. */
export function replyContract(name: string, make: MakeUpstreamClient): void {
  suite(`the head of a reply, by ${name},`, () => {
    test('comes before the body, and nothing of that is read until somebody pumps', async () => {
      await using on = await scene(make)
      const { reply, line } = await answered(on, `HTTP/1.1 200 OK\r\ncontent-length: ${FLOOD_BYTES}\r\n\r\n`)
      const body = flood(line.socket)
      const handed = await body.stuck
      ok(handed < FLOOD_BYTES / 2, `${handed} bytes went somewhere`)
      const pump = pumped(reply)
      await pump.done
      equal(pump.text().length, FLOOD_BYTES)
    })

    test('comes raw: names as they were written, in their order, each as often as it came', async () => {
      await using on = await scene(make)
      const headers = ['X-B', '2', 'content-Length', '0', 'x-a', '1', 'X-b', '3', 'Set-Cookie', 'a', 'set-cookie', 'b']
      headers.push('x-latin', 'caf\u00e9', 'x-empty', '')
      const lines = headers.flatMap((part, i) => (i % 2 === 0 ? [`${part}: ${headers[i + 1]}\r\n`] : []))
      const opening = on.open()
      const line = await on.server.line(0)
      await line.request()
      line.socket.write(`HTTP/1.1 429 Too Many\r\n${lines.join('')}\r\n`, 'latin1')
      const reply = await opening
      equal(reply.status, 429)
      deepEqual(reply.headers, headers)
      await pumped(reply).done
    })

    test('comes raw too from who would rather speak HTTP/2', async () => {
      const keys = { key: readFileSync(join(TLS, 'server.key')), cert: readFileSync(join(TLS, 'server.pem')) }
      await using on = await scene(make, { ca: readFileSync(join(TLS, 'ca.pem'), 'utf8') })
      const server = createSecureServer({ ...keys, allowHTTP1: true }, (request, response) => {
        response.sendDate = false
        response.writeHead(200, { 'X-Heard': request.httpVersion, 'Content-Length': '5' }).end('hello')
      })
      await using front = await bareServer(server)
      const reply = await on.open({ baseUrl: `https://127.0.0.1:${front.port}` })
      deepEqual(reply.headers.slice(0, 4), ['X-Heard', '1.1', 'Content-Length', '5'])
      const pump = pumped(reply)
      await pump.done
      equal(pump.text(), 'hello')
    })

    test('is the final one: informational ones are passed over', async () => {
      await using on = await scene(make)
      const opening = on.open()
      const line = await on.server.line(0)
      await line.request()
      line.say('HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n')
      ok(await waits(opening, 50))
      line.say(whole('hello'))
      const reply = await opening
      equal(reply.status, 200)
      deepEqual(reply.headers, ['content-length', '5'])
      const pump = pumped(reply)
      await pump.done
      equal(pump.text(), 'hello')
    })
  })

  suite(`the body of a reply, by ${name},`, () => {
    for (const [how, head, ...rest] of WHOLE) {
      test(`that ends ${how} is whole, whether it is pumped as it comes or later`, async () => {
        for (const later of [false, true]) {
          await using on = await scene(make)
          const { reply, line } = await answered(on, head)
          const soon = later ? undefined : pumped(reply)
          for (const part of rest) {
            if (part === 'END') line.socket.end()
            else line.say(part)
          }
          if (later) await waits(line.closed, 100)
          const pump = soon ?? pumped(reply)
          await pump.done
          equal(pump.text(), 'hello')
        }
      })
    }

    test('comes piece by piece, in order, as it is sent', async () => {
      await using on = await scene(make)
      const { reply, line } = await answered(on, CHUNKED)
      const sent: string[] = []
      let heard = Promise.withResolvers<void>()
      const pump = pumped(reply, () => {
        heard.resolve()
        return true
      })
      for (let i = 0; i < 20; i++) {
        heard = Promise.withResolvers<void>()
        sent.push(`data: ${i}\n\n`)
        line.say(framed(sent[i] ?? ''))
        await heard.promise
        equal(pump.text(), sent.join(''))
      }
      ok(await waits(pump.done))
      line.say('0\r\n\r\n')
      await pump.done
      equal(pump.text(), sent.join(''))
    })

    test('may be nothing', async () => {
      for (const head of ['HTTP/1.1 204 No Content\r\n\r\n', whole(''), `${CHUNKED}0\r\n\r\n`]) {
        await using on = await scene(make)
        const { reply } = await answered(on, head)
        const pump = pumped(reply)
        await pump.done
        equal(pump.text(), '')
      }
    })

    test('is not read on while the sink is behind: upstream has to wait', async () => {
      await using on = await scene(make)
      const { reply, line } = await answered(on, `HTTP/1.1 200 OK\r\ncontent-length: ${FLOOD_BYTES}\r\n\r\n`)
      const body = flood(line.socket)
      const behind = Promise.withResolvers<void>()
      const again = Promise.withResolvers<void>()
      let waitings = 0
      const pump = pumped(
        reply,
        () => waitings > 1,
        () => [behind, again][waitings++]?.promise ?? Promise.reject(new Error('nobody was behind')),
      )
      const handed = await body.stuck
      ok(handed < FLOOD_BYTES / 2, `${handed} bytes went somewhere`)
      deepEqual([pump.chunks.length, waitings], [1, 1])
      behind.resolve()
      ok((await body.stuck) < FLOOD_BYTES / 2)
      deepEqual([pump.chunks.length, waitings], [2, 2])
      again.resolve()
      await pump.done
      equal(pump.text().length, FLOOD_BYTES)
    })

    test('ends for a sink that cannot be waited for', async () => {
      await using on = await scene(make)
      const { reply, line } = await answered(on, CHUNKED)
      const left = new Error('the client left')
      const pump = pumped(
        reply,
        () => false,
        () => Promise.reject(left),
      )
      line.say(framed('hello'))
      await rejects(pump.done, left)
      await line.closed
      reply.cancel()
    })

    for (const [how, head, breakOff] of BROKEN) {
      test(`that is ${how} is not whole`, async () => {
        await using on = await scene(make)
        const { reply, line } = await answered(on, head)
        const heard = Promise.withResolvers<void>()
        const pump = pumped(reply, () => {
          heard.resolve()
          return true
        })
        await heard.promise
        breakOff(line)
        await rejects(pump.done)
        equal(pump.text(), 'hello')
      })
    }

    test('that breaks off before it is pumped is not whole', async () => {
      for (const breakOff of [end, reset]) {
        await using on = await scene(make)
        const { reply, line } = await answered(on, `${LONG}hello`)
        breakOff(line)
        await waits(line.closed, 100)
        await rejects(pumped(reply).done)
      }
    })

    test('that breaks off while the sink is behind is not whole', async () => {
      for (const breakOff of [end, reset]) {
        await using on = await scene(make)
        const { reply, line } = await answered(on, CHUNKED + framed('hello'))
        const heard = Promise.withResolvers<void>()
        const behind = Promise.withResolvers<void>()
        const pump = pumped(
          reply,
          () => {
            heard.resolve()
            return false
          },
          () => behind.promise,
        )
        await heard.promise
        breakOff(line)
        await waits(pump.done, 50)
        behind.resolve()
        await rejects(pump.done)
      }
    })
  })
}
