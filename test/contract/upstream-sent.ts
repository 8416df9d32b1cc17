import { deepEqual, equal, ok } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import type { TappedRequest } from '../support/tap.ts'
import { bareServer, exchanged, pumped, scene, whole, type MakeUpstreamClient } from './upstream-kit.ts'

const ADDED: ReadonlySet<string> = new Set(['host', 'connection', 'content-length', 'authorization'])

/** An answer after which the connection cannot be had again. */
const LAST = 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'

/** What came beside the headers that an adapter adds, and what it added. */
function sorted({ rawHeaders }: TappedRequest): { given: string[]; added: Record<string, string[]> } {
  const given: string[] = []
  const added: Record<string, string[]> = {}
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2)
    if (ADDED.has(name.toLowerCase())) (added[name.toLowerCase()] ??= []).push(value)
    else given.push(name, value)
  }
  return { given, added }
}

/** What every UpstreamClient keeps to about what goes upstream. */
export function sentContract(name: string, make: MakeUpstreamClient): void {
  suite(`what goes upstream, by ${name},`, () => {
    test('is the headers as they were given, and of its own only what HTTP needs and the secret', async () => {
      await using on = await scene(make)
      const headers = ['X-Second', 'b', 'x-first', 'a', 'X-second', 'c', 'user-agent', 'me/1', 'x-latin', 'caf\u00e9']
      const opening = on.open({ headers, body: Buffer.from('hello') })
      const line = await on.server.line(0)
      const { given, added } = sorted(await line.request())
      deepEqual(given, headers)
      deepEqual(added, {
        host: [`127.0.0.1:${on.server.port}`],
        connection: ['keep-alive'],
        'content-length': ['5'],
        authorization: ['Bearer secret-1'],
      })
      line.say(whole(''))
      await opening
    })

    for (const size of [0, 1, 16_384, 16_385, 1_000_000]) {
      test(`is the very bytes of a body of ${size}`, async () => {
        await using on = await scene(make)
        const body = randomBytes(size)
        const opening = on.open({ body, headers: ['x-last', 'z'] })
        const line = await on.server.line(0)
        const request = await line.request()
        ok(request.body.equals(body))
        deepEqual(sorted(request).given, ['x-last', 'z'])
        deepEqual(sorted(request).added['content-length'], [String(size)])
        line.say(whole(''))
        await opening
      })
    }

    test('is only a part of what the body lies in, where it lies in the middle of something larger', async () => {
      await using on = await scene(make)
      for (const [number, length] of [3, 20_000].entries()) {
        const body = new Uint8Array(new Uint8Array(randomBytes(30_000)).buffer, 7, length)
        const opening = on.open({ body })
        const line = await on.server.line(number)
        ok((await line.request()).body.equals(body))
        line.say(LAST)
        await pumped(await opening).done
      }
    })

    test('is no body and no length where there is none', async () => {
      await using on = await scene(make)
      const opening = on.open({ method: 'GET', path: '/v1/models' })
      const line = await on.server.line(0)
      const request = await line.request()
      deepEqual([request.method, request.path], ['GET', '/v1/models'])
      equal(sorted(request).added['content-length'], undefined)
      line.say(whole(''))
      await opening
    })

    test('goes to the base URL of the upstream with its secret, the path and the query behind it as they came', async () => {
      await using on = await scene(make)
      await using other = await bareServer()
      const path = '/responses/compact?b=2&a=%2F%20x&a=1'
      for (const [number, baseUrl] of [`${other.url}/api/v9`, `${other.url}/api/v9/`].entries()) {
        const opening = on.open({ path, baseUrl, id: 7 })
        const line = await other.line(number)
        const request = await line.request()
        equal(request.path, `/api/v9${path}`)
        deepEqual(sorted(request).added['authorization'], ['Bearer secret-7'])
        line.say(LAST)
        await pumped(await opening).done
      }
      equal(on.server.lines.length, 0)
    })

    test('goes over a connection that is kept', async () => {
      await using on = await scene(make)
      const first = await exchanged(on)
      for (let i = 0; i < 4; i++) equal(await exchanged(on), first)
      equal(on.server.lines.length, 1)
    })

    test('goes over another connection while one is in use', async () => {
      await using on = await scene(make)
      const opening = [on.open(), on.open()]
      for (const number of [0, 1]) {
        const line = await on.server.line(number)
        await line.request()
        line.say(whole(String(number)))
      }
      equal((await Promise.all(opening)).length, 2)
    })

    test('goes over a fresh connection when upstream has closed the one that was kept', async () => {
      await using on = await scene(make)
      for (const close of ['end', 'resetAndDestroy', 'end'] as const) {
        const line = await exchanged(on)
        line.socket[close]()
        await line.closed
      }
      await exchanged(on)
      equal(on.server.lines.length, 4)
    })
  })
}
