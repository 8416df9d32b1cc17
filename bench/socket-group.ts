import { connect } from 'node:net'
import { BenchSocket } from './bench-socket.ts'
import type { OpenOrder, TurnOrder } from './load-order.ts'
import { Tally, type LoadReport } from './tally.ts'

/** So many handshakes run at once. */
const HANDSHAKES = 64

/** The WebSockets of the load. */
export class SocketGroup {
  #sockets: BenchSocket[] = []

  /** Opens so many more; rejects when one is refused. Resolves with how many are open. */
  async open(order: OpenOrder): Promise<number> {
    let left = order.sockets
    const opening = async (): Promise<void> => {
      while (left-- > 0) {
        const connection = connect({ port: order.port, host: '127.0.0.1', noDelay: true })
        this.#sockets.push(await BenchSocket.open(connection, order.key, order.bodyBytes))
      }
    }
    await Promise.all(Array.from({ length: HANDSHAKES }, opening))
    return this.#sockets.filter(({ isOpen }) => isOpen).length
  }

  /** Rejects when an answer is not right. */
  async turn(order: TurnOrder): Promise<LoadReport> {
    const tally = new Tally()
    const deadline = performance.now() + order.durationMs
    const each = async (socket: BenchSocket, index: number): Promise<void> => {
      const delayMs = (order.rampMs * index) / this.#sockets.length
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
      await socket.turns({ tally, deadline, ...order })
    }
    await Promise.all(this.#sockets.map(each))
    return tally.report()
  }

  async close(): Promise<void> {
    const closing = this.#sockets
    this.#sockets = []
    await Promise.all(closing.map((socket) => socket.close()))
  }
}
