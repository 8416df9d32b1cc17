import { existsSync, realpathSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { appliedBy } from './apply.ts'
import { readJournal } from './journal.ts'
import { Sqlite } from './sqlite.ts'

/** A server that runs needs a tenth of it; one that has died never gets there. */
const MOST_MS = 250
const AGAIN_MS = 5

/**
 * Waits until the database has what a server that runs beside this process had promised in its journal, but not for long:
 * whoever asks after a call has ended finds it. Never rejects.
 */
export async function caughtUp(named: string): Promise<void> {
  if (!existsSync(named)) return
  try {
    const path = realpathSync(named)
    const found = readJournal(path)
    const newest = found?.records.at(-1)?.number
    if (!found || newest === undefined) return
    const until = performance.now() + MOST_MS
    while (appliedIn(path, found.instance) < newest && performance.now() < until) await sleep(AGAIN_MS)
  } catch {
    // What is wrong with it is told when it is opened.
  }
}

function appliedIn(path: string, instance: string): number {
  const db = new Sqlite(path)
  try {
    return db.run(appliedBy(instance)) ?? Infinity
  } finally {
    db.close()
  }
}
