/** The real Codex CLI: installed by npm into a cache folder on first use, run with a home of its own. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { CODEX_VERSION, MODEL, WEB_SOCKET_PROVIDER, WEB_SOCKET_SETTINGS } from './codex-version.ts'

/** Path of the client's launcher; installs it where it is missing (about 400 MB). */
export async function installedCodex(version: string = CODEX_VERSION): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'codex-gateway')
  const folder = join(cache, `codex-${version}`)
  const launcher = join(folder, 'node_modules', '@openai', 'codex', 'bin', 'codex.js')
  if (existsSync(launcher)) return launcher
  mkdirSync(cache, { recursive: true })
  // Made aside and renamed: whoever finds the folder finds it whole, also when two test files begin at once.
  const aside = mkdtempSync(join(cache, 'installing-'))
  writeFileSync(join(aside, 'package.json'), '{"private":true}')
  const result = await run('npm', ['install', '--no-audit', '--no-fund', '--no-save', `@openai/codex@${version}`], {
    cwd: aside,
    timeoutMs: 300_000,
  })
  if (result.code !== 0) throw new Error(`codex ${version} cannot be installed:\n${result.stderr}`)
  try {
    renameSync(aside, folder)
  } catch (cause) {
    rmSync(aside, { recursive: true, force: true })
    if (!existsSync(launcher)) throw cause
  }
  return launcher
}

export interface RunResult {
  /** Undefined when it was killed. */
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
  readonly durationMs: number
}

interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

/** A program that runs. */
export interface Running {
  readonly ended: Promise<RunResult>
  signal(name: NodeJS.Signals): void
}

/** Runs a program with its standard input closed, and waits for its end. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return start(program, args, options).ended
}

function start(program: string, args: readonly string[], options: RunOptions): Running {
  const startedAt = Date.now()
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: a signal reaches the launcher and what it started, as one from a terminal does.
    detached: true,
  })
  const signal = (name: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name)
    } catch {
      // All of it has ended already.
    }
  }
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const timer = setTimeout(() => signal('SIGKILL'), options.timeoutMs ?? 90_000)
  const ended = new Promise<RunResult>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exit) =>
      resolve({ code: exit ?? undefined, stdout, stderr, durationMs: Date.now() - startedAt }),
    )
  }).finally(() => clearTimeout(timer))
  return { ended, signal }
}

export interface CodexOptions {
  /** The gateway's (or the simulator's) base URL, without `/v1`. */
  readonly url: string
  readonly key: string
  readonly model?: string
  /** Name of the model provider; `OpenAI` turns remote compaction on. */
  readonly providerName?: string
  /** Further lines of config.toml: top level, and in the provider's table. */
  readonly settings?: string
  readonly providerSettings?: string
  /** Whether it is to open the WebSockets of voice at the gateway too: else they go to OpenAI, with the member's key. */
  readonly voice?: boolean
  /** Whether it speaks over WebSocket. */
  readonly webSocket?: boolean
}

/** One member's machine: a home, a working folder, and Codex configured for the gateway. */
export interface CodexHome extends Disposable {
  readonly work: string
  /** `codex exec` with these arguments. */
  exec(args: readonly string[], timeoutMs?: number): Promise<RunResult>
  /** The same, while it runs. */
  begin(args: readonly string[]): Running
  /** `codex` with these arguments. */
  command(args: readonly string[]): Promise<RunResult>
  /** `codex app-server`, for whoever speaks with it; the caller ends it. */
  appServer(): ChildProcessWithoutNullStreams
  /** Every line of every session record, parsed. */
  records(): readonly Readonly<Record<string, unknown>>[]
}

export async function codexHome(options: CodexOptions): Promise<CodexHome> {
  const launcher = await installedCodex()
  const root = mkdtempSync(join(tmpdir(), 'codex-home-'))
  const [home, work] = [join(root, 'codex'), join(root, 'work')]
  mkdirSync(home)
  mkdirSync(work)
  writeFileSync(
    join(home, 'config.toml'),
    `model = "${options.model ?? MODEL}"
model_provider = "gw"
${options.voice ? `experimental_realtime_ws_base_url = "${options.url}/v1"` : ''}
${options.webSocket === true ? WEB_SOCKET_SETTINGS : ''}
${options.settings ?? ''}
[model_providers.gw]
name = "${options.providerName ?? 'Team Gateway'}"
base_url = "${options.url}/v1"
env_key = "TEAM_GATEWAY_KEY"
wire_api = "responses"
${options.webSocket === true ? WEB_SOCKET_PROVIDER : ''}
${options.providerSettings ?? ''}
`,
  )
  const env = { HOME: root, CODEX_HOME: home, TEAM_GATEWAY_KEY: options.key, NO_COLOR: '1', RUST_LOG: 'error' }
  const command = (args: readonly string[], timeoutMs?: number): Running =>
    start(process.execPath, [launcher, ...args], { cwd: work, env, ...(timeoutMs !== undefined && { timeoutMs }) })
  const exec = (args: readonly string[], timeoutMs?: number): Running =>
    command(['exec', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', ...args], timeoutMs)
  return {
    work,
    exec: (args, timeoutMs) => exec(args, timeoutMs).ended,
    begin: (args) => exec(args),
    command: (args) => command(args).ended,
    appServer: () => spawn(process.execPath, [launcher, 'app-server'], { cwd: work, env: { ...process.env, ...env } }),
    records: () => recordsUnder(join(home, 'sessions')),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true, maxRetries: 5 }),
  }
}

function recordsUnder(folder: string): Readonly<Record<string, unknown>>[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.jsonl'))
    .toSorted()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n'))
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
}
