/** A whole gateway in this process, in front of a simulator, in a folder of its own: what system tests stand on. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HOUR_MS } from '../../src/core/calendar.ts'
import { initStore, startGateway, withStore, type RunningGateway } from '../../src/app.ts'
import { loadConfig, type Config } from '../../src/config.ts'
import { GATEWAY_KEY_BYTES, newGatewayKey } from '../../src/core/gateway-key.ts'
import type { KeyHash } from '../../src/core/units.ts'
import type { CallRow, Log, MemberUsage, NewMember, NewUpstream } from '../../src/ports.ts'
import { startSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/simulator.ts'
import { journalApplied } from './journal-applied.ts'

export interface StandOptions {
  readonly simulator?: SimulatorOptions
  /** Further settings, as TOML sections. */
  readonly toml?: string
  readonly member?: Partial<NewMember>
  /** Names of simulated keys; `alpha` by default. */
  readonly upstreams?: readonly (Partial<NewUpstream> & { readonly name: string })[]
}

/** All that a gateway needs, and what it leaves behind; the gateway itself is somebody else's. */
export interface Ground extends AsyncDisposable {
  readonly folder: string
  readonly configFile: string
  readonly config: Config
  readonly simulator: Simulator
  /** A gateway key of the member `alice`. */
  readonly key: string
  addMember(member: Partial<NewMember> & { readonly name: string }): Promise<string>
  /** Makes another gateway key of that member. */
  addKey(member: string): Promise<string>
  /** Newest first, settled ones only unless told otherwise. */
  calls(): Promise<readonly CallRow[]>
  usage(): Promise<readonly MemberUsage[]>
  /** Waits until every call in the ledger is settled and gives them, newest first. */
  settled(): Promise<readonly CallRow[]>
  /** As a command does it, which comes when the database has what a running gateway has promised. */
  admin: <T>(use: Parameters<typeof withStore<T>>[1]) => Promise<T>
}

export interface Stand extends Ground {
  readonly gateway: RunningGateway
  readonly url: string
  /** Lines that were logged. */
  readonly log: readonly string[]
  /** Resolves when the gateway has heard of all that was changed before by `admin`, however long that takes. */
  heard(): Promise<void>
}

const MEMBER: NewMember = {
  name: 'alice',
  weight: 1,
  maxConcurrent: 4,
  fiveHourQuota: 0n,
  weeklyQuota: 0n,
  models: undefined,
}

const UPSTREAM: Omit<NewUpstream, 'name' | 'secret'> = {
  http: true,
  ws: true,
  weight: 1,
  maxConcurrent: 8,
  organization: undefined,
  project: undefined,
  models: undefined,
  baseUrl: undefined,
}

export async function startStand(options: StandOptions = {}): Promise<Stand> {
  await using parts = new AsyncDisposableStack()
  const ground = parts.use(await startGround(options))
  const log: string[] = []
  const gateway = parts.use(await startGateway(ground.config, memoryLog(log)))
  const all = parts.move()
  const heard = async (): Promise<void> => {
    // It looks at everything at once: who knows this key knows what was changed before it.
    const headers = { authorization: `Bearer ${await ground.addKey(MEMBER.name)}` }
    await until(async () => (await fetch(`${gateway.url}/v1/usage`, { headers })).status !== 401 || undefined)
  }
  return { ...ground, gateway, url: gateway.url, log, heard, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

export async function startGround(options: StandOptions = {}): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-test-'))
  const simulator = await startSimulator(options.simulator)
  const configFile = join(folder, 'config.toml')
  const sections = new Map([
    ['server', 'bind_addr = "127.0.0.1:0"\n'],
    ['database', `url = "sqlite://${join(folder, 'gateway.db')}"\n`],
    ['upstream', `http_base_url = "${simulator.url}"\n${wsBaseUrl(simulator.url, options.toml)}`],
  ])
  writeFileSync(configFile, withSections(options.toml ?? '', sections))
  const config = loadConfig({ path: configFile, env: {} })
  await initStore(config)
  const admin = async <T>(use: Parameters<typeof withStore<T>>[1]): Promise<T> => {
    await journalApplied(config.database.path)
    return await withStore(config, use)
  }
  for (const upstream of options.upstreams ?? [{ name: 'alpha' }]) {
    await admin(({ registry }) => registry.addUpstream({ ...UPSTREAM, secret: `sk-sim-${upstream.name}`, ...upstream }))
  }
  const addKey: Stand['addKey'] = (member) =>
    admin(async ({ registry }) => {
      const { secret, prefix } = newGatewayKey(randomBytes(GATEWAY_KEY_BYTES))
      const hash = createHash('sha256').update(secret).digest('hex') as KeyHash
      await registry.addGatewayKey({ member, hash, prefix, expiresAt: undefined })
      return secret
    })
  const addMember: Stand['addMember'] = async (member) => {
    await admin(({ registry }) => registry.addMember({ ...MEMBER, ...member }))
    return await addKey(member.name)
  }
  const key = await addMember({ ...MEMBER, ...options.member })
  const calls: Stand['calls'] = () => admin(({ reports }) => reports.calls({ member: undefined, limit: 10_000 }))
  return {
    folder,
    configFile,
    config,
    simulator,
    key,
    addMember,
    addKey,
    calls,
    usage: () => admin(({ reports }) => reports.usage(0, Math.ceil(Date.now() / HOUR_MS + 1) * HOUR_MS)),
    settled: () =>
      until(async () => {
        const rows = await calls()
        return rows.every((row) => row.ending !== undefined) ? rows : undefined
      }),
    admin,
    [Symbol.asyncDispose]: async () => {
      await simulator.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Unless the test has another one. */
function wsBaseUrl(url: string, toml = ''): string {
  return toml.includes('ws_base_url') ? '' : `ws_base_url = "${url.replace('http', 'ws')}"\n`
}

/** Puts the stand's own keys into the sections that a test gives, or adds them. */
function withSections(toml: string, sections: ReadonlyMap<string, string>): string {
  let text = toml
  for (const [name, keys] of sections) {
    if (text.includes(`[${name}]\n`)) text = text.replace(`[${name}]\n`, `[${name}]\n${keys}`)
    else text += `\n[${name}]\n${keys}`
  }
  return text
}

function memoryLog(lines: string[]): Log {
  const at =
    (level: string) =>
    (event: string, fields: object = {}): void => {
      lines.push(`${level} ${event} ${JSON.stringify(fields)}`)
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** Asks again and again until there is an answer; throws after a minute, which even a busy machine does not take. */
export async function until<T>(ask: () => Promise<T | undefined> | T | undefined, timeoutMs = 60_000): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > deadline) throw new Error(`nothing within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
