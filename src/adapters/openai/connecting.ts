import type { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** Calls `late` where a request has no connection after so long: through a proxy and over TLS, where these are on its way. */
export function connectWithin(request: ClientRequest, ms: number, late: () => void): void {
  const timer = setTimeout(late, ms)
  const done = (): void => clearTimeout(timer)
  request.once('close', done)
  // Through a proxy it is given when the proxy has let it through, else at once.
  request.once('socket', (socket: Socket) => {
    if (socket instanceof TLSSocket) socket.once('secureConnect', done)
    else if (socket.connecting) socket.once('connect', done)
    else done()
  })
}
