import { existsSync } from 'node:fs'
import { lockPathOf, takeServeLock } from './instance-lock.ts'
import { STEPS } from './migrations.ts'
import { StoreRefused } from './refused.ts'
import { int, one, sql, text, type Script } from './sql.ts'
import type { Sqlite } from './sqlite.ts'

/** The version of the schema that this code reads and writes. */
export const SCHEMA_VERSION: number = STEPS.length

/**
 * Brings the file to this version, in one transaction under the write lock: of two processes at once the second finds
 * the work done. Throws StoreRefused when the file is newer than this code, or not a gateway's at all, or when another
 * process serves from it: that one could go on for a while, but not be started again.
 */
export function migrate(db: Sqlite, path: string, serves: boolean): void {
  db.transaction('write', () => {
    const found = db.run(versionOf(path))
    if (!serves && found > 0 && found < SCHEMA_VERSION) refuseServed(path, found)
    db.exec('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)')
    for (const step of STEPS.slice(found)) db.exec(step)
    if (found < SCHEMA_VERSION) db.run(setVersion(SCHEMA_VERSION))
  })
}

/** A gateway of the older version that starts meanwhile waits for the write lock, and is refused then. */
function refuseServed(path: string, found: number): void {
  if (!existsSync(lockPathOf(path))) return // Nobody has ever served from it.
  try {
    takeServeLock(path).close()
  } catch (cause) {
    if (!(cause instanceof StoreRefused && cause.busy)) throw cause
    throw new StoreRefused(
      `the database ${path} has schema version ${found}, and an older codex-gateway serves from it, which could not use ` +
        `the version ${SCHEMA_VERSION} of this one: stop it and start this version, or give commands with that one`,
      { busy: true, cause },
    )
  }
}

/** The version of the file, 0 of a new one; writes nothing. Throws StoreRefused when `migrate` would. */
export function* versionOf(path: string): Script<number> {
  const rows = yield sql`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`
  const tables = rows.map((row) => text(row, 'name'))
  if (tables.length === 0) return 0
  if (!tables.includes('schema_version')) {
    throw new StoreRefused(
      `${path} is the database of another program (it has a table ${tables[0]}): give this gateway a file of its own`,
    )
  }
  const row = yield* one(sql`SELECT version FROM schema_version`)
  const found = row ? int(row, 'version') : 0
  if (found <= SCHEMA_VERSION) return found
  throw new StoreRefused(
    `the database ${path} has schema version ${found}, made by a newer codex-gateway; ` +
      `this one knows versions up to ${SCHEMA_VERSION}: upgrade it, or use another database`,
  )
}

function* setVersion(to: number): Script<void> {
  yield sql`DELETE FROM schema_version`
  yield sql`INSERT INTO schema_version (version) VALUES (${to})`
}
