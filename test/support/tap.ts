/** A tap in the line: passes TCP on unchanged in both directions and reads the HTTP requests that go by. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface TappedRequest {
  readonly method: string
  readonly path: string
  /** Name, value, name, value, as they stood on the wire. */
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
  readonly atMs: number
}

export interface Tap extends AsyncDisposable {
  readonly url: string
  /** Whole requests, in the order in which their last byte came. */
  requests(): readonly TappedRequest[]
  /** Where new connections go from now on. */
  redirect(url: string): void
}

export async function startTap(target: string): Promise<Tap> {
  const requests: TappedRequest[] = []
  const sockets = new Set<Socket>()
  let goal = new URL(target)
  const server = createServer((client) => {
    const upstream = connect(Number(goal.port), goal.hostname)
    const reader = new RequestReader((request) => requests.push(request))
    client.on('data', (chunk: Buffer) => reader.feed(chunk))
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.setNoDelay(true)
      from.pipe(to)
      // What breaks on one side ends on the other; a refused connection is one too. No reset: on a socket that is
      // just shutting down it leaves Node (26.10) spinning at its exit.
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroySoon()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => [...requests],
    redirect: (url) => (goal = new URL(url)),
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Reads the requests of one connection; bodies have a content-length or none, as Codex sends them. */
export class RequestReader {
  readonly #found: (request: TappedRequest) => void
  #buffered: Buffer = Buffer.alloc(0)

  constructor(found: (request: TappedRequest) => void) {
    this.#found = found
  }

  feed(chunk: Buffer): void {
    this.#buffered = Buffer.concat([this.#buffered, chunk])
    for (;;) {
      const headEnd = this.#buffered.indexOf('\r\n\r\n')
      if (headEnd === -1) return
      const [first = '', ...lines] = this.#buffered.toString('latin1', 0, headEnd).split('\r\n')
      const rawHeaders = lines.flatMap((line) => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon), line.slice(colon + 1).trim()]
      })
      const named = rawHeaders.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'content-length')
      const end = headEnd + 4 + (named === -1 ? 0 : Number(rawHeaders[named + 1]))
      if (this.#buffered.length < end) return
      const [method = '', path = ''] = first.split(' ')
      this.#found({ method, path, rawHeaders, body: this.#buffered.subarray(headEnd + 4, end), atMs: Date.now() })
      this.#buffered = this.#buffered.subarray(end)
    }
  }
}
