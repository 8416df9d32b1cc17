import { int, only, sql, type Script } from './sql.ts'

/** Counts the changes of the directory: who remembers an older number has to read it again. */
export function* directoryRevision(): Script<number> {
  return int(yield* only(sql`SELECT revision FROM meta`), 'revision')
}

/** Part of the transaction of every change that a running server has to see. */
export function* bumpRevision(): Script<void> {
  yield sql`UPDATE meta SET revision = revision + 1`
}
