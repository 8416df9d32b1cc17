import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Row, Script, Statement, Value } from './sql.ts'

/** 'process': a commit survives the death of the process. 'power': it survives a power cut too, for an fsync each. */
export type Durability = 'process' | 'power'

const BUSY_TIMEOUT_MS = 5_000
/** After a checkpoint the write-ahead log is cut back to this, bytes. */
const LOG_SIZE_LIMIT = 64 * 1024 * 1024

/** One connection to a SQLite file, running scripts synchronously: it belongs in a worker thread or in a short command. */
export class Sqlite {
  readonly #db: DatabaseSync
  readonly #prepared = new Map<TemplateStringsArray, StatementSync>()
  /** Those of each transaction. */
  readonly #plain = new Map<string, StatementSync>()

  /** Opens the file and leaves it as it is; it must be there. `keepLog` comes before the first write. */
  constructor(path: string) {
    this.#db = new DatabaseSync(path, {
      readBigInts: true,
      timeout: BUSY_TIMEOUT_MS,
      enableForeignKeyConstraints: true,
    })
  }

  /** Has the file written through a log beside it, which its header says from then on. */
  keepLog(durability: Durability): void {
    this.#db.exec('PRAGMA journal_mode = WAL')
    this.#db.exec(`PRAGMA synchronous = ${durability === 'power' ? 'FULL' : 'NORMAL'}`)
    this.#db.exec(`PRAGMA journal_size_limit = ${LOG_SIZE_LIMIT}`)
  }

  /** Plain statements without values or rows: schema changes, transactions. */
  exec(text: string): void {
    this.#db.exec(text)
  }

  /** False also after SQLite itself rolled a transaction back, as it does when the disk is full. */
  get inTransaction(): boolean {
    return this.#db.isTransaction
  }

  /** Another figure whenever another connection has committed something. */
  get dataVersion(): number {
    return Number(this.#kept('PRAGMA data_version').get()?.['data_version'])
  }

  /** Runs a script to its end inside whatever transaction is open. */
  run<T>(script: Script<T>): T {
    let step = script.next()
    while (!step.done) {
      let rows: readonly Row[]
      try {
        rows = this.#rows(step.value)
      } catch (cause) {
        step = script.throw(cause)
        continue
      }
      step = script.next(rows)
    }
    return step.value
  }

  /** Runs `work` in a transaction of its own; one that writes takes the write lock at once, so it never fails half-way for it. */
  transaction<T>(kind: 'read' | 'write', work: () => T): T {
    this.#kept(kind === 'write' ? 'BEGIN IMMEDIATE' : 'BEGIN').run()
    try {
      const result = work()
      this.#kept('COMMIT').run()
      return result
    } finally {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
    }
  }

  /**
   * Moves what it can of the write-ahead log into the database, beside readers and writers, waiting for none. Returns how
   * many pages of the log have been moved since the log began anew. Harmless after `close()`.
   */
  checkpoint(): number {
    if (!this.#db.isOpen) return 0
    return Number(this.#kept('PRAGMA wal_checkpoint(PASSIVE)').get()?.['checkpointed'])
  }

  close(): void {
    this.#prepared.clear()
    this.#plain.clear()
    if (this.#db.isOpen) this.#db.close()
  }

  #kept(text: string): StatementSync {
    let prepared = this.#plain.get(text)
    if (!prepared) this.#plain.set(text, (prepared = this.#db.prepare(text)))
    return prepared
  }

  #rows(statement: Statement): readonly Row[] {
    let prepared = this.#prepared.get(statement.parts)
    if (!prepared) {
      // Numbered placeholders have names, among which node:sqlite searches for each value.
      prepared = this.#db.prepare(statement.parts.join('?'))
      this.#prepared.set(statement.parts, prepared)
    }
    if (statement.isChange) return [prepared.run(...statement.params.map(asDouble)) as unknown as Row]
    return prepared.all(...statement.params.map(bound))
  }
}

/** Numbers as they are, of which columns make integers again: each `bigint` costs half a microsecond more. */
function asDouble(value: Value): string | number | bigint | Uint8Array | null {
  if (value === undefined) return null
  return typeof value === 'boolean' ? Number(value) : value
}

/** Whole numbers go as integers: node:sqlite would bind every number as a double. */
function bound(value: Value): string | number | bigint | Uint8Array | null {
  if (value === undefined) return null
  if (typeof value === 'boolean') return value ? 1n : 0n
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value
}
