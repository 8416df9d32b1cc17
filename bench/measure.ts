import { join } from 'node:path'
import { drive, type Driven } from './drive.ts'
import { figureOf, type Figure } from './figures.ts'
import { startGatewayProcess, type GatewayProgram, type MeasuredGateway } from './gateway.ts'
import type { LoadOrder } from './load-order.ts'
import { startNginx } from './nginx.ts'
import type { Partner } from './partner.ts'
import { peakMegabytesOf } from './process-tree.ts'
import type { Scenario } from './scenarios.ts'
import type { ServerProcess } from './server-process.ts'
import type { LoadReport } from './tally.ts'
import type { UpstreamOrder } from './upstream.ts'

export type WayName = 'direct' | 'nginx' | 'gateway'
export const WAYS: readonly WayName[] = ['direct', 'nginx', 'gateway']

/** The processes that last for the whole run. */
export interface Rig {
  readonly upstream: Partner<UpstreamOrder>
  readonly upstreamPort: number
  readonly load: Partner<LoadOrder>
  /** Each scenario has its own folder in here. */
  readonly folder: string
  readonly gateway: GatewayProgram
}

export interface WayResult {
  readonly rounds: readonly Driven[]
  /** Undefined without a proxy. */
  readonly peakMegabytes: number | undefined
}

export type ScenarioResult = Readonly<Record<WayName, WayResult>>

export interface Way {
  readonly port: number
  readonly key: string
  /** The proxy's process. */
  readonly pid: number | undefined
  readonly rounds: Driven[]
  /** Requests sent, warm-up and all. */
  requests: number
}

/**
 * Measures the three ways, each in every round, in turn. Both proxies are started anew, so that memory and ledger
 * are of this scenario alone. Throws when an answer is not right or the ledger does not have every call.
 */
export async function measure(scenario: Scenario, rig: Rig): Promise<ScenarioResult> {
  const folder = join(rig.folder, scenario.name)
  const nginx = await startNginx(join(folder, 'nginx'), rig.upstreamPort)
  let gateway: MeasuredGateway | undefined
  try {
    gateway = await startGatewayProcess(join(folder, 'gateway'), rig.upstreamPort, rig.gateway)
    const ways: Readonly<Record<WayName, Way>> = {
      direct: { port: rig.upstreamPort, key: gateway.key, pid: undefined, rounds: [], requests: 0 },
      nginx: wayThrough(nginx, gateway.key),
      gateway: wayThrough(gateway, gateway.key),
    }
    await runRounds(scenario, ways, rig)
    const result = { direct: resultOf(ways.direct), nginx: resultOf(ways.nginx), gateway: resultOf(ways.gateway) }
    await gateway.stop()
    await gateway.checkLedger(ways.gateway.requests)
    return result
  } finally {
    await gateway?.stop()
    await nginx.stop()
  }
}

function wayThrough({ port, pid }: ServerProcess, key: string): Way {
  return { port, key, pid, rounds: [], requests: 0 }
}

function resultOf({ rounds, pid }: Way): WayResult {
  return { rounds, peakMegabytes: pid === undefined ? undefined : peakMegabytesOf(pid) }
}

async function runRounds(scenario: Scenario, ways: Readonly<Record<WayName, Way>>, rig: Rig): Promise<void> {
  await rig.upstream.ask(scenario.warmUp.upstream)
  for (const name of WAYS) await drive(ways[name], scenario, scenario.warmUp, rig)
  await rig.upstream.ask(scenario.upstream)
  for (let round = 0; round < scenario.rounds; round++) {
    // Nobody is always the first, or always behind the same one.
    for (let turn = 0; turn < WAYS.length; turn++) {
      const name = WAYS[(round + turn) % WAYS.length] ?? 'direct'
      ways[name].rounds.push(await drive(ways[name], scenario, scenario, rig))
    }
  }
}

/** A figure of every round, taken together. */
export function over(way: WayResult, figure: (round: Driven) => number): Figure {
  return figureOf(way.rounds.map(figure))
}

/** What a way adds to the direct one, round by round. */
export function added(result: ScenarioResult, name: WayName, figure: (round: LoadReport) => number): Figure {
  const direct = result.direct.rounds.map(figure)
  return figureOf(result[name].rounds.map((round, index) => figure(round) - (direct[index] ?? Number.NaN)))
}

/** Microseconds of processor time for a request, or for each of its `events`. */
export function cpuPer(way: WayResult, events = 1): Figure {
  return over(way, ({ cpuMicros, requests }) => (cpuMicros ?? Number.NaN) / requests / events)
}
