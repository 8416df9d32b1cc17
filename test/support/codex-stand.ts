/** A stand with a real Codex before it, and a tap between the two that sees every request which Codex makes. */
import { codexHome, type CodexHome, type CodexOptions } from './codex.ts'
import { startStand, type Stand, type StandOptions } from './stand.ts'
import { startTap, type Tap, type TappedRequest } from './tap.ts'

export interface CodexStandOptions extends StandOptions {
  readonly codex?: Partial<CodexOptions>
}

export interface CodexStand extends AsyncDisposable {
  readonly stand: Stand
  readonly tap: Tap
  readonly codex: CodexHome
  /** What Codex asked the gateway for, without anything that other clients asked. */
  requests(): readonly TappedRequest[]
}

export async function startCodexStand({ codex: settings, ...options }: CodexStandOptions = {}): Promise<CodexStand> {
  await using parts = new AsyncDisposableStack()
  const stand = parts.use(await startStand(options))
  const tap = parts.use(await startTap(stand.url))
  const codex = parts.use(await codexHome({ url: tap.url, key: stand.key, ...settings }))
  const all = parts.move()
  return {
    stand,
    tap,
    codex,
    requests: () => tap.requests(),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** Keys of two organizations, labelled as the simulator knows them. */
export const ALPHA = { name: 'alpha', organization: 'org-sim-a', project: 'proj_sim_a1' } as const
export const ALPHA_TWIN = { name: 'alpha-twin', organization: 'org-sim-a', project: 'proj_sim_a1' } as const
export const ALPHA_OTHER = { name: 'alpha-other', organization: 'org-sim-a', project: 'proj_sim_a2' } as const
export const BETA = { name: 'beta', organization: 'org-sim-b', project: 'proj_sim_b1' } as const
