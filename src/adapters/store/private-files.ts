import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fchmodSync, linkSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { StoreRefused } from './refused.ts'

const PRIVATE = 0o600

/**
 * Creates an empty file for its owner alone, whatever the umask. An existing one is not even opened: closing a
 * descriptor would drop the locks that SQLite holds on that file elsewhere in this process.
 */
export function createPrivate(path: string): void {
  create(path, true)
}

/** The same, but a file that is there is refused. */
export function createNewPrivate(path: string): void {
  create(path, false)
}

function create(path: string, mayBeThere: boolean): void {
  let file: number
  try {
    file = openSync(path, 'wx', PRIVATE)
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') {
      if (mayBeThere) return
      throw there(path)
    }
    const why = codeOf(cause) === 'ENOENT' ? `the folder ${dirname(path)} does not exist` : String(codeOf(cause))
    throw new StoreRefused(`cannot create ${path}: ${why}`, { cause })
  }
  try {
    fchmodSync(file, PRIVATE)
  } finally {
    closeSync(file)
  }
}

/**
 * Makes a new file by a name of its own, and gives it the name that was asked for once it is whole: what an interrupted
 * `fill` leaves behind is never taken for the file. Throws StoreRefused when there is one of that name.
 */
export function makeWhole(path: string, fill: (part: string) => void): void {
  if (existsSync(path)) throw there(path)
  const part = `${path}.part-${randomBytes(4).toString('hex')}`
  try {
    fill(part)
    giveName(part, path)
  } finally {
    rmSync(part, { force: true })
  }
}

function giveName(part: string, path: string): void {
  try {
    linkSync(part, path)
  } catch {
    // Not every file system has links; a file of that name that has come meanwhile is told from that.
    if (existsSync(path)) throw there(path)
    renameSync(part, path)
  }
}

function there(path: string): StoreRefused {
  return new StoreRefused(`${path} is there already: nothing is overwritten`)
}

/** One line for each of the files that others than its owner may read or write; files that do not exist pass. */
export function wideModes(paths: readonly string[]): string[] {
  // There the mode is made up, and chmod changes nothing.
  if (process.platform === 'win32') return []
  const lines: string[] = []
  for (const path of paths) {
    const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0
    if ((mode & 0o077) === 0) continue
    lines.push(`${path} has mode 0${(mode & 0o777).toString(8)}, others may read it: chmod 600 ${path}`)
  }
  return lines
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}
