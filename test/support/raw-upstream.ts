/** An upstream that says whatever a test wants it to say, also what is no HTTP. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'

export interface RawUpstream extends AsyncDisposable {
  readonly url: string
  /** How many whole requests have come. */
  requests(): number
}

/** `reply` is called for each whole request, whose bodies have a content-length; nothing else is written. */
export async function startRawUpstream(reply: (socket: Socket, count: number) => void): Promise<RawUpstream> {
  const sockets = new Set<Socket>()
  let requests = 0
  const server = createServer((socket) => {
    sockets.add(socket)
    let text = ''
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      const [, head = '', length = '0'] = /^([^]*?content-length: (\d+)[^]*?\r\n\r\n)/i.exec(text) ?? []
      if (head === '' || text.length < head.length + Number(length)) return
      text = text.slice(head.length + Number(length))
      reply(socket, ++requests)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

const USAGE = '{"input_tokens":8,"output_tokens":2,"total_tokens":10}'
const DATA = `{"type":"response.completed","response":{"id":"resp_1","status":"completed","usage":${USAGE}}}`

/** A whole answer, with these headers in its head. */
export function wholeAnswer(...headers: readonly string[]): string {
  const body = `event: response.completed\ndata: ${DATA}\n\n`
  const lines = ['HTTP/1.1 200 OK', 'content-type: text/event-stream', `content-length: ${body.length}`, ...headers]
  return `${lines.join('\r\n')}\r\n\r\n${body}`
}
