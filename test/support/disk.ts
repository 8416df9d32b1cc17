/** What of some files a disk is sure to have: all that was synced, and no more. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Moment, Syscall } from './syscalls.ts'

interface Change {
  /** A new length, or bytes at an offset. */
  readonly bytes: Buffer | undefined
  readonly at: number
}

interface OnDisk {
  content: Buffer
  /** Whether its name in its folder is on the disk too. */
  named: boolean
  /** In the order in which they were written, not synced yet. */
  readonly pending: Change[]
}

/** Follows the system calls of a process. A call that is running promises nothing: a sync is one when it has returned. */
export class Disk {
  readonly #files = new Map<string, OnDisk>()
  /** What each running sync covers: what had been written when it began. */
  readonly #syncing = new Map<Syscall, readonly Change[]>()

  /** Begins with these files as they are, or are not. */
  constructor(paths: readonly string[]) {
    for (const path of paths) {
      const named = existsSync(path)
      this.#files.set(path, { content: named ? readFileSync(path) : Buffer.alloc(0), named, pending: [] })
    }
  }

  follow({ at, call }: Moment): void {
    const file = this.#files.get(call.path)
    if (call.name === 'fsync' || call.name === 'fdatasync') {
      if (at === 'enter') this.#syncing.set(call, [...(file?.pending ?? [])])
      else if (file) this.#synced(file, call)
      else if (call.result === 0) this.#nameAllIn(call.path)
    } else if (file && at === 'exit') written(file, call)
  }

  /** The files as they may be after a power cut now: of what was not synced, some has reached the disk all the same. */
  afterCut(reached: () => boolean): ReadonlyMap<string, Buffer> {
    const left = new Map<string, Buffer>()
    for (const [path, { content, named, pending }] of this.#files) {
      if (named) left.set(path, pending.filter(reached).reduce(changed, content))
    }
    return left
  }

  #synced(file: OnDisk, call: Syscall): void {
    const covered = new Set(this.#syncing.get(call))
    this.#syncing.delete(call)
    if (call.result !== 0) return
    const now = file.pending.filter((change) => covered.has(change))
    file.content = now.reduce(changed, file.content)
    file.pending.splice(0, file.pending.length, ...file.pending.filter((change) => !covered.has(change)))
  }

  #nameAllIn(folder: string): void {
    for (const [path, file] of this.#files) if (dirname(path) === folder) file.named = true
  }
}

function written(file: OnDisk, { name, bytes, rest, result = -1 }: Syscall): void {
  if (result < 0) return
  const [first = 0, second = 0] = rest
  if (name === 'pwrite64') file.pending.push({ bytes: bytes.subarray(0, result), at: second })
  else if (name === 'ftruncate') file.pending.push({ bytes: undefined, at: first })
  else throw new Error(`nothing is known of ${name} to a database`)
}

function changed(content: Buffer, { bytes, at }: Change): Buffer {
  const length = bytes === undefined ? at : Math.max(content.length, at + bytes.length)
  const after = Buffer.alloc(length)
  content.copy(after)
  bytes?.copy(after, at)
  return after
}
