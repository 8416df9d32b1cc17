import { existsSync, realpathSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { appliedBy } from './apply.ts'
import { journalPathOf, readJournal } from './journal.ts'
import { Sqlite } from './sqlite.ts'

/** A server that runs needs half of it; one that has died never gets there. */
const MOST_MS = 250
const AGAIN_MS = 5

/**
 * Waits until the database has what a server that runs beside this process had promised in its journal, but not for long:
 * whoever asks after a call has ended finds it. Returns what the administrator should know, one line each; never rejects.
 */
export async function caughtUp(named: string): Promise<readonly string[]> {
  if (!existsSync(named)) return []
  try {
    const path = realpathSync(named)
    const found = readJournal(path)
    const newest = found?.records.at(-1)?.number
    if (!found || newest === undefined) return []
    const until = performance.now() + MOST_MS
    let left = newest - appliedIn(path, found.instance)
    while (left > 0 && performance.now() < until) {
      await sleep(AGAIN_MS)
      left = newest - appliedIn(path, found.instance)
    }
    return left > 0 ? [missing(left, journalPathOf(path))] : []
  } catch {
    // What is wrong with it is told when it is opened.
    return []
  }
}

function missing(records: number, file: string): string {
  return (
    `the last ${records} records of calls stand in ${file} and not in the database: its gateway has died, or cannot write; ` +
    'they come into the database when it is started again'
  )
}

function appliedIn(path: string, instance: string): number {
  const db = new Sqlite(path)
  try {
    return db.run(appliedBy(instance)) ?? Infinity
  } finally {
    db.close()
  }
}
