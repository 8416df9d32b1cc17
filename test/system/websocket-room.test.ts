import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { frame } from '../support/frames.ts'
import { rawSocketUpstream, rawTalk, type RawPeer, type RawSocketUpstream } from '../support/raw-socket.ts'
import { allRead } from '../support/raw.ts'
import { create, talk } from '../support/socket-client.ts'
import { answer } from '../support/socket-upstream.ts'
import { startStand, until, type Stand } from '../support/stand.ts'
import { wired, wiring } from '../support/wired.ts'

const MiB = 1_048_576
const MASK = new Uint8Array(4)
const limits = (member: number, all = 64 * MiB): string =>
  `[limits]\nmax_body_bytes = ${member}\nmax_member_buffered_bytes = ${member}\nmax_buffered_bytes = ${all}\n`
const SMALL = { toml: limits(8 * MiB) }

/** A turn of so many bytes. */
function turnOf(bytes: number): Buffer {
  const text = JSON.stringify(create({ padding: '' }))
  return Buffer.from(JSON.stringify(create({ padding: ' '.repeat(bytes - text.length) })))
}

/** Sends the beginning of a message, as much as stands there of it, and its head; the gateway has read it by then. */
async function begin(peer: RawPeer, message: Buffer, bytes: number): Promise<void> {
  const whole = frame(message, { mask: MASK })
  peer.socket.write(whole.subarray(0, bytes))
  await allRead(peer.socket)
}

/** Waits until a message that takes most of the share is served: then nothing like one that was begun is left in it. */
async function expectAllFree({ url, key }: Stand): Promise<void> {
  await until(async () => {
    using client = await talk(url, key, { thread: 'all' })
    client.socket.send(turnOf(7 * MiB))
    const end = await until(() => client.events().find(({ type }) => /completed|failed/.test(String(type))))
    return end['type'] === 'response.completed' || undefined
  })
}

suite('a message that is not whole', { concurrency: 4 }, () => {
  test('has its room of the member’s share, and is refused in a frame when there is none', async () => {
    await using line = await wired(SMALL)
    const { on, up } = line
    const bob = await on.addMember({ name: 'bob' })
    await on.heard()
    const [first, second] = [turnOf(6 * MiB), turnOf(6 * MiB)]
    using one = await rawTalk(on.url, on.key)
    await begin(one, first, 5 * MiB)
    using two = await rawTalk(on.url, on.key)
    await begin(two, second, 5 * MiB)
    const refused = JSON.parse((await two.sees('rate_limit_exceeded')).data.toString())
    match(refused.response.error.message, /holds as much of your requests as it can.*try again in 10 s/)
    equal(await two.closing, 1013)
    // Whoever goes on sending is heard out, and nothing of it is kept.
    two.socket.write(frame(second, { mask: MASK }).subarray(5 * MiB))
    two.socket.end()
    await two.gone
    using other = await talk(on.url, bob)
    other.socket.send(turnOf(6 * MiB))
    await other.event('response.completed')
    one.socket.write(frame(first, { mask: MASK }).subarray(5 * MiB))
    await one.sees('response.completed')
    deepEqual(
      up.messages.map(({ data }) => data.length),
      [6 * MiB, 6 * MiB],
    )
    await expectAllFree(on)
    ok((await on.settled()).every(({ ending }) => ending === 'complete'))
  })

  test('gives its room back, whatever way the socket ends', async () => {
    await using line = await wired({ toml: `${SMALL.toml}body_idle_secs = 1\n` })
    const { on } = line
    const ends: readonly ((peer: RawPeer) => void)[] = [
      (peer) => peer.socket.resetAndDestroy(),
      (peer) => peer.socket.end(),
      // It is left where it is.
      (peer) => void peer.closing.then(() => peer.socket.end()),
      // In place of the next part of it, something that is no frame.
      (peer) => peer.socket.write(Buffer.alloc(6 * MiB, 0xff)),
    ]
    for (const end of ends) {
      const peer = await rawTalk(on.url, on.key)
      await begin(peer, turnOf(6 * MiB), 5 * MiB)
      end(peer)
      await expectAllFree(on)
      peer[Symbol.dispose]()
    }
    // A close between two parts of it.
    const peer = await rawTalk(on.url, on.key)
    peer.frame(turnOf(5 * MiB), { fin: false })
    peer.frame(Buffer.from([0x03, 0xe8]), { opcode: 8 })
    await expectAllFree(on)
    peer.socket.end()
    await peer.gone
  })

  test('that makes no progress is not waited for, though its connection lives', async () => {
    await using line = await wired({
      toml: '[limits]\nbody_idle_secs = 0.5\nws_upstream_ping_interval_secs = 1\n',
    })
    using peer = await rawTalk(line.on.url, line.on.key)
    peer.frame(' '.repeat(200_000), { fin: false })
    const beat = setInterval(() => peer.frame('', { opcode: 10 }), 50)
    const { data } = await peer.sees('made no progress')
    equal(JSON.parse(data.toString()).status, 400)
    equal(await peer.closing, 1013)
    clearInterval(beat)
  })

  test('is not what a connection is taken for that lives long and says little', async () => {
    await using line = await wired({
      toml: limits(100_000),
    })
    using peer = await rawTalk(line.on.url, line.on.key)
    // Each of them a read of its own.
    for (let i = 0; i < 500; i++) {
      peer.frame('still here', { opcode: 9 })
      await once(peer.socket, 'data')
    }
    peer.frame(JSON.stringify(create()))
    await peer.sees('response.completed')
  })
})

/** Most of a giant, and all of it; there is room for one. */
const [MOST, GIANT, ROOM] = [36 * MiB, 40 * MiB, 48 * MiB]
const giant = (id: string): Buffer => Buffer.from(JSON.stringify({ type: 'giant', id, padding: ' '.repeat(GIANT) }))

interface Halves extends AsyncDisposable {
  readonly on: Stand
  readonly up: RawSocketUpstream
  /** A conversation whose turn has begun. */
  begin(): Promise<RawPeer>
  /** Sends most of the giant that belongs to it, by number. */
  most(i: number, afterMs?: number): Promise<void>
  /** Sends what is left of it, and ends the turn. */
  end(i: number): void
}

/** An upstream that answers every turn with a giant, and keeps the end of it back. */
async function halves(upstream = ''): Promise<Halves> {
  await using parts = new AsyncDisposableStack()
  const peers: RawPeer[] = []
  const up = parts.use(
    await rawSocketUpstream((_, peer) => {
      peer.frame(answer(`resp_${peers.push(peer)}`)[1] ?? '')
    }),
  )
  const on = parts.use(await startStand({ toml: wiring(up.url, limits(8 * MiB, ROOM), upstream) }))
  const all = parts.move()
  return {
    on,
    up,
    begin: async () => {
      const client = await rawTalk(on.url, on.key)
      client.frame(JSON.stringify(create()))
      await client.sees('response.created')
      return client
    },
    most: async (i, afterMs = 0) => {
      await sleep(afterMs)
      const socket = peers[i]?.socket
      socket?.write(frame(giant(`resp_${i + 1}`)).subarray(0, MOST))
      // Until all of it is taken, or nothing more.
      for (let [left, still] = [-1, 0]; left !== 0 && still < 10; await sleep(100)) {
        still = socket?.writableLength === left ? still + 1 : 0
        left = socket?.writableLength ?? 0
      }
    },
    end: (i) => {
      peers[i]?.socket.write(frame(giant(`resp_${i + 1}`)).subarray(MOST))
      for (const event of answer(`resp_${i + 1}`).slice(2)) peers[i]?.frame(event)
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

suite('a message of upstream’s that is not whole', { concurrency: 4 }, () => {
  test('waits for room, all but one, and comes whole', async () => {
    await using line = await halves()
    const { on, up } = line
    using one = await line.begin()
    using two = await line.begin()
    using three = await line.begin()
    for (const i of [0, 1, 2]) await line.most(i)
    // What is not read waits where it comes from.
    const waiting = (): readonly boolean[] => up.peers.map(({ socket }) => socket.writableLength > MiB)
    await until(() => (String(waiting()) === 'false,false,true' ? true : undefined))
    for (const i of [0, 1, 2]) line.end(i)
    for (const [i, client] of [one, two, three].entries()) {
      await client.sees('response.completed')
      ok(client.messages.some(({ data }) => data.equals(giant(`resp_${i + 1}`))))
    }
    ok((await on.settled()).every(({ precision }) => precision === 'exact'))
  })

  test('and stands still breaks off, and lets the next one have its room', async () => {
    await using line = await halves('idle_timeout_secs = 5\n')
    using one = await line.begin()
    using two = await line.begin()
    using three = await line.begin()
    // One soon after the other: a turn that says nothing at all would end for that.
    await Promise.all([0, 1, 2].map(async (i) => await line.most(i, i * 200)))
    line.end(2)
    await three.sees('response.completed')
    await one.gone
    await two.gone
    const ends = (await line.on.settled()).map(({ ending }) => ending ?? '')
    deepEqual(new Set(ends), new Set(['complete', 'upstream-broke']))
  })
})
