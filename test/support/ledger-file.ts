import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { journalApplied } from './journal-applied.ts'

export type FileRow = Readonly<Record<string, string | number | bigint | null>>

/** Reads a stand's database behind the gateway's back, once it has what a running gateway has promised. */
export async function rowsIn(folder: string, query: string): Promise<readonly FileRow[]> {
  await journalApplied(join(folder, 'gateway.db'))
  return rowsAtOnce(folder, query)
}

/** The same without waiting: what has only been promised is not there yet. */
export function rowsAtOnce(folder: string, query: string): readonly FileRow[] {
  const db = new DatabaseSync(join(folder, 'gateway.db'), { readOnly: true, timeout: 5000 })
  try {
    return db.prepare(query).all() as FileRow[]
  } finally {
    db.close()
  }
}

/** The attempts of the newest call, in order: the key's name and the error class. */
export async function attemptsOfLast(
  folder: string,
): Promise<readonly (readonly [key: string, errorClass: string | undefined])[]> {
  const rows = await rowsIn(
    folder,
    `SELECT upstreams.name AS key, error_class AS class FROM attempts
     JOIN upstreams ON upstreams.id = attempts.upstream
     WHERE call = (SELECT MAX(seq) FROM calls) ORDER BY number`,
  )
  return rows.map((row) => [String(row['key']), row['class'] === null ? undefined : String(row['class'])])
}

/** Takes the database for writing, so that nobody else can write, until it is disposed of. */
export function lockLedger(folder: string): Disposable {
  const db = new DatabaseSync(join(folder, 'gateway.db'), { timeout: 5000 })
  db.exec('BEGIN IMMEDIATE')
  return {
    [Symbol.dispose]: () => {
      db.exec('ROLLBACK')
      db.close()
    },
  }
}
