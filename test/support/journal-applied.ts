import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { readJournal } from '../../src/adapters/store/journal.ts'

/** Resolves when everything that stands in the journal now stands in the database too; throws when that takes long. */
export async function journalApplied(path: string): Promise<void> {
  const journal = readJournal(path)
  const newest = journal?.records.at(-1)?.number
  if (journal === undefined || newest === undefined) return
  for (let tries = 0; newest > appliedIn(path, journal.instance); tries += 1) {
    if (tries === 1000) throw new Error(`record ${newest} of the journal does not come into the database`)
    await sleep(5)
  }
}

function appliedIn(path: string, instance: string): number {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  try {
    return Number(db.prepare('SELECT applied FROM instances WHERE id = ?').get(instance)?.['applied'] ?? Infinity)
  } finally {
    db.close()
  }
}
