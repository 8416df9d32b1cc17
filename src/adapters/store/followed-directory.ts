import type { Log } from '../../ports.ts'
import { MemoryDirectory } from './directory.ts'
import type { Executor } from './executor.ts'

/** Keeps the directory in memory abreast of the one in the database. */
export class FollowedDirectory {
  readonly memory: MemoryDirectory
  readonly #executor: Executor
  readonly #log: Log
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(executor: Executor, sealingKey: Uint8Array, log: Log) {
    this.#executor = executor
    this.#log = log
    this.memory = new MemoryDirectory(sealingKey)
  }

  /** Rejects when the store cannot be read. */
  async refresh(): Promise<void> {
    const snapshot = await this.#executor.request('snapshot', this.memory.revision)
    if (snapshot) this.memory.replace(snapshot)
  }

  /** Never rejects: while the store cannot be read, the last state stays. */
  async look(): Promise<void> {
    try {
      await this.refresh()
    } catch (cause) {
      if (!this.#stopped) this.#log.warn('directory_not_read', { message: String(cause) })
    }
  }

  /** Looks again `everyMs` after the last look came back. */
  follow(everyMs: number): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      void this.look().then(() => this.follow(everyMs))
    }, everyMs)
    this.#timer.unref()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }
}
