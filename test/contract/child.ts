import { equal, ok } from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { SqliteDatabase } from './sqlite-database.ts'

/** A process on a database, in one of the modes of sqlite-child.ts. */
export interface Child extends AsyncDisposable {
  readonly ended: Promise<number | null>
  said(): string
  /** Resolves when a line begins with this. */
  says(beginning: string): Promise<void>
  kill(): Promise<void>
}

export function start(mode: string, database: Pick<SqliteDatabase, 'path'>, argument = ''): Child {
  const script = fileURLToPath(new URL('./sqlite-child.ts', import.meta.url))
  const child: ChildProcess = spawn(process.execPath, [script, mode, database.path, argument], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  ok(child.stdout)
  const lines: Interface = createInterface({ input: child.stdout })
  const heard: string[] = []
  lines.on('line', (line) => heard.push(line))
  const ended = once(child, 'close').then(() => child.exitCode)
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  return {
    ended,
    kill,
    said: () => heard.join('\n'),
    async says(beginning) {
      while (!heard.some((line) => line.startsWith(beginning))) {
        equal(child.exitCode, null, `it ended before it said ${beginning}`)
        await Promise.race([once(lines, 'line'), ended])
      }
    },
    [Symbol.asyncDispose]: kill,
  }
}
