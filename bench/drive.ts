import { streamAnswer, unaryAnswer } from './answers.ts'
import type { LoadOrder, TurnOrder } from './load-order.ts'
import type { LoadAnswer } from './load.ts'
import type { Rig, Way } from './measure.ts'
import { cpuMicrosOf } from './process-tree.ts'
import { isPaced, type Drive, type Scenario } from './scenarios.ts'
import type { LoadReport } from './tally.ts'
import { TurnAnswer } from './turn-answer.ts'

/** What one way did in one round. */
export interface Driven extends LoadReport {
  /** Processor time of the proxy; undefined without one. */
  readonly cpuMicros: number | undefined
  /** How busy each was meanwhile, as a share of one processor. */
  readonly busy: { readonly load: number; readonly upstream: number; readonly proxy: number | undefined }
}

/** What an answer causes after it has gone (the settlement) is counted with it. */
const AFTERMATH_MS = 150

/** Drives one way for one round. Throws when an answer is not right. */
export async function drive(way: Way, scenario: Scenario, how: Drive, rig: Rig): Promise<Driven> {
  const driven = await (scenario.over === 'http' ? request : turn)(way, scenario, how, rig)
  if (isPaced(how) && how === scenario && driven.mostAtOnce < how.connections) {
    throw new Error(`${scenario.name}: only ${driven.mostAtOnce} of ${how.connections} streams ran at once`)
  }
  way.requests += driven.requests
  return driven
}

async function request(way: Way, scenario: Scenario, how: Drive, rig: Rig): Promise<Driven> {
  const { upstream, connections, durationMs, rampMs } = how
  const { port, key } = way
  const answerBytes = (upstream.answer === 'unary' ? unaryAnswer() : streamAnswer(upstream.events)).bodyBytes
  const { request: kind } = scenario
  const asked = { do: 'request', port, key, request: kind, connections, durationMs, rampMs, answerBytes } as const
  return await metered(way, { ...asked, stamped: isPaced(how) }, rig)
}

/** Handshakes are over before anything counts, and closes come after it. */
async function turn(way: Way, scenario: Scenario, how: Drive, rig: Rig): Promise<Driven> {
  const { upstream, connections, durationMs, rampMs } = how
  if (upstream.answer === 'unary') throw new Error('a turn is answered with a stream')
  await openSockets(way, connections, scenario.request.bodyBytes, rig)
  const answerBytes = new TurnAnswer(upstream.events).payloadBytes
  const driven = await metered(way, { do: 'turn', durationMs, rampMs, answerBytes, stamped: isPaced(how) }, rig)
  await closeSockets(rig)
  return driven
}

/** Opens WebSockets; throws when one is refused. */
export async function openSockets({ port, key }: Way, sockets: number, bodyBytes: number, rig: Rig): Promise<void> {
  const answer = await asked(rig, { do: 'open', port, key, sockets, bodyBytes })
  const open = 'open' in answer ? answer.open : 0
  if (open < sockets) throw new Error(`only ${open} of ${sockets} WebSockets are open`)
  await aftermath()
}

/** Has each WebSocket make one turn. */
export async function turnOnce(order: Pick<TurnOrder, 'rampMs' | 'answerBytes'>, rig: Rig): Promise<number> {
  const answer = await asked(rig, { do: 'turn', durationMs: 0, stamped: false, ...order })
  await aftermath()
  return 'report' in answer ? answer.report.requests : 0
}

/** Closes all WebSockets. */
export async function closeSockets(rig: Rig): Promise<void> {
  await asked(rig, { do: 'close' })
  await aftermath()
}

async function metered(way: Way, order: LoadOrder, rig: Rig): Promise<Driven> {
  const cpu = (): number[] => [rig.load.pid, rig.upstream.pid].map(cpuMicrosOf)
  const proxy = (): number => (way.pid === undefined ? 0 : cpuMicrosOf(way.pid))
  const [from, before, proxyBefore] = [performance.now(), cpu(), proxy()]
  const answer = await asked(rig, order)
  const [micros, after] = [(performance.now() - from) * 1000, cpu()]
  if (!('report' in answer)) throw new Error('the load reports nothing')
  await aftermath()
  const cpuMicros = way.pid === undefined ? undefined : proxy() - proxyBefore
  const [load = Number.NaN, upstream = Number.NaN] = after.map((used, i) => (used - (before[i] ?? 0)) / micros)
  const busy = { load, upstream, proxy: cpuMicros === undefined ? undefined : cpuMicros / micros }
  return { ...answer.report, cpuMicros, busy }
}

async function asked(rig: Rig, order: LoadOrder): Promise<LoadAnswer> {
  const answer = (await rig.load.ask(order)) as LoadAnswer
  if ('problem' in answer) throw new Error(answer.problem)
  return answer
}

async function aftermath(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, AFTERMATH_MS))
}
