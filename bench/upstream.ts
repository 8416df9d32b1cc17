/** A process of its own: an upstream that answers with canned bytes and costs as little as can be. */
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { sharedMicros, STAMP_DIGITS, STAMP_MARK, streamAnswer, unaryAnswer, type StreamAnswer } from './answers.ts'

/** How to answer from now on. */
export type UpstreamOrder =
  | { readonly answer: 'unary' }
  /** All events in one write where `everyMs` is 0; else one event of every stream in so many milliseconds. */
  | { readonly answer: 'stream'; readonly events: number; readonly everyMs: number }

/** Streams are spread over so many beats of the one timer, so that they do not all move at once. */
const BEATS = 10

let answer: (socket: Socket) => void = () => undefined
const paced: Set<PacedStream>[] = Array.from({ length: BEATS }, () => new Set())
let timer: NodeJS.Timeout | undefined
let beat = 0
let begun = 0

class PacedStream {
  readonly #socket: Socket
  readonly #answer: StreamAnswer
  #next = 0

  constructor(socket: Socket, stream: StreamAnswer) {
    this.#socket = socket
    this.#answer = stream
    socket.write(stream.head)
    this.step()
  }

  /** Sends one event; false when it was the last. */
  step(): boolean {
    const { chunks, end } = this.#answer
    const chunk = chunks[this.#next++]
    if (this.#socket.destroyed || !chunk) return false
    const last = this.#next === chunks.length
    this.#socket.write(last ? Buffer.concat([chunk, end]) : stamped(chunk))
    return !last
  }
}

function stamped(chunk: Buffer): Buffer {
  const mark = chunk.indexOf(STAMP_MARK)
  if (mark === -1) return chunk
  const copy = Buffer.from(chunk)
  copy.write(String(sharedMicros()).padStart(STAMP_DIGITS, '0'), mark + STAMP_MARK.length, 'latin1')
  return copy
}

function obey(order: UpstreamOrder): void {
  clearInterval(timer)
  if (order.answer === 'unary') {
    const { bytes } = unaryAnswer()
    answer = (socket) => socket.write(bytes)
    return
  }
  const stream = streamAnswer(order.events)
  if (order.everyMs === 0) {
    const whole = Buffer.concat([stream.head, ...stream.chunks, stream.end])
    answer = (socket) => socket.write(whole)
    return
  }
  timer = setInterval(() => {
    beat = (beat + 1) % BEATS
    const moving = paced[beat]
    for (const one of moving ?? []) if (!one.step()) moving?.delete(one)
  }, order.everyMs / BEATS)
  answer = (socket) => paced[begun++ % BEATS]?.add(new PacedStream(socket, stream))
}

const HEAD_END = Buffer.from('\r\n\r\n')

/** Finds where requests end; what they say is of no interest. */
function serve(socket: Socket): void {
  let head: Buffer | undefined
  let missing = 0
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    if (missing > 0) {
      missing -= chunk.length
    } else {
      head = head ? Buffer.concat([head, chunk]) : chunk
      const end = head.indexOf(HEAD_END)
      if (end === -1) return
      const stated = /\r\ncontent-length: *(\d+)/i.exec(head.toString('latin1', 0, end))
      missing = Number(stated?.[1] ?? 0) - (head.length - end - HEAD_END.length)
      head = undefined
    }
    if (missing === 0) answer(socket)
    if (missing < 0) throw new Error('the upstream got more bytes than the request announced')
  })
}

const server = createServer(serve)
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('message', (order: UpstreamOrder) => {
  obey(order)
  process.send?.({ ready: true })
})
process.on('disconnect', () => process.exit(0))
