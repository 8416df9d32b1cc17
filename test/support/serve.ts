/** A gateway in a process of its own, as an administrator runs it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { COMPILED } from './compiled.ts'
import { until } from './stand.ts'

/** A gateway that was started and may not listen yet. Disposing of it kills it. */
export interface Launched extends AsyncDisposable {
  readonly pid: number
  /** Where it listens, once it does; rejects when it ends before. */
  listening(): Promise<string>
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

export interface Served extends Launched {
  readonly url: string
}

export interface Launch {
  /** All that it sees of one, beside what makes it start sooner. */
  readonly env?: Readonly<Record<string, string>>
  readonly stderr?: number | 'pipe'
  /** A program and its arguments that replace themselves with the gateway. */
  readonly under?: readonly string[]
}

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** A start takes a second of a slow processor, which others may need too. */
const START_MS = 120_000

/** Resolves when it listens; rejects when it ends before. */
export async function serve(configFile: string, how: Launch = {}): Promise<Served> {
  const launched = launch(configFile, how)
  return { ...launched, url: await launched.listening() }
}

export function launch(configFile: string, { env = {}, stderr: log = 'pipe', under = [] }: Launch = {}): Launched {
  const command = [...under, process.execPath, MAIN, 'serve', '--config', configFile]
  const child = spawn(command[0] ?? '', command.slice(1), {
    stdio: ['ignore', 'pipe', log],
    env: { NODE_OPTIONS: '--disable-warning=ExperimentalWarning', ...COMPILED, ...env },
  })
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  let over = false
  const ended = once(child, 'exit').then(([code, signal]) => {
    over = true
    return (code ?? signal) as number | NodeJS.Signals
  })
  return {
    pid: child.pid ?? 0,
    listening: async () => {
      try {
        return await until(() => {
          if (over) throw new Error('it ended before')
          return /^listening on (\S+)$/m.exec(stdout)?.[1]
        }, START_MS)
      } catch (cause) {
        // Whether it waits for something, or for the processor.
        const stat = over ? 'ended' : readFileSync(`/proc/${child.pid}/stat`, 'utf8')
        // Nobody else would end it: its test would wait for it without end.
        child.kill('SIGKILL')
        throw new Error(`the gateway does not listen: ${stat}\n${stderr}`, { cause })
      }
    },
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
