import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { NO_RULES, type QuotaRules } from '../../core/quota.ts'
import type { EpochMs } from '../../core/units.ts'
import { faultOf } from './fault.ts'
import { forbidden } from './file-owner.ts'
import { LedgerTime, newestInstant } from './ledger-time.ts'
import { lockPathOf, takeServeLock } from './instance-lock.ts'
import { journalPathOf } from './journal.ts'
import { LedgerMemory } from './memory.ts'
import { migrate, versionOf } from './migrate.ts'
import { operationsOf, type Operations } from './operations.ts'
import { createPrivate, wideModes } from './private-files.ts'
import { recover, registerInstance } from './recovery.ts'
import { replayJournal } from './replay.ts'
import { StoreRefused } from './refused.ts'
import { fingerprintOf, seal } from './sealing.ts'
import { maybeText, only, sql, type Script } from './sql.ts'
import { Sqlite, type Durability } from './sqlite.ts'

export interface EngineOptions {
  readonly path: string
  /** Whether a file that is not there is made; else it is refused. */
  readonly create: boolean
  readonly durability: Durability
  /** 'serve' and 'cli' write; 'background' reads and checkpoints beside the 'serve' of the same process. */
  readonly role: 'serve' | 'cli' | 'background'
  readonly sealingKey: Uint8Array
  readonly quota?: QuotaRules | undefined
  readonly instance: string
  readonly now: EpochMs
}

/** A database that is open, up to date, and its own: ready to run operations in this thread. */
export interface Engine {
  readonly db: Sqlite
  readonly operations: Operations
  readonly memory: LedgerMemory
  /** What the administrator should know, one line each. */
  readonly warnings: readonly string[]
  close(): void
}

/** A clock this far behind the ledger's newest row is told about: windows stand still until it has caught up. */
const CLOCK_BEHIND_MS = 60_000

/**
 * The background thread moves the write-ahead log into the database; only when it does not get round to it does a
 * commit of 'serve' have to, at this many pages (64 MB). At SQLite's 1000 pages one call in a hundred waited for that.
 */
const SERVE_LOG_PAGES = 16_000

/**
 * A report over a year sorts its sums in so much memory: with SQLite's 2 MB it takes a detour through a file, which costs
 * an eighth of its time.
 */
const CLI_CACHE_KB = 8_000

/** Throws StoreRefused where there is no database yet: `admin init` alone makes one. */
export function mustExist(path: string): void {
  if (existsSync(path)) return
  throw new StoreRefused(`there is no database ${resolve(path)}: run \`codex-gateway admin init\` first`)
}

/** Throws StoreRefused, in words for the administrator, when the database cannot be used as asked. */
export function openEngine(options: EngineOptions): Engine {
  const named = resolve(options.path)
  if (options.create) createPrivate(named)
  else mustExist(named)
  // By whatever name: one file, one lock.
  const path = realpathSync(named)
  let lock: { close(): void } | undefined
  let db: Sqlite | undefined
  try {
    if (options.role === 'serve') lock = takeServeLock(path)
    db = openDatabase(path, options)
    const { time, warnings } = start(db, path, options)
    const memory = new LedgerMemory()
    const scribe = { instance: options.instance, time, quota: options.quota ?? NO_RULES, memory }
    const operations = operationsOf(scribe, (place, secret) => seal(options.sealingKey, place, secret))
    return { db, operations, memory, warnings, close: () => closeAll(db, lock) }
  } catch (cause) {
    closeAll(db, lock)
    const fault = faultOf(cause)
    if (fault.kind !== 'unavailable') throw cause
    const why = forbidden(path, filesOf(path)) ?? fault.message
    throw new StoreRefused(`cannot open ${path}: ${why}`, { cause })
  }
}

function openDatabase(path: string, options: EngineOptions): Sqlite {
  const db = new Sqlite(path)
  try {
    db.run(versionOf(path)) // What is not ours is refused before it is touched.
    db.keepLog(options.durability)
    if (options.role === 'background') db.exec('PRAGMA query_only = ON')
    else migrate(db, path, options.role === 'serve')
    if (options.role === 'cli') db.exec(`PRAGMA cache_size = -${CLI_CACHE_KB}`)
    if (options.role === 'serve') db.exec(`PRAGMA wal_autocheckpoint = ${SERVE_LOG_PAGES}`)
    return db
  } catch (cause) {
    db.close()
    throw cause
  }
}

function start(db: Sqlite, path: string, options: EngineOptions): { time: LedgerTime; warnings: readonly string[] } {
  if (options.role === 'background') return { time: new LedgerTime(0), warnings: [] }
  return db.transaction('write', () => {
    db.run(checkSealingKey(options.sealingKey, path))
    const newest = db.run(newestInstant())
    const time = new LedgerTime(newest)
    const warnings = wideModes(filesOf(path))
    if (newest > options.now + CLOCK_BEHIND_MS) {
      warnings.push(`the ledger's newest row is of ${new Date(newest).toISOString()}, ahead of this machine's clock`)
    }
    if (options.role === 'serve') {
      const stamp = `${options.now}-${options.instance.slice(0, 8)}`
      warnings.push(...replayJournal(db, path, { time, quota: options.quota, stamp }))
      db.run(registerInstance(options.instance, process.pid, options.now))
      const interrupted = db.run(recover(options.instance, time.at(options.now)))
      if (interrupted > 0)
        warnings.push(`${interrupted} calls were open when the gateway last died: settled as interrupted`)
    }
    return { time, warnings }
  })
}

function filesOf(path: string): readonly string[] {
  return [path, `${path}-wal`, `${path}-shm`, lockPathOf(path), journalPathOf(path)]
}

/** The first key to open the database is its key from then on. */
function* checkSealingKey(key: Uint8Array, path: string): Script<void> {
  const given = fingerprintOf(key)
  const known = maybeText(yield* only(sql`SELECT key_fingerprint FROM meta`), 'key_fingerprint')
  if (known === undefined) {
    yield sql`UPDATE meta SET key_fingerprint = ${given}`
  } else if (known !== given) {
    throw new StoreRefused(
      `the secrets in ${path} are sealed with the key of fingerprint ${known}, but the given key has fingerprint ${given}: ` +
        'give the key that the database was made with',
    )
  }
}

function closeAll(db: Sqlite | undefined, lock: { close(): void } | undefined): void {
  db?.close()
  // Last: while the database is open it is ours.
  lock?.close()
}
