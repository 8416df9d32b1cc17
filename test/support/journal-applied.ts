import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { readJournal } from '../../src/adapters/store/journal.ts'

/** Longer than a busy machine takes. */
const LONG_MS = 60_000

/** Resolves when everything that stands in the journal now stands in the database too; throws when that takes long. */
export async function journalApplied(path: string): Promise<void> {
  const journal = readJournal(path)
  const newest = journal?.records.at(-1)?.number
  if (journal === undefined || newest === undefined) return
  const deadline = Date.now() + LONG_MS
  while (newest > appliedIn(path, journal.instance)) {
    if (Date.now() > deadline) throw new Error(`record ${newest} of the journal does not come into the database`)
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
