import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import type { Client } from '../../src/ports.ts'
import { head, type Raw } from '../support/raw.ts'
import { until } from '../support/stand.ts'
import { CHUNKED, ofLength, scene, split, unchunked, type MakeServer } from './client-kit.ts'
import { waits } from './coordinator-kit.ts'

/** Headers of the connection's own, which an answer may have besides. */
const OWN = /^(?:connection|keep-alive|transfer-encoding):/i

/** An answer's pieces: of nothing, of a byte, around the size where they are framed in another way, and large. */
const PIECES: readonly Buffer[] = [0, 1, 16_384, 0, 16_385, 200_000, 3].map((size) => randomBytes(size))
const BODY: Buffer = Buffer.concat(PIECES)

function write(client: Client, pieces: readonly Uint8Array[]): void {
  for (const piece of pieces) client.write(piece)
}

const hello: readonly Uint8Array[] = [Buffer.from('hel'), Buffer.from('lo')]

/** Whether an answer that says `hello` came so that it cannot pass for the whole. */
interface Way {
  readonly name: string
  readonly line: string
  readonly headers: readonly string[]
  /** How it begins, cut or not. */
  readonly body: (text: string) => string
  readonly looksCut: (raw: Raw) => boolean
}

const codeOf = (raw: Raw): string | undefined => (raw.socket.errored as NodeJS.ErrnoException | null)?.code

const WAYS: readonly Way[] = [
  {
    name: 'in chunks',
    line: 'GET /',
    headers: CHUNKED,
    body: (text) => unchunked(text).body,
    looksCut: (raw) => !unchunked(split(raw.text()).rest).whole,
  },
  {
    name: 'of a stated length',
    line: 'GET /',
    headers: ofLength(10),
    body: (text) => text,
    looksCut: (raw) => split(raw.text()).rest.length < 10,
  },
  {
    name: 'to HTTP/1.0, where the end of the connection is its end',
    line: 'OLD',
    headers: CHUNKED,
    body: (text) => text,
    looksCut: (raw) => codeOf(raw) === 'ECONNRESET',
  },
]

const OLD = 'GET / HTTP/1.0\r\nhost: gateway\r\n\r\n'

/** What every Client keeps to about the answer. */
export function answerContract(name: string, make: MakeServer): void {
  const called = async (
    on: Awaited<ReturnType<typeof scene>>,
    line: string,
  ): Promise<{ readonly raw: Raw; readonly client: Client }> => {
    if (line !== 'OLD') return await on.asked(line)
    const raw = await on.dial()
    raw.write(OLD)
    return { raw, client: await on.client() }
  }

  suite(`an answer, written by ${name},`, () => {
    test('has its status and its headers as they were given, and none of its own but the connection’s', async () => {
      for (const framing of [CHUNKED, ofLength(5)]) {
        await using on = await scene(make)
        const { raw, client } = await on.asked()
        const headers = ['X-B', '1', 'x-a', '2', 'X-b', '3', 'X-B', '4', 'x-latin', 'caf\u00e9', ...framing]
        client.begin(418, headers)
        write(client, hello)
        client.end()
        const { lines } = split(await raw.sees(/lo(?:\r\n0\r\n\r\n)?$/))
        match(lines[0] ?? '', /^HTTP\/1\.1 418 /)
        const given = headers.flatMap((part, i) => (i % 2 === 0 ? [`${part}: ${headers[i + 1]}`] : []))
        deepEqual(
          lines.slice(1).filter((line) => !OWN.test(line)),
          given,
        )
      }
    })

    test('begins before there is anything to write', async () => {
      await using on = await scene(make)
      const { raw, client } = await on.asked()
      client.begin(200, CHUNKED)
      match(await raw.sees(/\r\n\r\n$/), /^HTTP\/1\.1 200 OK\r\n/)
      client.write(Buffer.from('hello'))
      await raw.sees(/hello/)
      ok(!raw.text().includes('\r\n0\r\n\r\n'))
    })

    test('is the very bytes, in chunks; then the connection can be had again', async () => {
      await using on = await scene(make)
      const { raw, client } = await on.asked()
      client.begin(200, CHUNKED)
      write(client, PIECES)
      client.end()
      const whole = await until(() => {
        const read = unchunked(split(raw.text()).rest)
        return read.whole ? read.body : undefined
      })
      ok(BODY.equals(Buffer.from(whole, 'latin1')))
      raw.write(head('GET /again'))
      equal((await on.client(1)).path, '/again')
    })

    test('is the very bytes, of a stated length; then the connection can be had again', async () => {
      await using on = await scene(make)
      const { raw, client } = await on.asked()
      client.begin(200, ofLength(BODY.length))
      write(client, PIECES)
      client.end()
      const whole = await until(() => {
        const { rest } = split(raw.text())
        return rest.length >= BODY.length ? rest : undefined
      })
      ok(BODY.equals(Buffer.from(whole, 'latin1')))
      raw.write(head('GET /again'))
      equal((await on.client(1)).path, '/again')
      equal(split(raw.text()).rest.length, BODY.length)
    })

    test('is the very bytes to HTTP/1.0, and ends with the connection in good order', async () => {
      await using on = await scene(make)
      const { raw, client } = await called(on, 'OLD')
      client.begin(200, CHUNKED)
      write(client, PIECES)
      client.end()
      await raw.closed
      equal(codeOf(raw), undefined)
      ok(BODY.equals(Buffer.from(split(raw.text()).rest, 'latin1')))
    })

    test('may be nothing, and has no body where it must not', async () => {
      await using on = await scene(make)
      const { raw, client } = await on.asked()
      client.begin(200, CHUNKED)
      client.end()
      await raw.sees(/\r\n\r\n0\r\n\r\n$/)
      const { raw: other, client: asker } = await on.asked('HEAD /')
      asker.begin(200, ofLength(5))
      write(asker, hello)
      asker.end()
      match(await other.sees(/\r\n\r\n/), /content-length: 5/)
      other.write(head('GET /again'))
      equal((await on.client(2)).path, '/again')
      equal(split(other.text()).rest, '')
    })
  })

  suite(`an answer that is cut short, written by ${name},`, () => {
    for (const { name: way, line, headers, body, looksCut } of WAYS) {
      test(`${way}, looks so, and what came before has come`, async () => {
        for (const waitMs of [0, 30]) {
          await using on = await scene(make)
          const { raw, client } = await called(on, line)
          client.begin(200, headers)
          write(client, hello)
          if (waitMs > 0) await raw.sees(/lo/)
          client.cut()
          await raw.closed
          match(raw.text(), /^HTTP\/1\.1 200 OK\r\n/)
          equal(body(split(raw.text()).rest), 'hello')
          ok(looksCut(raw))
          client.cut()
        }
      })

      test(`${way}, looks so after its head`, async () => {
        await using on = await scene(make)
        const { raw, client } = await called(on, line)
        client.begin(200, headers)
        client.cut()
        await raw.closed
        match(raw.text(), /^HTTP\/1\.1 200 OK\r\n/)
        equal(body(split(raw.text()).rest), '')
        ok(looksCut(raw))
      })

      test(`${way}, is not that when it is only slow`, async () => {
        await using on = await scene(make)
        const { raw, client } = await called(on, line)
        client.begin(200, headers)
        write(client, hello)
        await raw.sees(/lo/)
        ok(await waits(raw.closed, 50))
        write(client, hello)
        client.end()
        await raw.sees(/lo(?:\r\n)?[^]*lo/)
        if (line === 'OLD') await raw.closed
        else await until(() => (looksCut(raw) ? undefined : true))
        ok(!looksCut(raw))
        equal(body(split(raw.text()).rest), 'hellohello')
      })
    }

    test('before it began is none at all', async () => {
      await using on = await scene(make)
      const { raw, client } = await on.asked()
      client.cut()
      await raw.closed
      equal(raw.text(), '')
    })
  })
}
