import { equal, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, test } from 'node:test'
import { WebSocket } from 'ws'
import { socketOn } from '../../src/adapters/openai/socket.ts'
import type { MemberId } from '../../src/core/units.ts'
import { BodyBudget } from '../../src/edge/body-budget.ts'
import { WsClient } from '../../src/edge/websocket.ts'
import { untilStill } from '../contract/upstream-kit.ts'
import { create, talk } from '../support/socket-client.ts'
import { answer } from '../support/socket-upstream.ts'
import { until } from '../support/stand.ts'
import { wired } from '../support/wired.ts'

const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

suite('a client of a WebSocket', { concurrency: 4 }, () => {
  test('that does not read is refused only as fast as it reads', async () => {
    const http = createServer()
    const budget = new BodyBudget({ maxBufferedBytes: 1, maxMemberBufferedBytes: 1 })
    const accepted = new Promise<WsClient>((resolve) => {
      http.on('upgrade', (request, connection, head) => {
        const refusalOf = (): string => 'x'.repeat(100_000)
        const options = { maxMessageBytes: 1, idleMs: 10_000, budget, socketOn, refusalOf }
        const client = new WsClient(request, connection, head, options)
        client.accept([], 1 as MemberId)
        resolve(client)
      })
    })
    await once(http.listen(0, '127.0.0.1'), 'listening')
    const reader = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`)
    await once(reader, 'open')
    reader.pause()
    const client = await accepted
    let refused = 0
    const over = (async () => {
      for (; refused < 1000; refused++) await client.refuse(new Error('no'))
    })()
    const before = await untilStill(() => refused, 300)
    await pass(200)
    equal(refused, before)
    ok(before < 900, String(before))
    reader.resume()
    await over
    reader.terminate()
    http.close()
    await once(http, 'close')
  })

  test('that does not read is no reason for a gateway that is to stop at once to wait', async () => {
    await using line = await wired()
    const { on, up } = line
    using client = await talk(on.url, on.key)
    client.socket.pause()
    await until(() => (up.open() === 1 ? true : undefined))
    const began = performance.now()
    await on.gateway.stop(AbortSignal.abort())
    const took = performance.now() - began
    // It is told goodbye for half a second; the end of a connection alone may take five.
    ok(took > 300 && took < 5000, `${Math.round(took)} ms`)
  })

  test('does not see the limits of the account between its turns, however they are written', async () => {
    await using line = await wired()
    const { on, up } = line
    up.script = (socket, _frame, id) => {
      for (const event of answer(id)) socket.send(event)
      socket.send('{"type": "codex.rate_limits", "rate_limits": {"primary": {"used_percent": 99}}}')
      socket.send('{"plan_type":"team","type":"codex.rate_limits"}')
      socket.send('{"type":"after"}')
    }
    using client = await talk(on.url, on.key)
    client.say(create())
    await client.event('after')
    equal(client.events().filter(({ type }) => type === 'codex.rate_limits').length, 0)
  })

  test('may give a reason for leaving that is no UTF-8', async () => {
    await using line = await wired()
    const { on, up } = line
    using client = await talk(on.url, on.key)
    const bytes = Buffer.concat([Buffer.from([0x88, 0x80 | 62, 0, 0, 0, 0, 0x03, 0xe8]), Buffer.alloc(60, 0xff)])
    // It is told the same.
    client.closed.catch(() => undefined)
    client.head.socket.write(bytes)
    const { code, reason } = await until(() => up.closes[0])
    equal(code, 1000)
    equal(reason, '\uFFFD'.repeat(41))
  })
})
