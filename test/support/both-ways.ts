/** The same session of the real Codex over WebSocket twice: straight to OpenAI (the simulator), and through the gateway. */
import type { Fault, SimulatorOptions } from '../../src/simulator/simulator.ts'
import { startSimulator, type Simulator } from '../../src/simulator/simulator.ts'
import { codexHome, type CodexHome, type RunResult } from './codex.ts'
import { startStand, type Stand, type StandOptions } from './stand.ts'

/** What the user of Codex saw of a session. */
export interface Seen {
  readonly codes: readonly (number | undefined)[]
  /** Standard output, less what is new each time. */
  readonly answers: readonly string[]
  /** What Codex said to have gone wrong, less what is new each time. */
  readonly complaints: readonly string[]
}

export interface Session {
  readonly simulator?: SimulatorOptions
  /** What OpenAI does in both sessions, and in the one alone that goes straight to it. */
  readonly faults?: readonly Fault[]
  readonly directFaults?: readonly Fault[]
  readonly gateway?: Omit<StandOptions, 'simulator' | 'toml'>
  /** The arguments of each `codex exec`, one after the other. */
  readonly runs?: readonly (readonly string[])[]
  /** What happens meanwhile to the session through the gateway. */
  readonly meanwhile?: (stand: Stand) => Promise<void>
}

export interface BothWays {
  readonly direct: Seen
  readonly through: Seen
}

const ONE_RUN = [['Write the note.']]

/** Straight to it Codex has the key `alpha`. */
export async function bothWays(session: Session): Promise<BothWays> {
  const [direct, through] = await Promise.all([directly(session), throughGateway(session)])
  return { direct, through }
}

async function directly({ simulator: options = {}, faults = [], directFaults = [], runs }: Session): Promise<Seen> {
  await using simulator = await startSimulator(options)
  scripted(simulator, [...faults, ...directFaults])
  using codex = await codexHome({ url: simulator.url, key: 'sk-sim-alpha', webSocket: true })
  return await seen(codex, runs)
}

async function throughGateway(session: Session): Promise<Seen> {
  const { simulator = {}, faults = [], gateway = {}, runs, meanwhile } = session
  await using stand = await startStand({ ...gateway, simulator, toml: '[routes]\nwebsocket = true\n' })
  scripted(stand.simulator, faults)
  using codex = await codexHome({ url: stand.url, key: stand.key, webSocket: true })
  const [result] = await Promise.all([seen(codex, runs), meanwhile?.(stand)])
  return result
}

function scripted(simulator: Simulator, faults: readonly Fault[]): void {
  for (const fault of faults) simulator.script(fault)
}

async function seen(codex: CodexHome, runs: Session['runs'] = ONE_RUN): Promise<Seen> {
  const results: RunResult[] = []
  for (const args of runs) results.push(await codex.exec(args))
  return {
    codes: results.map(({ code }) => code),
    answers: results.map(({ stdout }) => timeless(stdout)),
    complaints: results.flatMap(({ stderr }) => complaints(timeless(stderr))),
  }
}

/** What Codex told its user to have gone wrong, if anything. */
export function complaints(stderr: string): readonly string[] {
  return stderr.split('\n').filter((text) => /reconnect|falling back|error/i.test(text))
}

/** Without times, numbers of requests and of tool calls, and addresses. */
function timeless(text: string): string {
  return (
    text
      .replaceAll(/^\d{4}-\S+Z +/gm, '')
      .replaceAll(/Chunk ID: \w+|Wall time: [\d.]+|\d+(?:\.\d+)?m?s\b/g, '…')
      .replaceAll(/try again at [^.]*\./g, 'try again at ….')
      // A header of OpenAI's network, which the gateway does not pass on.
      .replaceAll(/, cf-ray: [\w-]+/g, '')
      .replaceAll(/request id: [\w-]+|127\.0\.0\.1:\d+|turn_id=\S+/g, '…')
  )
}
