import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'

const START_WITHIN_MS = 10_000
const AGAIN_MS = 20

/** A server that is measured: a process, perhaps with children, that listens on a port of loopback. */
export interface ServerProcess {
  readonly pid: number
  readonly port: number
  /** Ends it the way its operator would, and waits until it has ended. */
  stop(): Promise<void>
}

/** Starts the command and waits until it listens; throws with what it wrote when it does not. */
export async function startServer(command: string, args: readonly string[], port: number): Promise<ServerProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env['PATH'] } })
  // Whatever ends the benchmark ends what it measures.
  const end = (): void => void child.kill('SIGTERM')
  process.on('exit', end)
  child.on('exit', () => process.off('exit', end))
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-10_000)))
  const failed = new Promise<never>((_resolve, reject) => child.once('error', reject))
  failed.catch(() => undefined)
  await Promise.race([failed, untilItListens(child, port, () => said)])
  if (child.pid === undefined) throw new Error(`${command} has no process id`)
  return { pid: child.pid, port, stop: () => stop(child) }
}

async function untilItListens(child: ChildProcess, port: number, said: () => string): Promise<void> {
  const deadline = Date.now() + START_WITHIN_MS
  while (!(await listens(port))) {
    const ended = child.exitCode !== null || child.signalCode !== null
    if (ended || Date.now() > deadline) {
      child.kill()
      throw new Error(`${child.spawnfile} does not listen on port ${port}:\n${said()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}
