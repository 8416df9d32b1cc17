/** A process of its own: an upstream that answers with canned bytes and costs as little as can be. */
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { streamAnswer, unaryAnswer } from './answers.ts'
import { Pacer, type Paced } from './pacer.ts'
import { serveSocket, socketKeyOf } from './socket-upstream.ts'
import { stamped } from './stamp.ts'
import { TurnAnswer } from './turn-answer.ts'

/** How to answer from now on. */
export type UpstreamOrder =
  | { readonly answer: 'unary' }
  /**
   * All events in one write where `everyMs` is 0; else one event of every stream in so many milliseconds. The same of
   * the frames of a turn where the connection is a WebSocket.
   */
  | { readonly answer: 'stream'; readonly events: number; readonly everyMs: number }

let answer: (socket: Socket) => void = () => undefined
/** Over a WebSocket. */
let answerTurn: (socket: Socket) => void = () => undefined
let pacer: Pacer | undefined

/** Sends one chunk a step. */
class PacedChunks implements Paced {
  readonly #socket: Socket
  readonly #chunks: readonly Buffer[]
  #next = 0

  constructor(socket: Socket, chunks: readonly Buffer[]) {
    this.#socket = socket
    this.#chunks = chunks
    this.step()
  }

  step(): boolean {
    const chunk = this.#chunks[this.#next++]
    if (this.#socket.destroyed || !chunk) return false
    this.#socket.write(stamped(chunk))
    return this.#next < this.#chunks.length
  }
}

function obey(order: UpstreamOrder): void {
  pacer?.[Symbol.dispose]()
  if (order.answer === 'unary') {
    const { bytes } = unaryAnswer()
    answer = (socket) => socket.write(bytes)
    return
  }
  const { head, chunks, end } = streamAnswer(order.events)
  const turns = new TurnAnswer(order.events)
  if (order.everyMs === 0) {
    const whole = Buffer.concat([head, ...chunks, end])
    answer = (socket) => socket.write(whole)
    answerTurn = (socket) => socket.write(turns.whole())
    return
  }
  const paces = new Pacer(order.everyMs)
  pacer = paces
  const last = Buffer.concat([...chunks.slice(-1), end])
  const paced = [...chunks.slice(0, -1), last]
  answer = (socket) => {
    socket.write(head)
    paces.add(new PacedChunks(socket, paced))
  }
  answerTurn = (socket) => paces.add(new PacedChunks(socket, turns.frames()))
}

const HEAD_END = Buffer.from('\r\n\r\n')

/** Finds where requests end; what they say is of no interest. */
function serve(socket: Socket): void {
  let head: Buffer | undefined
  let missing = 0
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  const read = (chunk: Buffer): void => {
    if (missing > 0) {
      missing -= chunk.length
    } else {
      head = head ? Buffer.concat([head, chunk]) : chunk
      const end = head.indexOf(HEAD_END)
      if (end === -1) return
      const text = head.toString('latin1', 0, end)
      const key = socketKeyOf(text)
      if (key !== undefined) {
        socket.off('data', read)
        return serveSocket(socket, key, () => answerTurn(socket))
      }
      const stated = /\r\ncontent-length: *(\d+)/i.exec(text)
      missing = Number(stated?.[1] ?? 0) - (head.length - end - HEAD_END.length)
      head = undefined
    }
    if (missing === 0) answer(socket)
    if (missing < 0) throw new Error('the upstream got more bytes than the request announced')
  }
  socket.on('data', read)
}

const server = createServer(serve)
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
)
process.on('message', (order: UpstreamOrder) => {
  obey(order)
  process.send?.({ ready: true })
})
process.on('disconnect', () => process.exit(0))
