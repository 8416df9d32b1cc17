import { once } from 'node:events'
import type { Socket } from 'node:net'
import { Engine } from './engine.ts'
import { FaultScript, type Fault } from './faults.ts'
import { settingsOf, type SimulatorOptions } from './options.ts'
import { RequestBook, type ReceivedRequest } from './received.ts'
import { simulatedApi } from './server.ts'
import { requireTokenizer } from './tokens.ts'
import { TruthBook, type TrueCall } from './truth.ts'

export type { Fault } from './faults.ts'
export type { SimulatorOptions } from './options.ts'
export type { ReceivedRequest } from './received.ts'
export type { TrueCall } from './truth.ts'

/** An OpenAI API that runs on this machine, costs nothing, fails on demand, and keeps the truth. */
export interface Simulator extends AsyncDisposable {
  /** Such as `http://127.0.0.1:4010`; the API is under `/v1`. */
  readonly url: string
  readonly port: number
  /** Every call since the last `clear`, in order of arrival; also those that still run. */
  truth(): readonly TrueCall[]
  /** The last requests as they came. */
  requests(): readonly ReceivedRequest[]
  /** Queues a behaviour. Throws a TypeError that names the field which is wrong. */
  script(fault: Fault): void
  /** Forgets faults, truth, requests and cached prompts. */
  clear(): void
  openConnections(): number
  /** Ends every connection and gives the port back. */
  close(): Promise<void>
}

/**
 * Starts a simulator and resolves when it listens.
 *
 * Throws a TypeError that names a wrong option, an Error when tokens are to be counted by a package
 * that is not installed, or the system's error when the port is taken.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const settings = settingsOf(options)
  requireTokenizer(settings.tokens)
  const [truth, faults, requests] = [new TruthBook(), new FaultScript(), new RequestBook(settings.keepRequests)]
  const engine = new Engine(settings)
  const sockets = new Set<Socket>()
  const openConnections = (): number => sockets.size
  const server = simulatedApi(settings, { truth, faults, requests, openConnections }, engine)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(settings.port, settings.host)
  await once(server, 'listening')

  const stop = async (): Promise<void> => {
    const closed = [once(server, 'close'), ...Array.from(sockets, (socket) => once(socket, 'close'))]
    server.close()
    for (const socket of sockets) socket.destroy()
    await Promise.all(closed)
  }
  let stopped: Promise<void> | undefined
  const close = (): Promise<void> => (stopped ??= stop())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : settings.port
  return {
    url: `http://${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${port}`,
    port,
    truth: () => truth.calls(),
    requests: () => requests.all(),
    script: (fault) => faults.add(fault),
    clear: () => {
      for (const book of [truth, faults, requests, engine]) book.clear()
    },
    openConnections,
    close,
    [Symbol.asyncDispose]: close,
  }
}
