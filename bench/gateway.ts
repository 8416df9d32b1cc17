import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { initStore, withStore } from '../src/app.ts'
import { loadConfig, type Config } from '../src/config.ts'
import { GATEWAY_KEY_BYTES, newGatewayKey } from '../src/core/gateway-key.ts'
import type { KeyHash, NanoCredits } from '../src/core/units.ts'
import type { CallRow } from '../src/ports.ts'
import { USAGE } from './answers.ts'
import { freePort } from './free-port.ts'
import { startServer, type ServerProcess } from './server-process.ts'

/** Limited, so that quotas are judged; and more than any run spends. */
const QUOTA = 1_000_000_000_000_000_000n as NanoCredits
const MEMBER = 'bench'

export interface GatewayProgram {
  /** Where it was built, laid out as its package is. */
  readonly built: string
  /** Where it writes its CPU profiles as it ends; undefined = none are made. */
  readonly profileFolder: string | undefined
}

export interface MeasuredGateway extends ServerProcess {
  /** The member's gateway key. */
  readonly key: string
  /** Once stopped: throws unless the ledger has so many calls, each settled with the usage that was stated. */
  checkLedger(requests: number): Promise<void>
}

/** The gateway as its administrator would run it: a SQLite file, a member with quotas, an upstream key. */
export async function startGatewayProcess(
  folder: string,
  upstreamPort: number,
  program: GatewayProgram,
): Promise<MeasuredGateway> {
  const port = await freePort()
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'config.toml')
  writeFileSync(
    file,
    `[server]
bind_addr = "127.0.0.1:${port}"

[database]
url = "sqlite://${join(folder, 'gateway.db')}"

[upstream]
http_base_url = "http://127.0.0.1:${upstreamPort}"
ws_base_url = "ws://127.0.0.1:${upstreamPort}"

[routes]
websocket = true

[limits]
ws_max_messages_per_connection = 1_000_000_000
`,
  )
  const config = loadConfig({ path: file, env: {} })
  const key = await setUp(config)
  const server = await startServer(process.execPath, [...starting(program), 'serve', '--config', file], port)
  return { ...server, key, checkLedger: (requests) => checkLedger(config, requests) }
}

/** By its starter, as users do; without it only where Node has to be told to make profiles. */
function starting({ built, profileFolder }: GatewayProgram): readonly string[] {
  if (profileFolder === undefined) return [join(built, 'bin', 'codex-gateway.mjs')]
  return ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`, join(built, 'dist', 'main.js')]
}

async function setUp(config: Config): Promise<string> {
  await initStore(config)
  const { secret, prefix } = newGatewayKey(randomBytes(GATEWAY_KEY_BYTES))
  const hash = createHash('sha256').update(secret).digest('hex') as KeyHash
  await withStore(config, async ({ registry }) => {
    await registry.addMember({
      name: MEMBER,
      weight: 1,
      maxConcurrent: 0,
      fiveHourQuota: QUOTA,
      weeklyQuota: QUOTA,
      models: undefined,
    })
    await registry.addGatewayKey({ member: MEMBER, hash, prefix, expiresAt: undefined })
    await registry.addUpstream({
      name: 'bench',
      secret: 'sk-bench',
      http: true,
      ws: true,
      weight: 1,
      maxConcurrent: 10_000,
      organization: undefined,
      project: undefined,
      models: undefined,
      baseUrl: undefined,
    })
  })
  return secret
}

async function checkLedger(config: Config, requests: number): Promise<void> {
  const rows = await withStore(config, ({ reports }) => reports.calls({ member: MEMBER, limit: requests + 1 }))
  if (rows.length !== requests) {
    throw new Error(`the ledger has ${rows.length > requests ? 'more' : rows.length} calls instead of ${requests}`)
  }
  const wrong = rows.find((row) => !isRight(row))
  if (wrong) {
    const text = JSON.stringify(wrong, (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
    throw new Error(`a call is not settled as it was answered: ${text}`)
  }
}

function isRight(row: CallRow): boolean {
  return (
    row.ending === 'complete' &&
    row.status === 200 &&
    row.precision === 'exact' &&
    row.attempts === 1 &&
    row.inputTokens === USAGE.inputTokens &&
    row.cachedInputTokens === USAGE.cachedInputTokens &&
    row.outputTokens === USAGE.outputTokens
  )
}
