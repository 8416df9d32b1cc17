/** What a process asked the kernel to write, sync and send, in order, as strace saw it. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { until } from './stand.ts'

export interface Syscall {
  readonly name: string
  /** The file, or `socket:[number]`. */
  readonly path: string
  /** What was written. */
  readonly bytes: Buffer
  /** The arguments behind those. */
  readonly rest: readonly number[]
  /** undefined when it never returned. */
  readonly result: number | undefined
}

export interface Moment {
  readonly at: 'enter' | 'exit'
  readonly call: Syscall
}

const NAMES = 'pwrite64,write,writev,sendto,sendmsg,fsync,fdatasync,ftruncate'

/** Why nothing can be traced here; undefined where it can. */
export function untraceable(): string | undefined {
  const { status, error, stderr } = spawnSync('strace', ['-o', '/dev/null', 'true'], { encoding: 'utf8' })
  if (status === 0) return undefined
  return `it needs strace (apt-get install strace), which does not work here: ${error?.message ?? stderr}`
}

/** The program and arguments that start another one whose calls stand in `file`, in its place and under its number. */
export function tracedTo(file: string): readonly string[] {
  // -D: the tracer is a grandchild. -y -xx: names beside numbers, and every byte as \xNN.
  return ['/usr/bin/env', 'strace', '-D', '-f', '-y', '-xx', '-s', '4000000', '--seccomp-bpf', '-e', NAMES, '-o', file]
}

/** The trace of a process that was killed, once it is whole. Empty when it was killed before it was begun. */
export async function traceOf(file: string, pid: number): Promise<string> {
  const read = (): string => (existsSync(file) ? readFileSync(file, 'latin1') : '')
  // Of all threads the first one is reaped last.
  const whole = new RegExp(String.raw`^${pid} +\+\+\+ killed by SIGKILL \+\+\+\n$`, 'm')
  try {
    return await until(() => (whole.test(read()) ? read() : undefined), 5000)
  } catch (cause) {
    if (read() === '') return ''
    throw cause
  }
}

type Open = { -readonly [Field in keyof Syscall]: Syscall[Field] }

/** Every call of all threads has its beginning and, unless the process died in it, its end. */
export function momentsIn(trace: string): readonly Moment[] {
  const moments: Moment[] = []
  const open = new Map<string, Open>()
  for (const line of trace.split('\n')) {
    const [, thread = '', resumed, name = ''] = /^(\d+) +(?:(<\.\.\. )|(\w+)\()/.exec(line) ?? []
    if (resumed === undefined && name === '') continue // Signals, and deaths.
    const call = resumed === undefined ? callIn(name, line) : open.get(thread)
    if (!call) throw new Error(`a call ends that has not begun: ${line.slice(0, 200)}`)
    if (resumed === undefined) moments.push({ at: 'enter', call })
    open.set(thread, call)
    const result = / = (-?\d+)[^=]*$/.exec(line)?.[1]
    if (result === undefined) continue
    call.result = Number(result)
    moments.push({ at: 'exit', call })
  }
  return moments
}

function callIn(name: string, line: string): Open {
  const path = textIn(/<((?:\\x[0-9a-f]{2})*)>/.exec(line)?.[1])
  const strings = [...line.matchAll(/"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/g)]
  if (strings.some(([, , cut]) => cut !== undefined)) throw new Error(`not traced whole: ${line.slice(0, 200)}`)
  const bytes = Buffer.concat(strings.map(([, hex]) => bytesIn(hex)))
  const behind = line.slice(line.lastIndexOf(strings.length > 0 ? '"' : '>,') + 1)
  const rest = (/^[^)<]*/.exec(behind)?.[0] ?? '').match(/\d+/g) ?? []
  return { name, path, bytes, rest: rest.map(Number), result: undefined }
}

function bytesIn(hex: string | undefined): Buffer {
  return Buffer.from((hex ?? '').replaceAll(String.raw`\x`, ''), 'hex')
}

function textIn(hex: string | undefined): string {
  return bytesIn(hex).toString('utf8')
}
