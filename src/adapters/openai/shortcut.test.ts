import { deepEqual, equal } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket as Connection } from 'node:net'
import { createHash, randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { WebSocket } from 'ws'
import { RoomQueue } from './room-queue.ts'
import { upstreamSocketOn } from './socket.ts'

const nothing = (): void => undefined
const BOUNDS = {
  room: { take: nothing, add: nothing, give: nothing },
  idleMs: 60_000,
  full: { queue: new RoomQueue() },
}

interface Heard {
  readonly messages: readonly { readonly data: Buffer; readonly binary: boolean }[]
  readonly pongs: number
  /** Messages that `ws` has read itself. */
  readonly throughWs: number
  readonly code: number
}

/** What is heard of a server that writes these chunks, each for itself, and then ends the connection. */
async function heardOf(chunks: readonly Buffer[]): Promise<Heard> {
  const server = createServer((connection) => void serve(connection, chunks))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const ws = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    perMessageDeflate: false,
    maxPayload: 1_000_000,
    skipUTF8Validation: true,
  })
  const messages: { data: Buffer; binary: boolean }[] = []
  let [pongs, throughWs] = [0, 0]
  let beneath: Connection | undefined
  ws.on('upgrade', (response) => (beneath = response.socket))
    .on('ping', () => pongs++)
    .on('message', () => throughWs++)
  const code = await new Promise<number>((resolve) => {
    ws.on('open', () => {
      if (!beneath) return
      upstreamSocketOn(ws, beneath, BOUNDS).listen({
        message: (data, binary) => messages.push({ data: Buffer.from(data), binary }),
        closed: resolve,
      })
    })
  })
  server.close()
  return { messages, pongs, throughWs, code }
}

async function serve(connection: Connection, chunks: readonly Buffer[]): Promise<void> {
  connection.on('error', () => undefined).setNoDelay(true)
  const [head] = (await once(connection, 'data')) as [Buffer]
  const key = /sec-websocket-key: (\S+)/i.exec(head.toString())?.[1] ?? ''
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  connection.write(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
  )
  for (const chunk of chunks) {
    // What is written for itself is read for itself.
    await new Promise((resolve) => setTimeout(resolve, 3))
    connection.write(chunk)
  }
  connection.end()
}

function frame(first: number, payload: Buffer | string): Buffer {
  const data = Buffer.from(payload)
  if (data.length < 126) return Buffer.concat([Buffer.from([first, data.length]), data])
  const head =
    data.length < 65_536 ? Buffer.from([first, 126, 0, 0]) : Buffer.from([first, 127, 0, 0, 0, 0, 0, 0, 0, 0])
  head.writeUIntBE(data.length, head.length - (head.length === 4 ? 2 : 6), head.length === 4 ? 2 : 6)
  return Buffer.concat([head, data])
}

const TEXT = 0x81
const BINARY = 0x82
const PING = frame(0x89, 'p')
const CLOSE = frame(0x88, Buffer.from([0x03, 0xe8]))

/** Texts of some lengths, a binary message, a ping, one in two fragments, and one that is longer than a chunk. */
const SENT = [0, 1, 125, 126, 300, 70_000].flatMap((length) => {
  const [text, binary] = ['x'.repeat(length), randomBytes(length)]
  return [
    { bytes: frame(TEXT, text), data: Buffer.from(text), binary: false },
    { bytes: PING, data: undefined, binary: false },
    { bytes: frame(BINARY, binary), data: binary, binary: true },
  ]
})
const WHOLE = Buffer.concat([...SENT.map(({ bytes }) => bytes), CLOSE])
const EXPECTED = SENT.flatMap(({ data, binary }) => (data ? [{ data, binary }] : []))

suite('messages of upstream’s', { concurrency: 4 }, () => {
  test('are heard in their order, wherever the chunks are cut', async () => {
    const small = WHOLE.length - 140_100
    for (const cut of [1, 2, 3, 5, 127, 400]) {
      const chunks: Buffer[] = []
      for (let at = 0; at < small; at += cut) chunks.push(WHOLE.subarray(at, Math.min(small, at + cut)))
      // Byte by byte would take long.
      const few = cut < 5 ? [...chunks.slice(0, 60), Buffer.concat(chunks.slice(60))] : chunks
      const { messages, pongs, code } = await heardOf([...few, WHOLE.subarray(small)])
      deepEqual(messages, EXPECTED)
      deepEqual([pongs, code], [6, 1000])
    }
  })

  test('are not heard behind a close, or behind what breaks the protocol', async () => {
    const late = frame(TEXT, 'late')
    for (const [breaks, code] of [
      [CLOSE, 1000],
      [frame(0xc1, 'compressed'), 1006],
      [frame(0x83, 'unknown'), 1006],
      [frame(0x80, 'goes on from nothing'), 1006],
      [frame(0x09, 'a ping in parts'), 1006],
      [frame(0x89, 'x'.repeat(126)), 1006],
      [Buffer.from([TEXT, 0x81, 0, 0, 0, 0, 0x78]), 1006],
    ] as const) {
      const heard = await heardOf([Buffer.concat([frame(TEXT, 'first'), breaks, late]), late])
      deepEqual(
        heard.messages.map(({ data }) => data.toString()),
        ['first'],
      )
      equal(heard.code, code)
    }
  })

  test('are read past `ws` where they came whole', async () => {
    const whole = [frame(TEXT, 'a'), frame(BINARY, 'b'.repeat(300)), PING, frame(TEXT, 'c')]
    equal((await heardOf([Buffer.concat(whole), ...whole])).throughWs, 0)
    const long = frame(TEXT, 'd'.repeat(300))
    const { throughWs, messages } = await heardOf([long.subarray(0, 200), long.subarray(200), long])
    deepEqual([throughWs, messages.length], [1, 2])
  })

  test('are heard in fragments, and behind them', async () => {
    const parts = [frame(0x01, 'a'), PING, frame(0x00, 'b'), frame(0x80, 'c'), frame(TEXT, 'd')]
    for (const chunks of [parts, [Buffer.concat(parts)]]) {
      const { messages, pongs } = await heardOf(chunks)
      deepEqual(
        messages.map(({ data }) => data.toString()),
        ['abc', 'd'],
      )
      equal(pongs, 1)
    }
  })
})
