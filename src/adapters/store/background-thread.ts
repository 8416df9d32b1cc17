import { LedgerUnavailable, type Log } from '../../ports.ts'
import type { EngineOptions } from './engine.ts'
import type { Executor } from './executor.ts'
import type { Input, OperationName, Output } from './operations.ts'
import { WorkerThread } from './worker-thread.ts'

/** A thread that dies each time it is opened must not keep the machine busy. */
const RENEW_MS = 1_000

/**
 * A second thread with a connection of its own: carries out long reads beside the writer, and moves the write-ahead
 * log into the database, so that no call waits for that. Reports that need it before it has opened wait.
 * When it dies another takes its place.
 */
export class BackgroundThread implements Executor {
  readonly #options: EngineOptions
  readonly #log: Log
  #opening: Promise<WorkerThread> | undefined
  #renewal: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: EngineOptions, log: Log) {
    this.#options = options
    this.#log = log
  }

  async request<N extends OperationName>(name: N, ...input: Input<N>): Promise<Output<N>> {
    if (this.#closed) throw new LedgerUnavailable('the store is closed')
    this.#opening ??= this.#open() // Again, when it could not be opened before.
    const thread = await this.#opening
    return await thread.request(name, ...input)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#renewal)
    const thread = await this.#opening?.catch(() => undefined) // One that never opened needs no closing.
    await thread?.close()
  }

  /** Begins to open it and does not wait. Without it the store works, only slower: trouble is a warning. */
  start(): void {
    this.#opening ??= this.#open()
    this.#opening.catch((cause: unknown) => this.#log.warn('store_background_failed', { message: String(cause) }))
  }

  async #open(): Promise<WorkerThread> {
    try {
      const { executor } = await WorkerThread.open(this.#options, this.#log)
      void executor.lost.then((why) => this.#replace(why))
      return executor
    } catch (cause) {
      this.#opening = undefined
      throw cause
    }
  }

  #replace(why: string): void {
    this.#opening = undefined
    if (this.#closed) return
    this.#log.warn('store_background_lost', { message: why })
    this.#renewal = setTimeout(() => this.start(), RENEW_MS).unref()
  }
}
