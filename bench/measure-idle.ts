import { join } from 'node:path'
import { STREAM_EVENTS } from './answers.ts'
import { closeSockets, openSockets, turnOnce } from './drive.ts'
import { figureOf, type Figure } from './figures.ts'
import { startGatewayProcess } from './gateway.ts'
import type { Rig, Way } from './measure.ts'
import { startNginx } from './nginx.ts'
import { residentBytesOf } from './process-tree.ts'
import type { IdleScenario } from './scenarios.ts'
import type { ServerProcess } from './server-process.ts'
import { TurnAnswer } from './turn-answer.ts'

/** Bytes that the proxy's resident memory has grown by, for each pair of sockets that is open and idle. */
interface Idle {
  /** After their handshakes. */
  readonly fresh: number
  /** After a turn each. */
  readonly used: number
}

export interface IdleResult {
  readonly nginx: Readonly<Record<keyof Idle, Figure>>
  readonly gateway: Readonly<Record<keyof Idle, Figure>>
}

/** Sockets that open, make a turn and close first: what is loaded once is not counted, and they leave next to no room behind. */
const WARM_UP_SOCKETS = 10
/** nginx takes none that it has no room for, and is not told at once that one has ended. */
const SPARE_SOCKETS = 1000
/** What is freed soon is freed by then. */
const SETTLE_MS = 2000
const BODY_BYTES = 2000
/** Turns begin so many in a second. */
const TURNS_PER_SECOND = 500

/**
 * What idle WebSockets cost in memory. Memory that was taken once is seldom given back, so every round has proxies that
 * were just started. Throws when a socket is refused or does not stay open, or a call is not in the ledger.
 */
export async function measureIdle(scenario: IdleScenario, rig: Rig): Promise<IdleResult> {
  const rounds: { nginx: Idle; gateway: Idle }[] = []
  await rig.upstream.ask({ answer: 'stream', events: STREAM_EVENTS, everyMs: 0 })
  for (let round = 0; round < scenario.rounds; round++) {
    const folder = join(rig.folder, `${scenario.name}-${round}`)
    rounds.push({
      nginx: await throughNginx(scenario, folder, rig),
      gateway: await throughGateway(scenario, folder, rig),
    })
  }
  const over = (way: 'nginx' | 'gateway'): Readonly<Record<keyof Idle, Figure>> => ({
    fresh: figureOf(rounds.map((round) => round[way].fresh)),
    used: figureOf(rounds.map((round) => round[way].used)),
  })
  return { nginx: over('nginx'), gateway: over('gateway') }
}

async function throughNginx(scenario: IdleScenario, folder: string, rig: Rig): Promise<Idle> {
  const connections = (scenario.sockets + SPARE_SOCKETS) * 2
  const nginx = await startNginx(join(folder, 'nginx'), rig.upstreamPort, connections)
  try {
    return await grown(wayThrough(nginx, 'none'), scenario.sockets, rig)
  } finally {
    await nginx.stop()
  }
}

async function throughGateway(scenario: IdleScenario, folder: string, rig: Rig): Promise<Idle> {
  const gateway = await startGatewayProcess(join(folder, 'gateway'), rig.upstreamPort, rig.gateway)
  try {
    const way = wayThrough(gateway, gateway.key)
    const idle = await grown(way, scenario.sockets, rig)
    await gateway.stop()
    await gateway.checkLedger(way.requests)
    return idle
  } finally {
    await gateway.stop()
  }
}

function wayThrough({ port, pid }: ServerProcess, key: string): Way & { readonly pid: number } {
  return { port, key, pid, rounds: [], requests: 0 }
}

async function grown(way: Way & { readonly pid: number }, sockets: number, rig: Rig): Promise<Idle> {
  const { payloadBytes: answerBytes } = new TurnAnswer(STREAM_EVENTS)
  const turn = async (count: number): Promise<void> => {
    way.requests += await turnOnce({ rampMs: (count / TURNS_PER_SECOND) * 1000, answerBytes }, rig)
  }
  await openSockets(way, WARM_UP_SOCKETS, BODY_BYTES, rig)
  await turn(WARM_UP_SOCKETS)
  await closeSockets(rig)
  const before = await settled(way.pid)
  await openSockets(way, sockets, BODY_BYTES, rig)
  const fresh = (await settled(way.pid)) - before
  await turn(sockets)
  const used = (await settled(way.pid)) - before
  await closeSockets(rig)
  return { fresh: fresh / sockets, used: used / sockets }
}

async function settled(pid: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  return residentBytesOf(pid)
}
