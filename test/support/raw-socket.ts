/** Both sides of a WebSocket that write their frames by hand, and answer nothing unless a test does. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { frame, FrameReader, OPCODE, type Frame, type FrameStyle } from './frames.ts'
import { connected, head } from './raw.ts'
import { until } from './stand.ts'

export interface Message {
  readonly binary: boolean
  readonly data: Buffer
}

/** One end of a WebSocket. */
export class RawPeer implements Disposable {
  readonly socket: Socket
  /** Whole messages, in order. */
  readonly messages: Message[] = []
  /** Control frames, in order. */
  readonly controls: Frame[] = []
  /** The code with which the other side has closed. */
  readonly closing: Promise<number>
  /** Resolves when the connection is gone. */
  readonly gone: Promise<void>
  readonly #reader = new FrameReader()
  readonly #mask: Uint8Array | undefined
  #parts: Frame[] = []

  constructor(socket: Socket, mask: Uint8Array | undefined, heard: (message: Message, peer: RawPeer) => void) {
    this.socket = socket
    this.#mask = mask
    const { promise, resolve } = Promise.withResolvers<number>()
    this.closing = promise
    this.gone = new Promise((over) => socket.once('close', () => over()))
    socket
      .on('error', () => undefined)
      .on('data', (chunk: Buffer) => {
        for (const next of this.#reader.read(chunk)) {
          if (next.opcode >= OPCODE.close) this.controls.push(next)
          if (next.opcode === OPCODE.close) resolve(next.payload.length > 1 ? next.payload.readUInt16BE(0) : 1005)
          if (next.opcode >= OPCODE.close) continue
          this.#parts.push(next)
          if (!next.fin) continue
          const parts = this.#parts.splice(0)
          const data = Buffer.concat(parts.map(({ payload }) => payload))
          const message = { binary: parts[0]?.opcode === OPCODE.binary, data }
          this.messages.push(message)
          heard(message, this)
        }
      })
  }

  /** Writes one frame; false when the other side is behind. */
  frame(payload: Uint8Array | string, style: FrameStyle = {}): boolean {
    return this.socket.write(frame(Buffer.from(payload), { mask: this.#mask, ...style }))
  }

  /** The whole message that holds this text. */
  async sees(text: string): Promise<Message> {
    return await until(() => this.messages.find(({ data }) => data.includes(text)))
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}

const UPGRADE = [
  'connection: upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
  'originator: codex_exec',
]
/** Its frames show what they hold. */
const PLAIN_MASK = new Uint8Array(4)

/** A client. `allowHalfOpen`: it does not end its side when the gateway ends the other. */
export async function rawTalk(
  url: string,
  key: string,
  { mask = PLAIN_MASK, allowHalfOpen = false }: { readonly mask?: Uint8Array; readonly allowHalfOpen?: boolean } = {},
): Promise<RawPeer> {
  const raw = await connected(url, { allowHalfOpen })
  raw.socket.removeAllListeners('data')
  raw.write(head('GET /v1/responses', `authorization: Bearer ${key}`, ...UPGRADE))
  let text = ''
  while (!text.includes('\r\n\r\n')) {
    const [chunk] = (await once(raw.socket, 'data')) as [Buffer]
    text += chunk.toString('latin1')
  }
  const end = text.indexOf('\r\n\r\n') + 4
  if (!text.startsWith('HTTP/1.1 101 ')) throw new Error(`no WebSocket: ${text}`)
  const peer = new RawPeer(raw.socket, mask, () => undefined)
  if (text.length > end) raw.socket.emit('data', Buffer.from(text.slice(end), 'latin1'))
  return peer
}

export interface RawSocketUpstream extends AsyncDisposable {
  readonly url: string
  /** Every side that there was. */
  readonly peers: readonly RawPeer[]
  /** Connections that are open. */
  open(): number
}

/** An upstream; `heard` is called for every message. */
export async function rawSocketUpstream(heard: (message: Message, peer: RawPeer) => void): Promise<RawSocketUpstream> {
  const http = createServer()
  const peers: RawPeer[] = []
  const open = new Set<Socket>()
  http.on('connection', (socket) => {
    open.add(socket)
    socket
      .on('error', () => undefined)
      .on('end', () => socket.end())
      .once('close', () => open.delete(socket))
  })
  http.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    socket.setNoDelay(true)
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${acceptOf(request)}\r\n\r\n`,
    )
    peers.push(new RawPeer(socket, undefined, heard))
  })
  await once(http.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`,
    peers,
    open: () => open.size,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy()
      http.close()
      await once(http, 'close')
    },
  }
}

function acceptOf({ headers }: IncomingMessage): string {
  return createHash('sha1')
    .update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
}
