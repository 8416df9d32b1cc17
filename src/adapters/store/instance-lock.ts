import { DatabaseSync } from 'node:sqlite'
import { createPrivate } from './private-files.ts'
import { StoreRefused } from './refused.ts'

/**
 * The right to serve from a database, held until `close()` or the death of the process, however it dies.
 *
 * A second SQLite file stays in an exclusive transaction: the kernel drops that lock with the process, so there is
 * no stale lock to clear away after a kill. Throws StoreRefused while another process (or another store of this one)
 * serves from the same database.
 */
export function takeServeLock(databasePath: string): { close(): void } {
  const path = lockPathOf(databasePath)
  createPrivate(path)
  const lock = new DatabaseSync(path, { timeout: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    lock.close()
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY) {
      throw new StoreRefused(
        `another codex-gateway already serves from ${databasePath}: stop it first, or give this one a database of its own`,
        { busy: true, cause },
      )
    }
    throw cause
  }
  return lock
}

export function lockPathOf(databasePath: string): string {
  return `${databasePath}.lock`
}

const SQLITE_BUSY = 5
