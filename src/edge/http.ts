import { LINE_FEED, CARRIAGE_RETURN } from '../core/ascii.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { MemberId } from '../core/units.ts'
import type { Body, Client, HeaderList } from '../ports.ts'
import { readRequestBody, type BodyLimits } from './body.ts'
import type { BodyBudget } from './body-budget.ts'

export interface ClientLimits extends BodyLimits {
  /** A client that accepts no byte for so long has left. */
  readonly clientStallMs: number
}

const SMALL_BODY_BYTES = 1_048_576

/** The calling side of one HTTP exchange. */
export class HttpClient implements Client {
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #limits: ClientLimits
  readonly #budget: BodyBudget
  readonly #gone = new AbortController()
  #reading = false
  /** Whether the answer is sent in chunks (RFC 9112, 7.1). */
  #chunked = false

  constructor(request: IncomingMessage, response: ServerResponse, limits: ClientLimits, budget: BodyBudget) {
    this.#request = request
    this.#response = response
    this.#limits = limits
    this.#budget = budget
    response.on('close', () => {
      if (!response.writableFinished) this.#gone.abort(new Error('the client left'))
    })
    response.on('timeout', () => response.destroy())
    // One that had to wait for the answer before it, on the same connection, does not inherit its time limit.
    response.once('socket', (socket: Socket) => socket.setTimeout(0))
    // Writes that cross a close: the close itself tells.
    response.on('error', () => undefined)
  }

  get signal(): AbortSignal {
    return this.#gone.signal
  }

  get method(): string {
    return this.#request.method ?? ''
  }

  get path(): string {
    return this.#request.url ?? ''
  }

  get headers(): HeaderList {
    return this.#request.rawHeaders
  }

  /** Whether anything of an answer has gone out. */
  get answered(): boolean {
    return this.#response.headersSent
  }

  /** Whether what is left of the request's body may be waited for: little, and on its way. */
  get restIsSmall(): boolean {
    if (this.#request.complete) return true
    const { headers } = this.#request
    if (this.#reading || headers.expect !== undefined || headers['transfer-encoding'] !== undefined) return false
    return Number(headers['content-length'] ?? 0) <= SMALL_BODY_BYTES
  }

  async read(member: MemberId): Promise<Body> {
    this.#reading = true
    // A client that asked whether it may send its body hears yes only now that it is known.
    if (/^100-continue$/i.test(this.#request.headers.expect ?? '')) this.#response.writeContinue()
    return await readRequestBody(this.#request, this.#limits, { budget: this.#budget, member })
  }

  begin(status: number, headers: HeaderList): void {
    const response = this.#response
    response.sendDate = false
    response.writeHead(status, headers as string[])
    this.#chunked = response.chunkedEncoding
    // From here on chunks are framed here: Node's own framing costs a writev of four pieces for each.
    response.chunkedEncoding = false
    // The head waits for bytes that come with it, but for nothing that takes longer.
    setImmediate(() => {
      if (!response.destroyed) response.flushHeaders()
    })
  }

  write(chunk: Uint8Array): boolean {
    if (!this.#chunked || chunk.length === 0) return this.#response.write(chunk)
    if (chunk.length <= COPIED_BYTES) return this.#response.write(framed(chunk))
    this.#response.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
    this.#response.write(chunk)
    return this.#response.write('\r\n', 'latin1')
  }

  async drained(): Promise<void> {
    const response = this.#response
    if (this.signal.aborted) throw this.signal.reason
    if (!response.writableNeedDrain) return
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        response.off('drain', settle).off('close', settle)
        response.setTimeout(0)
        if (this.signal.aborted || response.destroyed) reject(new Error('the client left'))
        else resolve()
      }
      response.on('drain', settle).on('close', settle)
      this.#leaveWhenStalled()
    })
  }

  end(): void {
    if (this.#response.destroyed) return
    this.#leaveWhenStalled()
    if (this.#chunked) this.#response.end('0\r\n\r\n', 'latin1')
    else this.#response.end()
  }

  cut(): void {
    const { socket } = this.#response
    // What came before the cut goes out, if it is only the head; Node keeps what was written in this turn in a cork.
    if (this.answered && !this.#response.destroyed) this.#response.flushHeaders()
    while ((socket?.writableCorked ?? 0) > 0) socket?.uncork()
    // To HTTP/1.0 the end of the connection is the end of the answer: only a reset tells that it is cut.
    if (this.#request.httpVersionMinor === 0 && socket && !socket.destroyed) socket.resetAndDestroy()
    else this.#response.destroy()
  }

  /** The socket's timer counts only time in which the client's machine acknowledged nothing. */
  #leaveWhenStalled(): void {
    this.#response.setTimeout(this.#limits.clientStallMs)
  }
}

/** Up to this size a chunk is copied into one piece with its frame; beyond, three pieces are cheaper. */
const COPIED_BYTES = 16_384

function framed(chunk: Uint8Array): Uint8Array {
  const size = chunk.length.toString(16)
  const frame = Buffer.allocUnsafe(size.length + chunk.length + 4)
  frame.write(size, 'latin1')
  let at = size.length
  frame[at++] = CARRIAGE_RETURN
  frame[at++] = LINE_FEED
  frame.set(chunk, at)
  at += chunk.length
  frame[at++] = CARRIAGE_RETURN
  frame[at] = LINE_FEED
  return frame
}
