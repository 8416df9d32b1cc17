/** A process of its own: the clients. */
import type { LoadOrder } from './load-order.ts'
import { RequestRound } from './request-round.ts'
import { SocketGroup } from './socket-group.ts'
import type { LoadReport } from './tally.ts'

/** What it answers. */
export type LoadAnswer =
  | { readonly report: LoadReport }
  /** WebSockets that are open now. */
  | { readonly open: number }
  | { readonly problem: string }

const sockets = new SocketGroup()

async function obey(order: LoadOrder): Promise<LoadAnswer> {
  switch (order.do) {
    case 'request':
      return { report: await new RequestRound(order).run() }
    case 'open':
      return { open: await sockets.open(order) }
    case 'turn':
      return { report: await sockets.turn(order) }
    case 'close':
      await sockets.close()
      return { open: 0 }
  }
}

process.on('message', (order: LoadOrder) => {
  obey(order).then(
    (answer) => process.send?.(answer),
    (cause: unknown) => process.send?.({ problem: String(cause) } satisfies LoadAnswer),
  )
})
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })
