import { LedgerUnavailable, type Log } from '../../ports.ts'
import type { EngineOptions } from './engine.ts'
import type { Executor } from './executor.ts'
import type { Input, OperationName, Output } from './operations.ts'
import { WorkerThread } from './worker-thread.ts'

/** A thread for reports, started by the first of them. */
export class ReportThread implements Executor {
  readonly #options: EngineOptions
  readonly #log: Log
  #opening: Promise<WorkerThread> | undefined
  #closed = false

  constructor(options: EngineOptions, log: Log) {
    this.#options = options
    this.#log = log
  }

  async request<N extends OperationName>(name: N, ...input: Input<N>): Promise<Output<N>> {
    if (this.#closed) throw new LedgerUnavailable('the store is closed')
    this.#opening ??= this.#open()
    const thread = await this.#opening
    return await thread.request(name, ...input)
  }

  async close(): Promise<void> {
    this.#closed = true
    const thread = await this.#opening?.catch(() => undefined) // One that never opened needs no closing.
    await thread?.close()
  }

  /** The next report tries again when this one could not. */
  async #open(): Promise<WorkerThread> {
    try {
      return (await WorkerThread.open(this.#options, this.#log)).executor
    } catch (cause) {
      this.#opening = undefined
      throw cause
    }
  }
}
