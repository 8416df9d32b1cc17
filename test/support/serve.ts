/** A gateway in a process of its own, as an administrator runs it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { until } from './stand.ts'

export interface Served extends AsyncDisposable {
  readonly url: string
  readonly pid: number
  /** What it wrote to standard error. */
  stderr(): string
  /** Nobody reads its standard error any more. */
  deafen(): void
  signal(name: NodeJS.Signals): void
  /** Resolves when the process has ended: its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
  /** Resident memory, in bytes. */
  memory(): number
}

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** Resolves when it listens; rejects when it ends before. Disposing of it kills it. `env` is all that it sees of one. */
export async function serve(
  configFile: string,
  { env = {}, stderr: log = 'pipe' }: { readonly env?: Record<string, string>; readonly stderr?: number | 'pipe' } = {},
): Promise<Served> {
  const child = spawn(process.execPath, [MAIN, 'serve', '--config', configFile], {
    stdio: ['ignore', 'pipe', log],
    env: { NODE_OPTIONS: '--disable-warning=ExperimentalWarning', ...env },
  })
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  let over = false
  const ended = once(child, 'exit').then(([code, signal]) => {
    over = true
    return (code ?? signal) as number | NodeJS.Signals
  })
  const url = await until(() => {
    if (over) throw new Error(`the gateway ended before it listened:\n${stderr}`)
    return /^listening on (\S+)$/m.exec(stdout)?.[1]
  }, 20_000).catch((cause: unknown) => {
    // Nobody else would: its test would wait for it without end.
    child.kill('SIGKILL')
    throw cause
  })
  return {
    url,
    pid: child.pid ?? 0,
    stderr: () => stderr,
    deafen: () => void child.stderr?.destroy(),
    signal: (name) => child.kill(name),
    ended,
    memory: () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}
