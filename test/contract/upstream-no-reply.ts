import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { NoReply } from '../../src/ports.ts'
import { waits } from './coordinator-kit.ts'
import { bareServer, deadPort, exchanged, noReply, scene, whole } from './upstream-kit.ts'
import type { Line, MakeUpstreamClient } from './upstream-kit.ts'

const TLS = join(import.meta.dirname, '..', 'support', 'tls')
const CERTIFICATE = { key: readFileSync(join(TLS, 'server.key')), cert: readFileSync(join(TLS, 'server.pem')) }

/** Answers that are none, and what they are taken for. */
const NO_ANSWER: readonly (readonly [what: string, reason: string, answer: (line: Line) => void])[] = [
  ['closed', 'reset', ({ socket }) => socket.end()],
  ['reset', 'reset', ({ socket }) => socket.resetAndDestroy()],
  ['closed in the middle of the head', 'reset', ({ socket }) => socket.end('HTTP/1.1 200 OK\r\ncontent-')],
  ['reset after an informational head', 'reset', ({ socket }) => socket.end('HTTP/1.1 103 Early Hints\r\n\r\n')],
  ['answered by what is no HTTP', 'bad-response', (line) => line.say('SSH-2.0-OpenSSH_9.9\r\n\r\n')],
  ['answered by a garbled head', 'bad-response', (line) => line.say('HTTP/1.1 200 OK\r\nno header\r\n\r\n')],
  ['answered by two lengths', 'bad-response', (line) => line.say(twoLengths())],
  ['answered by a head without end', 'bad-response', (line) => line.say(endless())],
]

function twoLengths(): string {
  return 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello'
}

function endless(): string {
  return `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(200_000)}`
}

/** What every UpstreamClient keeps to about attempts that get no head. */
export function noReplyContract(name: string, make: MakeUpstreamClient): void {
  suite(`an attempt without a reply, by ${name},`, () => {
    test('was refused, and sent nothing', async () => {
      await using on = await scene(make, { baseUrl: `http://127.0.0.1:${await deadPort()}` })
      deepEqual(await noReply(on.open()), ['refused', false])
    })

    test('could not find its host, and sent nothing', async () => {
      await using on = await scene(make, { baseUrl: 'http://no-such-host.invalid' })
      deepEqual(await noReply(on.open()), ['unreachable', false])
    })

    test('could not connect in time, and sent nothing', async () => {
      await using on = await scene(make, { connectTimeoutMs: 300 })
      // TLS that nobody answers is a connection that does not come about.
      deepEqual(await noReply(on.open({ baseUrl: `https://127.0.0.1:${on.server.port}` })), ['unreachable', false])
      await (
        await on.server.line(0)
      ).closed
    })

    test('got no head in time, and was sent; the connection is closed', async () => {
      await using on = await scene(make)
      const began = performance.now()
      const opening = on.open({ headTimeoutMs: 300 })
      const line = await on.server.line(0)
      await line.request()
      line.say('HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nx-head: ')
      deepEqual(await noReply(opening), ['timeout', true])
      ok(performance.now() - began > 250)
      await line.closed
    })

    test('got no head in time, and was not sent where there was no connection yet', async () => {
      await using on = await scene(make)
      const opening = on.open({ headTimeoutMs: 300, baseUrl: `https://127.0.0.1:${on.server.port}` })
      deepEqual(await noReply(opening), ['timeout', false])
    })

    for (const [what, reason, answer] of NO_ANSWER) {
      test(`was ${what}, and was sent; the next one is not concerned`, async () => {
        await using on = await scene(make)
        const opening = on.open({ body: Buffer.from('hello') })
        const line = await on.server.line(0)
        await line.request()
        answer(line)
        deepEqual(await noReply(opening), [reason, true])
        await line.closed
        await exchanged(on)
      })
    }

    test('was reset in the middle of its body, and was sent', async () => {
      await using on = await scene(make)
      const opening = on.open({ body: new Uint8Array(20_000_000) })
      const { socket } = await on.server.line(0)
      socket.once('data', () => socket.resetAndDestroy())
      deepEqual(await noReply(opening), ['reset', true])
    })

    test('was left before it began: nothing goes out, and no connection is lost', async () => {
      await using on = await scene(make)
      const line = await exchanged(on)
      const { bytesRead } = line.socket
      deepEqual(await noReply(on.open({}, AbortSignal.abort())), ['aborted', false])
      equal(await exchanged(on), line)
      equal(line.socket.bytesRead, 2 * bytesRead)
    })

    test('was left while it connected, and was not sent', async () => {
      await using on = await scene(make)
      const leaving = new AbortController()
      const opening = on.open({ baseUrl: `https://127.0.0.1:${on.server.port}` }, leaving.signal)
      await on.server.line(0)
      leaving.abort()
      deepEqual(await noReply(opening), ['aborted', false])
    })

    for (const size of [5, 20_000_000]) {
      test(`was left while upstream thought, with a body of ${size}: it was sent, and upstream sees the close`, async () => {
        await using on = await scene(make)
        const leaving = new AbortController()
        const opening = on.open({ body: new Uint8Array(size) }, leaving.signal)
        const line = await on.server.line(0)
        await line.request()
        equal(await waits(opening), true)
        leaving.abort()
        deepEqual(await noReply(opening), ['aborted', true])
        await line.closed
      })
    }

    test('had no secret, and sent nothing', async () => {
      const locked = new Error('sealed with another key')
      await using on = await scene(make, {
        secretOf: () => {
          throw locked
        },
      })
      const opening = on.open()
      equal((await noReply(opening))[1], false)
      await rejects(opening, (cause) => cause instanceof NoReply && cause.cause === locked)
      equal(on.server.lines.length, 0)
    })

    test('trusts only who it may, and sent nothing', async () => {
      await using on = await scene(make)
      await using server = await bareServer(createTlsServer(CERTIFICATE).on('tlsClientError', () => undefined))
      deepEqual(await noReply(on.open({ baseUrl: `https://127.0.0.1:${server.port}` })), ['tls', false])
    })

    test('asked for TLS where there is none, and sent nothing', async () => {
      await using on = await scene(make)
      const opening = on.open({ baseUrl: `https://127.0.0.1:${on.server.port}` })
      ;(await on.server.line(0)).say(whole('plain'))
      deepEqual(await noReply(opening), ['tls', false])
    })
  })
}
