import { LedgerUnavailable, type Log } from '../../ports.ts'
import type { Executor } from './executor.ts'
import type { Input, OperationName, Output } from './operations.ts'
import type { WriteBehind } from './write-behind.ts'

/** What calls are written by, and what asks whether they could be. */
const WATCHED: ReadonlySet<OperationName> = new Set<OperationName>([
  'open',
  'attempt',
  'settle',
  'refuse',
  'apply',
  'connected',
  'disconnected',
  'probe',
  'probeRoom',
])

/**
 * Knows whether the database takes calls. A probe of one page alone does not tell: on a disk that is full it still finds room
 * in the log, where the opening of a call finds none.
 */
export class LedgerHealth {
  readonly #executor: Executor
  readonly #log: Log
  #isFailing = false
  #isOver = false

  constructor(executor: Executor, log: Log) {
    this.#executor = executor
    this.#log = log
  }

  /** The same executor, watched. */
  get executor(): Executor {
    return {
      request: (name, ...input) => this.#watch(name, ...input),
      close: () => this.#executor.close(),
    }
  }

  /** Rejects while calls cannot be written, or what was promised of them. */
  async probe(behind: WriteBehind | undefined): Promise<void> {
    await behind?.applied()
    await this.#watch(this.#isFailing ? 'probeRoom' : 'probe')
  }

  /** What fails from now on fails because the store is closed. */
  end(): void {
    this.#isOver = true
  }

  async #watch<N extends OperationName>(name: N, ...input: Input<N>): Promise<Output<N>> {
    if (!WATCHED.has(name)) return await this.#executor.request(name, ...input)
    try {
      const result = await this.#executor.request(name, ...input)
      if (this.#isFailing && isProof(name, result)) {
        this.#isFailing = false
        this.#log.info('ledger can be written again')
      }
      return result
    } catch (cause) {
      if (cause instanceof LedgerUnavailable && !this.#isFailing && !this.#isOver) {
        this.#isFailing = true
        this.#log.error('ledger cannot be written', { asked: name, cause: cause.message })
      }
      throw cause
    }
  }
}

/** Whether it wrote as much as calls do. */
function isProof(name: OperationName, result: unknown): boolean {
  if (name === 'open') return (result as Output<'open'>).state === 'admitted'
  return name === 'apply' || name === 'settle' || name === 'probeRoom'
}
