import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import { rowsIn } from '../support/ledger-file.ts'
import { rawSocketUpstream, rawTalk, type RawPeer } from '../support/raw-socket.ts'
import { create } from '../support/socket-client.ts'
import { answer } from '../support/socket-upstream.ts'
import { startStand, until } from '../support/stand.ts'
import { wired, wiring } from '../support/wired.ts'

const MiB = 1_048_576
const MOST = 128 * MiB
/** Between the five seconds that the gateway gives a close without an answer, and the thirty of the WebSocket library. */
const CUT_MS = 20_000

/** A text that is a turn, or none, and has so many bytes. */
function textOf(type: string, bytes: number): Buffer {
  const around = JSON.stringify(create({ type, padding: '' }))
  return Buffer.from(JSON.stringify(create({ type, padding: ' '.repeat(bytes - around.length) })))
}

async function send(peer: RawPeer, ...frame: Parameters<RawPeer['frame']>): Promise<void> {
  if (!peer.frame(...frame)) await once(peer.socket, 'drain')
}

async function expectTurn(peer: RawPeer): Promise<void> {
  const before = peer.messages.length
  peer.frame(JSON.stringify(create()))
  await until(() => peer.messages.slice(before).find(({ data }) => data.includes('response.completed')))
}

suite('a giant message', () => {
  test('of 128 MiB passes', async () => {
    await using line = await wired()
    using client = await rawTalk(line.on.url, line.on.key)
    await send(client, textOf('response.create', MOST))
    await client.sees('response.completed')
    deepEqual(
      line.up.messages.map(({ data }) => data.length),
      [MOST],
    )
  })

  test('beyond is refused in a frame, whatever it is, and the connection goes on', async () => {
    await using line = await wired()
    const { on, up } = line
    using client = await rawTalk(on.url, on.key)
    for (const [style, type, bytes] of [
      [{ opcode: 1 }, 'response.create', MOST + 1],
      [{ opcode: 1 }, 'session.update', MOST + 1],
      [{ opcode: 2 }, 'session.update', 160 * MiB],
    ] as const) {
      const before = client.messages.length
      await send(client, textOf(type, bytes), style)
      const refused = await until(() => client.messages[before])
      const { status, error } = JSON.parse(refused.data.toString())
      equal(status, 400)
      match(error.message, /larger than the gateway takes: at most 134217728 bytes/)
      await expectTurn(client)
    }
    equal(up.messages.length, 3)
    equal((await on.settled()).length, 3)
  })

  test('beyond 160 MiB closes the connection, in one piece or in several', async () => {
    await using line = await wired()
    for (const pieces of [[160 * MiB + 1], [100 * MiB, 60 * MiB + 1]]) {
      const client = await rawTalk(line.on.url, line.on.key)
      for (const [i, length] of pieces.entries()) {
        const last = i === pieces.length - 1
        // What is said of the last one is enough.
        await send(client, Buffer.alloc(last ? 0 : length), { opcode: i === 0 ? 1 : 0, fin: last, length })
      }
      equal(await client.closing, 1009)
      client.socket.end()
      await client.gone
    }
    await until(() => (line.up.open() === 0 ? true : undefined))
    deepEqual(await line.on.calls(), [])
  })
})

suite('a connection', { concurrency: 4 }, () => {
  test('whose client reads nothing is not sent refusals without end', async () => {
    const small =
      'max_body_bytes = 1024\nmax_member_buffered_bytes = 1024\nmax_buffered_bytes = 1000000\nws_max_messages_per_connection = 1000000\n'
    await using line = await wired({ toml: `[limits]\n${small}` })
    const { on } = line
    using client = await rawTalk(on.url, on.key)
    client.socket.pause()
    const much = textOf('response.create', 2000)
    const closed = async (): Promise<string | undefined> =>
      (await rowsIn(on.folder, 'SELECT reason FROM connections WHERE ended_at IS NOT NULL'))
        .map(({ reason }) => String(reason))
        .at(0)
    let sent = 0
    for (; (await closed()) === undefined && sent < 100_000; sent += 1000) {
      for (let i = 0; i < 1000; i++) if (!client.frame(much)) await once(client.socket, 'drain')
    }
    // Their row may be behind them.
    equal(await until(closed), 'too many messages at once', `after ${sent} messages`)
  })

  test('is cut when its close is not answered, on either side', async () => {
    await using up = await rawSocketUpstream((_, peer) => answer('resp_1').forEach((event) => peer.frame(event)))
    await using on = await startStand({ toml: wiring(up.url, '[limits]\nws_idle_timeout_secs = 2\n') })
    using client = await rawTalk(on.url, on.key, { allowHalfOpen: true })
    await expectTurn(client)
    equal(await client.closing, 1000)
    const began = performance.now()
    equal(up.open(), 1)
    await Promise.all([once(client.socket, 'end'), until(() => (up.open() === 0 ? true : undefined))])
    const took = performance.now() - began
    ok(took > 2000 && took < CUT_MS, `${Math.round(took)} ms`)
  })

  test('is cut when its client closes and does not end it', async () => {
    await using line = await wired()
    const { on, up } = line
    using client = await rawTalk(on.url, on.key, { allowHalfOpen: true })
    client.frame(Buffer.from([0x03, 0xe8]), { opcode: 8 })
    await once(client.socket, 'end')
    const began = performance.now()
    await until(() => (up.open() === 0 ? true : undefined))
    ok(performance.now() - began < CUT_MS)
  })
})

/** By itself: a client of this process that others keep from reading for five seconds would be cut with right. */
suite('a connection that ends', () => {
  test('is not cut while its client takes what was sent to it, however slowly', async () => {
    await using line = await wired({ toml: '[limits]\nws_max_messages_per_connection = 2\n' })
    const { on, up } = line
    up.script = (socket, _frame, id) => {
      for (const event of answer(id).slice(0, -1)) socket.send(event)
      socket.send(`${answer(id).at(-1)?.slice(0, -1)},"padding":"${' '.repeat(40 * MiB)}"}`)
    }
    using client = await rawTalk(on.url, on.key)
    client.frame(JSON.stringify(create()))
    const began = performance.now()
    client.socket.pause()
    const sip = setInterval(() => {
      if (client.socket.isPaused()) client.socket.once('data', () => client.socket.pause()).resume()
    }, 12)
    try {
      equal(await Promise.race([client.closing, client.gone.then(() => 'it was cut')]), 1012)
    } finally {
      clearInterval(sip)
    }
    const took = performance.now() - began
    ok(took > 6000, `it took ${Math.round(took)} ms`)
    ok((await client.sees('response.completed')).data.length > 40 * MiB)
  })
})
