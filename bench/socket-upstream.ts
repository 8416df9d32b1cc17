import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { FrameReader, frameOf, OPCODE } from './frames.ts'

/** RFC 6455, 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const PONG = frameOf(OPCODE.pong, Buffer.alloc(0))

/** What asks for a WebSocket in the head of a request: its key; undefined where it is none. */
export function socketKeyOf(head: string): string | undefined {
  return /\r\nsec-websocket-key: *(\S+)/i.exec(head)?.[1]
}

/** Serves a connection that asked for a WebSocket: every text begins a turn. Its pings come without content. */
export function serveSocket(socket: Socket, key: string, turn: () => void): void {
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64')
  const head = [
    'HTTP/1.1 101 Switching Protocols',
    'upgrade: websocket',
    'connection: Upgrade',
    `sec-websocket-accept: ${accept}`,
    'openai-organization: bench-org',
    'openai-project: proj_bench',
    'x-request-id: req_4f0c2a9d7be14d5e8a6b3c1d0e9f8a7b',
    'server: cloudflare',
  ]
  const reader = new FrameReader((opcode) => {
    if (opcode === OPCODE.text) turn()
    else if (opcode === OPCODE.ping) socket.write(PONG)
    else if (opcode === OPCODE.close) socket.end(frameOf(OPCODE.close, Buffer.alloc(0)))
  })
  socket.on('data', (chunk: Buffer) => reader.feed(chunk))
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
}
