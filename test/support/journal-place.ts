import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Journal, journalPathOf } from '../../src/adapters/store/journal.ts'

/** A journal of the process `one`, in a folder of its own. */
export interface JournalPlace extends Disposable {
  readonly folder: string
  /** Of the database, which is not there. */
  readonly path: string
  readonly file: string
  readonly journal: Journal
}

export function journalPlace(): JournalPlace {
  const folder = mkdtempSync(join(tmpdir(), 'codex-gateway-journal-'))
  const path = join(folder, 'gateway.db')
  const journal = new Journal(path, 'one')
  return {
    folder,
    path,
    file: journalPathOf(path),
    journal,
    [Symbol.dispose]: () => {
      journal.close()
      rmSync(folder, { recursive: true })
    },
  }
}
