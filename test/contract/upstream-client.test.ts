import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ProxyRoute } from '../../src/adapters/openai/dispatcher.ts'
import { OpenAiHttp } from '../../src/adapters/openai/http.ts'
import { upstreamClientContract } from './upstream-client.contract.ts'
import { pumped, scene, whole, type MakeUpstreamClient } from './upstream-kit.ts'

function made(proxy: ProxyRoute | undefined): MakeUpstreamClient {
  return ({ secretOf, ...settings }) => {
    const client = new OpenAiHttp({ ...settings, maxHeaderBytes: 65_536, proxy, vault: { secretOf } })
    return { client, close: () => client.close() }
  }
}

upstreamClientContract('HTTP to OpenAI', made(undefined))

suite('HTTP to OpenAI through a proxy', () => {
  test('loses none of the headers, and no byte of a body', async () => {
    await using direct = await scene(made(undefined))
    const proxy: ProxyRoute = { httpProxy: direct.server.url, httpsProxy: undefined, noProxy: '' }
    await using on = await scene(made(proxy), { baseUrl: 'http://127.0.0.1:9' })
    for (const [number, size] of [5, 50_000].entries()) {
      const body = Buffer.alloc(size, 'x')
      const opening = on.open({ headers: ['X-B', '1', 'x-a', '2', 'x-b', '3', 'X-B', '4'], body })
      const line = await direct.server.line(number)
      const request = await line.request()
      const { rawHeaders } = request
      const values = (name: string): string[] => rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1] === name)
      deepEqual([values('X-B'), values('x-a'), values('x-b')], [['1', '4'], ['2'], ['3']])
      deepEqual([values('authorization'), values('content-length')], [['Bearer secret-1'], [String(size)]])
      equal(request.path, 'http://127.0.0.1:9/v1/responses')
      equal(request.body.length, size)
      line.say(whole('hello'))
      const pump = pumped(await opening)
      await pump.done
      equal(pump.text(), 'hello')
    }
  })
})
