import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { Refusal } from '../../src/core/refusal.ts'
import type { Body } from '../../src/ports.ts'
import { head, type Raw } from '../support/raw.ts'
import { until } from '../support/stand.ts'
import { CODINGS, MEMBER, OTHER, scene, type ClientSettings, type MakeServer, type Scene } from './client-kit.ts'
import { waits } from './coordinator-kit.ts'

/** Sends a body whole. */
async function sent(on: Scene, body: Uint8Array, ...headers: readonly string[]): Promise<Raw> {
  const raw = await on.dial()
  raw.write(head('POST /v1/responses', ...headers, `content-length: ${body.length}`), body)
  return raw
}

/** Something with room to be made smaller. */
const PLAIN = Buffer.concat([Buffer.alloc(50_000, 'a'), randomBytes(1000)])

/** Bodies that are not taken, and what is said of them. */
const REFUSED: readonly (readonly [what: string, over: Partial<ClientSettings>, saying: RegExp, ...parts: string[]])[] =
  [
    ['that says it is too large', { maxBodyBytes: 10 }, /larger than/, head('POST /', 'content-length: 11')],
    [
      'that turns out too large',
      { maxBodyBytes: 10 },
      /larger than/,
      head('POST /', 'transfer-encoding: chunked'),
      '6\r\n012345\r\n5\r\n01234\r\n0\r\n\r\n',
    ],
    [
      'in an encoding that nobody knows',
      {},
      /"lzw" is not understood/,
      head('POST /', 'content-encoding: lzw', 'content-length: 5'),
      'hello',
    ],
    [
      'that is not in its encoding',
      {},
      /not valid gzip/,
      head('POST /', 'content-encoding: gzip', 'content-length: 5'),
      'hello',
    ],
    ['that stops', { bodyIdleMs: 300 }, /no progress/, head('POST /', 'content-length: 6'), 'hello'],
  ]

/** What every Client keeps to about the request. */
export function requestContract(name: string, make: MakeServer): void {
  suite(`a request, read by ${name},`, () => {
    test('is there with its method, its path and query, and its headers as they came', async () => {
      await using on = await scene(make)
      const raw = await on.dial()
      const path = '/v1/responses?b=2&a=%2F+x&a=1'
      const headers = ['X-B', '1', 'x-a', '2', 'X-b', '3', 'x-b', '4', 'x-empty', '', 'X-Latin', 'caf\u00e9']
      const lines = headers.flatMap((part, i) => (i % 2 === 0 ? [`${part}: ${headers[i + 1]}`] : []))
      raw.socket.write(head(`DELETE ${path}`, ...lines), 'latin1')
      const client = await on.client()
      deepEqual([client.method, client.path], ['DELETE', path])
      deepEqual(client.headers, ['host', 'gateway', ...headers])
      ok(!client.signal.aborted)
    })

    for (const [coding, encode] of CODINGS) {
      test(`has its body as it came and without its ${coding}; both are gone when it is released`, async () => {
        await using on = await scene(make)
        const bytes = encode(PLAIN)
        await sent(on, bytes, `content-encoding: ${coding}`)
        const body = await (await on.client()).read(MEMBER)
        ok(PLAIN.equals(body.plain))
        ok(Buffer.from(bytes).equals(body.bytes))
        body.release()
        deepEqual([body.bytes.length, body.plain.length], [0, 0])
        body.release()
      })
    }

    test('may have come in chunks, and piece by piece', async () => {
      await using on = await scene(make)
      const raw = await on.dial()
      raw.write(head('POST /v1/responses', 'transfer-encoding: chunked'))
      const reading = (await on.client()).read(MEMBER)
      for (const piece of ['hel', 'lo, ', 'you']) {
        raw.write(`${piece.length}\r\n${piece}\r\n`)
        ok(await waits(reading, 20))
      }
      raw.write('0\r\n\r\n')
      const { bytes, plain } = await reading
      equal(Buffer.from(bytes).toString(), 'hello, you')
      equal(plain, bytes)
    })

    test('may have no body', async () => {
      await using on = await scene(make)
      const { client } = await on.asked()
      const { bytes, plain } = await client.read(MEMBER)
      deepEqual([bytes.length, plain.length], [0, 0])
    })

    test('is told to send its body when somebody wants it, and not before', async () => {
      await using on = await scene(make)
      const raw = await on.dial()
      raw.write(head('POST /v1/responses', 'expect: 100-continue', 'content-length: 5'))
      const client = await on.client()
      ok(await waits(raw.sees(/./, 500), 50))
      const reading = client.read(MEMBER)
      match(await raw.sees(/\r\n\r\n/), /^HTTP\/1\.1 100 /)
      raw.write('hello')
      equal(Buffer.from((await reading).bytes).toString(), 'hello')
    })

    for (const [what, over, saying, ...parts] of REFUSED) {
      test(`${what} is refused`, async () => {
        await using on = await scene(make, over)
        const raw = await on.dial()
        raw.write(...parts)
        const reading = (await on.client()).read(MEMBER)
        await rejects(reading, (cause) => cause instanceof Refusal && saying.test(cause.message))
      })
    }

    for (const [coding, encode] of CODINGS.filter(([coding]) => coding !== 'identity')) {
      test(`that would be too large without its ${coding} is refused`, async () => {
        await using on = await scene(make, { maxDecompressedBytes: 100_000 })
        await sent(on, encode(Buffer.alloc(100_001)), `content-encoding: ${coding}`)
        const reading = (await on.client()).read(MEMBER)
        await rejects(reading, (cause) => cause instanceof Refusal && /larger than/.test(cause.message))
        await sent(on, encode(Buffer.alloc(100_000)), `content-encoding: ${coding}`)
        equal((await (await on.client(1)).read(MEMBER)).plain.length, 100_000)
      })
    }

    test('takes its body out of the share of its member, until it is released', async () => {
      await using on = await scene(make, { maxMemberBufferedBytes: 150_000 })
      let calls = 0
      const read = async (member: typeof MEMBER): Promise<Body> => {
        await sent(on, Buffer.alloc(60_000))
        return await (await on.client(calls++)).read(member)
      }
      const first = await read(MEMBER)
      await read(MEMBER)
      await rejects(read(MEMBER), Refusal)
      await read(OTHER)
      first.release()
      first.release()
      await read(MEMBER)
      await rejects(read(MEMBER), Refusal)
    })

    test('has no body when it leaves in the middle of it', async () => {
      await using on = await scene(make)
      const raw = await on.dial()
      raw.write(head('POST /v1/responses', 'content-length: 6'), 'hello')
      const client = await on.client()
      const reading = client.read(MEMBER)
      ok(await waits(reading))
      raw.socket.destroy()
      await rejects(reading)
      await until(() => client.signal.aborted || undefined)
    })
  })
}
