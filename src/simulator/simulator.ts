import { once } from 'node:events'
import type { Socket } from 'node:net'
import { ConnectionBook, type ReceivedFrame, type TrueConnection } from './connection-book.ts'
import { Engine } from './engine.ts'
import { FaultScript, type Fault } from './faults.ts'
import { KeyRing } from './keys.ts'
import { settingsOf, type SimulatorOptions } from './options.ts'
import { Pace } from './pace.ts'
import { RequestBook, type ReceivedRequest } from './received.ts'
import { simulatedApi } from './server.ts'
import { requireTokenizer } from './tokens.ts'
import { TruthBook, type TrueCall } from './truth.ts'
import { VoiceCalls } from './voice-calls.ts'

export type { ReceivedFrame, TrueConnection } from './connection-book.ts'
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
  /** The last requests as they came, handshakes too. */
  requests(): readonly ReceivedRequest[]
  /** The last messages that came over WebSocket, in order of arrival. */
  frames(): readonly ReceivedFrame[]
  /** The WebSocket connections since the last `clear`; also those that are closed. */
  webSockets(): readonly TrueConnection[]
  /** Queues a behaviour. Throws a TypeError that names the field which is wrong. */
  script(fault: Fault): void
  /** Forgets faults, truth, requests, frames and cached prompts. */
  clear(): void
  /** Connections of any kind, those that speak WebSocket too. */
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
  const connections = new ConnectionBook(settings.keepFrames)
  const engine = new Engine(settings)
  const sockets = new Set<Socket>()
  const openConnections = (): number => sockets.size
  const controlled = { truth, faults, requests, connections, openConnections }
  const keys = new KeyRing(settings.keys)
  const server = simulatedApi({ settings, controlled, engine, keys, pace: new Pace(), calls: new VoiceCalls() })
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
    frames: () => connections.frames(),
    webSockets: () => connections.connections(),
    script: (fault) => faults.add(fault),
    clear: () => {
      for (const book of [truth, faults, requests, connections, engine]) book.clear()
    },
    openConnections,
    close,
    [Symbol.asyncDispose]: close,
  }
}
