import { Worker } from 'node:worker_threads'
import { LedgerUnavailable, type Log } from '../../ports.ts'
import type { EngineOptions } from './engine.ts'
import type { Executor } from './executor.ts'
import { errorOf } from './fault.ts'
import { monotonicMs, type Answer, type Request } from './group.ts'
import type { Input, OperationName, Output } from './operations.ts'
import type { FromWorker, ToWorker } from './worker.ts'

/** A request that waited this long in the worker is not carried out any more. */
const DEADLINE_MS = 10_000
/** How much later the caller gives up: time for a commit that had begun to be heard of. */
const GRACE_MS = 1_000
const SWEEP_MS = 250
/** A writer makes little garbage, and of what it makes it keeps nothing. */
const YOUNG_MB = 4

interface Pending {
  readonly giveUpMs: number
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/**
 * Carries out the operations in a worker thread. Nothing here blocks: not a lock held elsewhere, not a slow disk.
 * When the worker dies, everything that waits and everything later rejects with LedgerUnavailable.
 */
export class WorkerThread implements Executor {
  readonly #worker: Worker
  readonly #log: Log
  readonly #pending = new Map<number, Pending>()
  /** Whose callers have given up, and may want to know what became of it. */
  readonly #late = new Map<number, (done: boolean) => void>()
  readonly #sweep: NodeJS.Timeout
  readonly #exited: Promise<void>
  readonly #lost = Promise.withResolvers<string>()
  #outbox: Request[] = []
  #lastId = 0
  #gone: string | undefined
  #forgotten = 0
  #onForgotten: () => void = () => undefined

  private constructor(worker: Worker, log: Log) {
    this.#worker = worker
    this.#log = log
    // An answer that has come while this process had no time for it is heard first.
    this.#sweep = setInterval(() => setImmediate(() => this.#giveUpLate()), SWEEP_MS)
    this.#sweep.unref()
    worker.on('message', (message: FromWorker) => {
      if (!('answers' in message)) return
      if (message.forgotten !== this.#forgotten) this.#onForgotten()
      this.#forgotten = message.forgotten
      for (const answer of message.answers) this.#answered(answer)
    })
    worker.on('error', (cause) => log.error('store_worker_failed', { message: String(cause) }))
    this.#exited = new Promise((done) => {
      worker.once('exit', (code) => {
        const why = `the store's worker has ended (code ${code})`
        if (this.#gone === undefined) this.#lost.resolve(why)
        this.#leave(why)
        done()
      })
    })
  }

  /** Resolves when the database is open; rejects with StoreRefused when it cannot be used. */
  static async open(
    options: EngineOptions,
    log: Log,
  ): Promise<{ executor: WorkerThread; warnings: readonly string[] }> {
    const worker = new Worker(workerUrl(), {
      workerData: options,
      name: `store-${options.role}`,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    })
    const opened = Promise.withResolvers<readonly string[]>()
    worker.once('message', (message: FromWorker) => {
      if ('warnings' in message) opened.resolve(message.warnings)
      if ('refused' in message) opened.reject(errorOf(message.refused))
    })
    worker.once('error', opened.reject)
    worker.once('exit', (code) => opened.reject(new LedgerUnavailable(`the store's worker ended with code ${code}`)))
    const warnings = await opened.promise
    worker.off('error', opened.reject)
    return { executor: new WorkerThread(worker, log), warnings }
  }

  /** Resolves, with the reason, when the worker dies before it was told to end: it will not come back. */
  get lost(): Promise<string> {
    return this.#lost.promise
  }

  /** Calls `act` before each answer with which the ledger's memory has been emptied. */
  onForgotten(act: () => void): void {
    this.#onForgotten = act
  }

  request<N extends OperationName>(name: N, ...input: Input<N>): Promise<Output<N>> {
    if (this.#gone !== undefined) return Promise.reject(new LedgerUnavailable(this.#gone))
    const deadlineMs = monotonicMs() + DEADLINE_MS
    // All that is asked in one turn of the event loop goes over as one message, and into one commit.
    if (this.#outbox.length === 0) setImmediate(() => this.#send())
    this.#lastId += 1
    const id = this.#lastId
    this.#outbox.push({ id, name, input, deadlineMs })
    return new Promise((resolve, reject) => {
      const settle = resolve as (value: unknown) => void
      this.#pending.set(id, { giveUpMs: deadlineMs + GRACE_MS, resolve: settle, reject })
    })
  }

  async close(): Promise<void> {
    if (this.#gone === undefined) {
      this.#send()
      this.#post({ close: true })
      this.#gone = 'the store is closed'
    }
    await this.#exited
  }

  #send(): void {
    const requests = this.#outbox
    this.#outbox = []
    if (requests.length > 0) this.#post({ requests })
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  #answered(answer: Answer): void {
    const pending = this.#pending.get(answer.id)
    this.#pending.delete(answer.id)
    if (!pending) this.#answeredLate(answer)
    else if ('fault' in answer) pending.reject(errorOf(answer.fault))
    else pending.resolve(answer.value)
  }

  #answeredLate(answer: Answer): void {
    this.#log.warn('store_answer_late')
    this.#late.get(answer.id)?.(!('fault' in answer))
    this.#late.delete(answer.id)
  }

  #giveUpLate(): void {
    const now = monotonicMs()
    // In the order in which they were asked, so the first that may still wait ends the search.
    for (const [id, pending] of this.#pending) {
      if (pending.giveUpMs > now) return
      this.#pending.delete(id)
      const { promise: later, resolve } = Promise.withResolvers<boolean>()
      this.#late.set(id, resolve)
      pending.reject(new LedgerUnavailable('the store does not answer', { later }))
    }
  }

  #leave(why: string): void {
    this.#gone ??= why
    clearInterval(this.#sweep)
    for (const pending of this.#pending.values()) pending.reject(new LedgerUnavailable(why))
    this.#pending.clear()
    for (const tell of this.#late.values()) tell(false)
    this.#late.clear()
  }
}

/** The package is published as JavaScript, the sources run as TypeScript: the worker ends like this file. */
function workerUrl(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)
}
