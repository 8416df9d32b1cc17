import { deepEqual, equal, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { frame } from '../support/frames.ts'
import { rawTalk } from '../support/raw-socket.ts'
import { serve, type Served } from '../support/serve.ts'
import { create } from '../support/socket-client.ts'
import { answer, socketUpstream, type Script } from '../support/socket-upstream.ts'
import { startGround, until } from '../support/stand.ts'
import { wiring } from '../support/wired.ts'

const MB = 1_000_000
const STALL_MS = 30_000

const DELTA = JSON.stringify({ type: 'response.output_text.delta', delta: 'x'.repeat(1900) })
const DELTAS = Math.ceil((200 * MB) / DELTA.length)

interface Sent {
  deltas: number
}

/** About 200 MB of events, as fast as they are taken. */
function much(sent: Sent): Script {
  const say = async (socket: WebSocket, id: string): Promise<void> => {
    const [, created = '', ...rest] = answer(id, 0)
    socket.send(created)
    for (; sent.deltas < DELTAS; sent.deltas++) {
      if (socket.bufferedAmount > MB) await new Promise((resolve) => socket.send(DELTA, resolve))
      else socket.send(DELTA)
    }
    for (const event of rest) socket.send(event)
  }
  return (socket, _frame, id) => void say(socket, id)
}

/** The most memory that it has taken, looked at now and then until it is told to stop. */
function peakOf(gateway: Served): { readonly stop: () => number } {
  let peak = 0
  const timer = setInterval(() => (peak = Math.max(peak, gateway.memory())), 20)
  return {
    stop: () => {
      clearInterval(timer)
      return peak
    },
  }
}

suite('the memory of a gateway with WebSockets', { concurrency: 2 }, () => {
  test('grows by less than 50 MB while a reader stalls for 30 s under a stream of 200 MB', async () => {
    await using up = await socketUpstream()
    const sent: Sent = { deltas: 0 }
    up.script = much(sent)
    await using ground = await startGround({ toml: wiring(up.url) })
    await using gateway = await serve(ground.configFile)
    const headers = { authorization: `Bearer ${ground.key}`, originator: 'codex_exec' }
    const client = new WebSocket(`${gateway.url.replace('http', 'ws')}/v1/responses`, { headers })
    await once(client, 'open')
    let [bytes, last] = [0, '']
    client.on('message', (data: Buffer) => {
      bytes += data.length
      if (data.length !== DELTA.length) last = data.toString()
    })
    await sleep(500)
    const before = gateway.memory()
    const peak = peakOf(gateway)
    client.send(JSON.stringify(create()))
    await until(() => (bytes > 0 ? true : undefined))
    client.pause()
    await sleep(1000)
    const stalledAt = sent.deltas
    await sleep(STALL_MS - 1000)
    equal(sent.deltas, stalledAt)
    ok(stalledAt < DELTAS / 4, `${stalledAt} of ${DELTAS} events were sent to nobody`)
    client.resume()
    await until(() => (last.includes('response.completed') ? true : undefined), 30_000)
    ok(bytes > 200 * MB)
    const grown = peak.stop() - before
    ok(grown < 50 * MB, `memory has grown by ${Math.round(grown / MB)} MB`)
    deepEqual(
      (await ground.settled()).map(({ ending, precision, inputTokens }) => [ending, precision, inputTokens]),
      [['complete', 'exact', 100]],
    )
    client.terminate()
  })

  test('holds of messages that are not whole what it may, however many sockets send them', async () => {
    await using up = await socketUpstream()
    const limits = 'max_body_bytes = 32000000\nmax_member_buffered_bytes = 64000000\nmax_buffered_bytes = 64000000\n'
    await using ground = await startGround({ toml: wiring(up.url, `[limits]\n${limits}`) })
    await using gateway = await serve(ground.configFile)
    const clients = await Promise.all(Array.from({ length: 20 }, () => rawTalk(gateway.url, ground.key)))
    await sleep(500)
    const before = gateway.memory()
    const peak = peakOf(gateway)
    const begun = frame(Buffer.alloc(60 * MB, ' '), { mask: new Uint8Array(4), length: 100 * MB })
    const closed = clients.map(({ closing }) => closing)
    for (const { socket, gone } of clients) if (!socket.write(begun)) await Promise.race([once(socket, 'drain'), gone])
    // There is room for one of them.
    const codes: number[] = []
    for (const closing of closed) void closing.then((code) => codes.push(code))
    await until(() => (codes.length === 19 ? true : undefined))
    ok(codes.every((code) => code === 1013))
    const grown = peak.stop() - before
    ok(grown < 200 * MB, `memory has grown by ${Math.round(grown / MB)} MB`)
    for (const client of clients) client[Symbol.dispose]()
  })
})
