import { deepEqual } from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { COMPILED } from './compiled.ts'

export const MAIN: string = new URL('../../src/main.ts', import.meta.url).pathname

export interface Run {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** A folder of its own, in which the real command runs. */
export class Folder implements AsyncDisposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'codex-gateway-cli-'))
  readonly env: Record<string, string> = { PATH: process.env['PATH'] ?? '', ...COMPILED }

  run(line: string, input = ''): Promise<Run> {
    return this.#ending(this.start(line), input)
  }

  /** Runs it in a shell, with its output redirected as `where` says: `> /dev/full`; `first` runs before. */
  redirected(line: string, where: string, first = ':'): Promise<Run> {
    const args = ['-c', `${first}; "$0" "$1" ${line} ${where}`, process.execPath, MAIN]
    return this.#ending(spawn('sh', args, { cwd: this.path, env: this.env }), '')
  }

  start(line: string): ChildProcessWithoutNullStreams {
    return spawn(process.execPath, [MAIN, ...line.split(' ')], { cwd: this.path, env: this.env })
  }

  #ending(child: ChildProcessWithoutNullStreams, input: string): Promise<Run> {
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
    child.stdin.end(input)
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })))
  }

  /** Standard output of a command that must succeed. */
  async ok(line: string, input = ''): Promise<string> {
    const { code, out, err } = await this.run(line, input)
    deepEqual([code, err], [0, ''], line)
    return out
  }

  async json(line: string, input = ''): Promise<Record<string, unknown>> {
    return JSON.parse(await this.ok(`${line} --json`, input)) as Record<string, unknown>
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.path, { recursive: true })
  }
}
