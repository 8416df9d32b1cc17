/** The product in one command: a simulated OpenAI, a gateway before it, a member with a key; gone when it ends. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  addGatewayKey,
  initStore,
  startGateway,
  startSimulator,
  stderrLog,
  withStore,
  type DemoOptions,
} from './app.ts'
import { loadConfig, type Config } from './config.ts'
import { NANO_PER_CREDIT } from './core/units.ts'

const MEMBER = 'alice'
const MODEL = 'gpt-5.5'

/** What the demo speaks with: standard output, and the product's own command line, which sees no settings but the demo's. */
export interface Stage {
  print(text: string): void
  runCommandLine(args: readonly string[]): Promise<number>
  /** Variables of the environment that would make another process see other settings. */
  readonly strangers: readonly string[]
}

interface Scene {
  readonly url: string
  readonly simulatorUrl: string
  readonly key: string
  readonly configFile: string
}

/** Runs until Ctrl-C, or, with `once`, for one exchange. Resolves with the exit code. */
export async function demo({ once, json }: DemoOptions, stage: Stage): Promise<number> {
  // Before there is anything to remove.
  const end = listenForEnd()
  const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-demo-'))
  try {
    await using simulator = await startSimulator()
    const configFile = join(folder, 'gateway.toml')
    writeFileSync(configFile, demoConfig(folder, simulator.url))
    const config = loadConfig({ path: configFile, env: {} })
    const key = await settleIn(config)
    await using gateway = await startGateway(config, stderrLog({ level: 'warn', format: 'text' }))
    const scene: Scene = { url: gateway.url, simulatorUrl: simulator.url, key, configFile }
    if (once) return await exchange(scene, json ? { ...stage, print: () => undefined } : stage, { json, end })
    if (!end.aborted) {
      stage.print(guide(scene, stage.strangers))
      await new Promise((resolve) => end.addEventListener('abort', resolve))
    }
    stage.print('\nThe demo is over; its folder is gone.\n')
    return 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Aborts when somebody wants the demo to end: Ctrl-C, the system, a terminal that is closed. Listens until the process
 * is gone, for a signal that nobody hears ends it at once, with the folder where it is.
 */
function listenForEnd(): AbortSignal {
  const end = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => end.abort())
  return end.signal
}

function demoConfig(folder: string, upstream: string): string {
  const database = JSON.stringify(`sqlite://${join(folder, 'gateway.db')}`)
  return `[server]\nbind_addr = "127.0.0.1:0"\n\n[database]\nurl = ${database}\n\n[upstream]\nhttp_base_url = "${upstream}"\n`
}

/** One member with a quota and a key, one upstream key. Gives the member's secret. */
async function settleIn(config: Config): Promise<string> {
  await initStore(config)
  return await withStore(config, async ({ registry }) => {
    await registry.addMember({
      name: MEMBER,
      weight: 1,
      maxConcurrent: config.limits.defaultMemberConcurrency,
      fiveHourQuota: 100n * NANO_PER_CREDIT,
      weeklyQuota: 500n * NANO_PER_CREDIT,
      models: undefined,
    })
    await registry.addUpstream({
      name: 'simulator',
      secret: 'sk-sim-alpha',
      http: true,
      ws: true,
      weight: 1,
      maxConcurrent: config.limits.defaultUpstreamConcurrency,
      organization: undefined,
      project: undefined,
      models: undefined,
      baseUrl: undefined,
    })
    const { secret } = await addGatewayKey(registry, { member: MEMBER, expiresAt: undefined }, randomBytes)
    return secret
  })
}

function guide({ url, simulatorUrl, key, configFile }: Scene, strangers: readonly string[]): string {
  const own = strangers.length === 0 ? '' : `env ${strangers.map((name) => `-u ${name}`).join(' ')} `
  return `The gateway listens on ${url}, in front of a simulated OpenAI on ${simulatorUrl}.

Ask it something:

  curl ${url}/v1/responses -H 'authorization: Bearer ${key}' \\
    -H 'user-agent: codex' -H 'content-type: application/json' -d '{"model":"${MODEL}","input":"Hello"}'

Or with Codex: put this into ~/.codex/config.toml, and run
TEAM_GATEWAY_KEY=${key} codex

  model = "${MODEL}"
  model_provider = "gateway"

  [model_providers.gateway]
  name = "Team Gateway"
  base_url = "${url}/v1"
  env_key = "TEAM_GATEWAY_KEY"
  wire_api = "responses"

See what it cost:

  ${own}npx codex-gateway --config ${configFile} admin usage

Ctrl-C ends the demo and removes its folder.
`
}

interface ExchangeOptions {
  readonly json: boolean
  readonly end: AbortSignal
}

/** One question, its answer, and the table of what it cost. */
async function exchange(scene: Scene, stage: Stage, { json, end }: ExchangeOptions): Promise<number> {
  const question = 'Who are you?'
  stage.print(`> ${question}\n`)
  stage.print(`${await answerTo(question, scene, end)}\n\n`)
  return await stage.runCommandLine(['--config', scene.configFile, ...(json ? ['--json'] : []), 'admin', 'usage'])
}

/** Throws an Error when there is none, also because the end came first. */
async function answerTo(question: string, scene: Scene, end: AbortSignal): Promise<string> {
  try {
    const response = await fetch(`${scene.url}/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${scene.key}`, 'user-agent': 'codex', 'content-type': 'application/json' },
      body: JSON.stringify({ model: MODEL, stream: true, input: question }),
      signal: end,
    })
    const stream = await response.text()
    const answer = response.ok ? answerIn(stream) : undefined
    if (answer !== undefined) return answer
    throw new Error(`no answer: ${response.status} ${stream.trim()}`)
  } catch (cause) {
    throw end.aborted ? new Error('the demo was ended before its answer came', { cause }) : cause
  }
}

/** The text that a stream of response events says; undefined when it did not complete. */
function answerIn(stream: string): string | undefined {
  let text = ''
  for (const [, data = ''] of stream.matchAll(/^data: (.*)$/gm)) {
    const event = JSON.parse(data) as { readonly type: string; readonly delta?: string }
    if (event.type === 'response.output_text.delta') text += event.delta ?? ''
    if (event.type === 'response.completed') return text
  }
  return undefined
}
