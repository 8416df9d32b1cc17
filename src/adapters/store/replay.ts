import { copyFileSync, linkSync, statSync } from 'node:fs'
import { NO_RULES, type QuotaRules } from '../../core/quota.ts'
import { appliedBy, applyRecord, markApplied } from './apply.ts'
import type { Scribe } from './calls.ts'
import { journalPathOf, readJournal, type FoundRecord } from './journal.ts'
import type { LedgerTime } from './ledger-time.ts'
import { LedgerMemory } from './memory.ts'
import { recordOf } from './records.ts'
import type { Sqlite } from './sqlite.ts'

/**
 * Does what a process that has died had promised and not done, in its name, so that what it left open can be told after
 * that. Part of the transaction that starts the next one, which holds the serve lock. Returns what the administrator should
 * know: where anything was not done, the file is kept under a name that ends in `stamp`.
 */
export function replayJournal(db: Sqlite, path: string, { stamp, ...ledger }: ReplayOptions): readonly string[] {
  const told = replayFound(db, path, ledger)
  return told.length === 0 ? told : [...told, keep(journalPathOf(path), stamp)]
}

interface ReplayOptions {
  readonly time: LedgerTime
  readonly quota?: QuotaRules | undefined
  readonly stamp: string
}

/** By a second name: should this transaction fail, the next start finds it where it was. */
function keep(file: string, stamp: string): string {
  const kept = `${file}.${stamp}`
  try {
    linkSync(file, kept)
  } catch {
    // Not every file system has second names.
    copyFileSync(file, kept)
  }
  return `the journal is kept as ${kept}: when it is of no more use, remove it`
}

function replayFound(
  db: Sqlite,
  path: string,
  { time, quota = NO_RULES }: Omit<ReplayOptions, 'stamp'>,
): readonly string[] {
  const found = readJournal(path)
  if (!found) return isThere(journalPathOf(path)) ? ['the journal beside the database cannot be read as one'] : []
  const last = found.records.at(-1)
  if (!last) return []
  const { instance, records } = found
  const done = db.run(appliedBy(instance))
  if (done === undefined) return ['the journal beside the database belongs to another one: it was passed over']
  const left = records.filter(({ number }) => number > done)
  const scribe = { instance, time, quota, memory: new LedgerMemory() }
  const lost = left.flatMap((record) => replayOne(db, scribe, record))
  db.run(markApplied(instance, Math.max(done, last.number)))
  return [...unread(done, left), ...lost]
}

/** One that died while it made the file has left it empty. */
function isThere(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0
}

/** A process that dies leaves no gaps; a damaged file has them. */
function unread(done: number, left: readonly FoundRecord[]): readonly string[] {
  const before = [done, ...left.map(({ number }) => number)]
  return left.flatMap(({ number }, at) => {
    const next = (before[at] ?? 0) + 1
    return number > next ? `records ${next} to ${number - 1} of the journal could not be read: they are lost` : []
  })
}

/** One that cannot be done takes none of the others with it. */
function replayOne(db: Sqlite, scribe: Scribe, { number, text }: FoundRecord): readonly string[] {
  db.exec('SAVEPOINT record')
  try {
    db.run(applyRecord(scribe, recordOf(text)))
    return []
  } catch (cause) {
    if (!db.inTransaction) throw cause
    scribe.memory.forget()
    db.exec('ROLLBACK TO record')
    return [`record ${number} of the journal could not be replayed: ${String(cause)}`]
  } finally {
    if (db.inTransaction) db.exec('RELEASE record')
  }
}
