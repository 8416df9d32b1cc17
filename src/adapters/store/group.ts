import { faultOf, type Fault } from './fault.ts'
import { READS, type OperationName, type Operations } from './operations.ts'
import type { Script } from './sql.ts'
import type { Sqlite } from './sqlite.ts'

export interface Request {
  readonly id: number
  readonly name: OperationName
  readonly input: readonly unknown[]
  /** After this instant nobody waits for the answer any more, in `monotonicMs`. */
  readonly deadlineMs: number
}

export type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly fault: Fault }

/** A clock that all threads of the process share and that nobody sets. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n)
}

/**
 * Runs the requests in one transaction, and returns an answer to each once it is committed.
 *
 * Each has a savepoint, so that one which fails takes back its own changes and no others. When the transaction as a
 * whole fails, all of them do.
 */
export function runGroup(db: Sqlite, operations: Operations, requests: readonly Request[]): readonly Answer[] {
  const kind = requests.every((request) => READS.has(request.name)) ? 'read' : 'write'
  try {
    return db.transaction(kind, () => requests.map((request) => runOne(db, operations, request)))
  } catch (cause) {
    const fault = faultOf(cause)
    return requests.map(({ id }) => ({ id, fault }))
  }
}

function runOne(db: Sqlite, operations: Operations, request: Request): Answer {
  const { id } = request
  // Its caller has given up while the group waited for the lock: a call opened now would be nobody's.
  if (monotonicMs() > request.deadlineMs)
    return { id, fault: { kind: 'unavailable', message: 'the store was too slow' } }
  db.exec('SAVEPOINT request')
  try {
    const value = db.run(scriptOf(operations, request))
    db.exec('RELEASE request')
    return { id, value }
  } catch (cause) {
    // A full disk ends the whole transaction, neighbours and all.
    if (!db.inTransaction) throw cause
    db.exec('ROLLBACK TO request')
    db.exec('RELEASE request')
    return { id, fault: faultOf(cause) }
  }
}

function scriptOf(operations: Operations, { name, input }: Request): Script<unknown> {
  // What `Executor.request` checked by type on the other side.
  const operation = operations[name] as (...input: readonly unknown[]) => Script<unknown>
  return operation(...input)
}
