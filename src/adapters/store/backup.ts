import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import { forbidden, ownAs } from './file-owner.ts'
import { lockPathOf, takeServeLock } from './instance-lock.ts'
import { journalPathOf } from './journal.ts'
import { versionOf } from './migrate.ts'
import { createNewPrivate, makeWhole } from './private-files.ts'
import { StoreRefused } from './refused.ts'
import { fingerprintOf } from './sealing.ts'
import { maybeText, one, only, sql, text, type Script } from './sql.ts'
import { Sqlite } from './sqlite.ts'

/**
 * Copies the database, which may be in use, as it stands at one instant, into a new file for its owner alone, and returns
 * its size. Throws StoreRefused when there is such a file, or the database is none of a gateway's.
 */
export function backUp(path: string, file: string): number {
  if (!existsSync(path)) throw new StoreRefused(`there is no database ${resolve(path)}`)
  const db = openFile(path)
  try {
    if (db.run(versionOf(path)) === 0) throw new StoreRefused(`${path} is empty: there is nothing to copy`)
    makeWhole(file, (part) => copyInto(db, part))
    syncFolder(file)
  } finally {
    db.close()
  }
  return statSync(file).size
}

export interface Restored {
  /** Where the database is now that was there before; undefined when there was none. */
  readonly aside: string | undefined
  /** What the administrator should know, one line each. */
  readonly warnings: readonly string[]
}

/**
 * Puts a copy of `file` in the place of the database at `path`; what was there is kept aside, under a name that ends in
 * `stamp`. The new one belongs to the user of the old one, or of its folder. Throws StoreRefused, with nothing changed, when the file is no sound database of a gateway's that this code and
 * this sealing key can open, or while a gateway serves from the one that is to be replaced.
 */
export function restore(path: string, file: string, sealingKey: Uint8Array, stamp: string): Restored {
  if (!existsSync(file)) throw new StoreRefused(`there is no file ${resolve(file)}`)
  const target = existsSync(path) ? realpathSync(path) : resolve(path)
  if (target === realpathSync(file)) throw new StoreRefused(`${file} is the database itself`)
  const lock = lockFor(target)
  const fresh = `${target}.restoring-${stamp}`
  try {
    const db = openFile(file)
    try {
      check(db, file, sealingKey)
      copyInto(db, fresh)
    } finally {
      db.close()
    }
    // Of a database that was kept aside: what it had promised goes with it.
    copyJournal(realpathSync(file), fresh)
    const all = [fresh, journalPathOf(fresh)].filter((made) => existsSync(made))
    const owned = all.map((made) => ownAs(made, target))
    const warnings = [lock.warning, ...owned].filter((line) => line !== undefined)
    return { aside: replace(target, fresh, `${target}.replaced-${stamp}`), warnings }
  } finally {
    rmSync(fresh, { force: true })
    rmSync(journalPathOf(fresh), { force: true })
    lock.close()
  }
}

/** It stays there when the copy is refused: by then it belongs to the user who serves. */
function lockFor(target: string): { readonly warning: string | undefined; close(): void } {
  let lock: { close(): void }
  try {
    lock = takeServeLock(target)
  } catch (cause) {
    if (cause instanceof StoreRefused) throw cause
    const path = lockPathOf(target)
    throw new StoreRefused(`cannot lock ${target}: ${forbidden(target, [path]) ?? reasonOf(cause)}`, { cause })
  }
  return { warning: ownAs(lockPathOf(target), target), close: () => lock.close() }
}

function openFile(file: string): Sqlite {
  try {
    return new Sqlite(file)
  } catch (cause) {
    const why = mayUse(file) ? reasonOf(cause) : 'its permissions do not let this user read it'
    throw new StoreRefused(`cannot open ${file}: ${why}`, { cause })
  }
}

function mayUse(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}

function check(db: Sqlite, file: string, sealingKey: Uint8Array): void {
  let known: string | undefined
  let problems: readonly string[]
  try {
    if (db.run(versionOf(file)) === 0) throw new StoreRefused(`${file} is empty, and no database of a gateway's`)
    problems = db.run(soundness())
    known = db.run(fingerprint())
  } catch (cause) {
    if (cause instanceof StoreRefused) throw cause
    throw new StoreRefused(`${file} is no database of a gateway's, or damaged: ${reasonOf(cause)}`, { cause })
  }
  if (problems.length > 0) throw new StoreRefused(`${file} is damaged: ${problems.join('; ')}`)
  const given = fingerprintOf(sealingKey)
  if (known !== undefined && known !== given) {
    throw new StoreRefused(
      `the secrets in ${file} are sealed with the key of fingerprint ${known}, but the given key has fingerprint ${given}: ` +
        'bring back the key that belongs to it first',
    )
  }
}

function* soundness(): Script<readonly string[]> {
  const rows = yield sql`PRAGMA integrity_check(5)`
  const said = rows.map((row) => text(row, 'integrity_check'))
  if (said.length !== 1 || said[0] !== 'ok') return said
  const strays = yield* one(sql`PRAGMA foreign_key_check`)
  return strays ? [`rows of ${text(strays, 'table')} belong to rows that are not there`] : []
}

function* fingerprint(): Script<string | undefined> {
  return maybeText(yield* only(sql`SELECT key_fingerprint FROM meta`), 'key_fingerprint')
}

function copyJournal(path: string, copy: string): void {
  if (!existsSync(journalPathOf(path))) return
  createNewPrivate(journalPathOf(copy))
  writeFileSync(journalPathOf(copy), readFileSync(journalPathOf(path)))
  sync(journalPathOf(copy))
}

/** By SQLite itself, so that what still stands in the log beside the file is in the copy too. It is on the disk when this returns. */
function copyInto(db: Sqlite, file: string): void {
  createNewPrivate(file)
  try {
    db.run(vacuumInto(file))
    sync(file)
  } catch (cause) {
    rmSync(file, { force: true })
    throw cause
  }
}

function* vacuumInto(file: string): Script<void> {
  yield sql`VACUUM INTO ${file}`
}

/** The old log goes aside first: in the place of the new database it would be taken for its own. */
function replace(target: string, fresh: string, aside: string): string | undefined {
  const there = existsSync(target)
  if (there) {
    settleLog(target)
    linkSync(target, aside)
  }
  for (const ending of ['-wal', '-shm']) {
    if (existsSync(target + ending)) renameSync(target + ending, aside + ending)
  }
  // What was promised of the old one is none of the new one's.
  if (existsSync(journalPathOf(target))) renameSync(journalPathOf(target), journalPathOf(aside))
  // Before its database: beside another one it is passed over, and kept.
  if (existsSync(journalPathOf(fresh))) renameSync(journalPathOf(fresh), journalPathOf(target))
  renameSync(fresh, target)
  syncFolder(target)
  return there ? aside : undefined
}

/** Moves the log into the database, where that can be done: what is damaged is kept with its log. */
function settleLog(path: string): void {
  try {
    const db = new Sqlite(path)
    try {
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } finally {
      db.close()
    }
  } catch {
    // It is being replaced because it does not work.
  }
}

/** The name of a file is on the disk when its folder is. */
function syncFolder(path: string): void {
  if (process.platform !== 'win32') sync(dirname(path))
}

function sync(path: string): void {
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
