import { deepEqual, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { suite, test } from 'node:test'
import { attemptsOfLast } from '../support/ledger-file.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { create, talk } from '../support/socket-client.ts'
import { startStand, until, type Stand } from '../support/stand.ts'
import { wiring } from '../support/wired.ts'
import { ask, stream, turn } from '../support/wire.ts'

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
const COMMENT = '3\r\n:x\n\r\n'

interface Server extends AsyncDisposable {
  readonly url: string
  readonly connections: () => number
}

/** An upstream that does with each connection what a test says. */
async function server(meet: (socket: Socket, count: number) => void): Promise<Server> {
  const sockets = new Set<Socket>()
  let connections = 0
  const listening = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).resume()
    meet(socket, ++connections)
  }).listen(0, '127.0.0.1')
  await once(listening, 'listening')
  return {
    url: `ws://127.0.0.1:${(listening.address() as AddressInfo).port}`,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      listening.close()
      await once(listening, 'close')
    },
  }
}

/** Where nobody listens. */
async function closed(): Promise<{ readonly url: string }> {
  await using once = await server(() => undefined)
  return { url: once.url }
}

/** How the newest call was settled. */
async function newest(on: Stand): Promise<unknown> {
  const [row] = await on.settled()
  return { ending: row?.ending, refusal: row?.refusal, precision: row?.precision, credits: row?.credits }
}

suite('a client that leaves while no upstream is at its call pays nothing', { concurrency: 3 }, () => {
  test('over WebSocket, when none could be reached yet', async () => {
    const { url } = await closed()
    await using on = await startStand({ toml: wiring(url, '', 'retry_attempts = 100\n') })
    using client = await talk(on.url, on.key)
    const failed = (): number => on.log.filter((line) => line.includes('"error_class":"connect"')).length
    const before = failed()
    client.say(create())
    await until(() => (failed() > before ? true : undefined))
    client.socket.terminate()
    deepEqual(await newest(on), { ending: 'client-left', refusal: undefined, precision: 'exact', credits: 0n })
    deepEqual(await attemptsOfLast(on.folder), [['alpha', 'connect']])
  })

  test('over WebSocket, while upstream leaves its handshake hanging', async () => {
    await using up = await server((socket, count) => {
      if (count === 1) socket.end('HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n')
    })
    await using on = await startStand({ toml: wiring(up.url) })
    using client = await talk(on.url, on.key)
    client.say(create())
    await until(() => (up.connections() === 2 ? true : undefined))
    client.socket.terminate()
    deepEqual(await newest(on), { ending: 'client-left', refusal: undefined, precision: 'exact', credits: 0n })
    deepEqual(await attemptsOfLast(on.folder), [['alpha', 'client_left']])
  })

  test('over HTTP, when one has failed to answer and another is busy', async () => {
    await using silent = await startRawUpstream((socket) => socket.write(HEAD))
    await using busy = await startRawUpstream((socket) => socket.write(HEAD + COMMENT))
    await using on = await startStand({
      upstreams: [
        { name: 'alpha', baseUrl: silent.url, models: ['gpt-5.5'] },
        { name: 'beta', baseUrl: busy.url, maxConcurrent: 1 },
      ],
      toml: '[upstream]\ntimeout_secs = 1\n',
    })
    const first = await stream(on.url, turn(on.key, { model: 'gpt-5.4' }))
    const leaves = new AbortController()
    const second = ask(on.url, turn(on.key, { signal: leaves.signal }))
    await until(() => on.log.find((line) => line.includes('"error_class":"timeout"')))
    leaves.abort()
    await rejects(second)
    const [row] = await until(async () => {
      const rows = await on.calls()
      return rows[0]?.ending === undefined ? undefined : rows
    })
    first.kill()
    deepEqual([row?.ending, row?.precision, row?.credits], ['client-left', 'unknown', 0n])
    deepEqual(await attemptsOfLast(on.folder), [['alpha', 'timeout']])
  })
})
