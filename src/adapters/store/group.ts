import type { Engine } from './engine.ts'
import { faultOf, type Fault } from './fault.ts'
import { READS, REMEMBERED, type OperationName } from './operations.ts'
import type { Script } from './sql.ts'

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

/** Of an engine, what a group needs. */
export type GroupEngine = Pick<Engine, 'db' | 'operations' | 'memory'>

/** A request's own failure, not the transaction's. */
class RequestFailed extends Error {}

/**
 * Runs the requests in one transaction, and returns an answer to each once it is committed.
 *
 * One that fails takes back its own changes and no others: then all are taken back and run again, with a savepoint for
 * each, which costs too much to have always. When the transaction as a whole fails, all of them do.
 */
export function runGroup(engine: GroupEngine, requests: readonly Request[]): readonly Answer[] {
  try {
    return inTransaction(engine, requests, runPlain)
  } catch (cause) {
    if (!(cause instanceof RequestFailed) || requests.length === 1) return notDone(engine, requests, cause)
  }
  try {
    return inTransaction(engine, requests, runApart)
  } catch (cause) {
    return notDone(engine, requests, cause)
  }
}

/** Those that read are run again without those that write: they are not to blame, and may well be answered. */
function notDone(engine: GroupEngine, requests: readonly Request[], failure: unknown): readonly Answer[] {
  const reads = requests.filter(({ name }) => READS.has(name))
  if (reads.length === requests.length) return allFailed(requests, failure)
  const answered = new Map(runGroup(engine, reads).map((answer) => [answer.id, answer]))
  return allFailed(requests, failure).map((failed) => answered.get(failed.id) ?? failed)
}

function allFailed(requests: readonly Request[], failure: unknown): readonly Answer[] {
  const fault = faultOf(failure instanceof RequestFailed ? failure.cause : failure)
  return requests.map(({ id }) => ({ id, fault }))
}

type Runner = (engine: GroupEngine, request: Request) => unknown

function inTransaction(engine: GroupEngine, requests: readonly Request[], run: Runner): readonly Answer[] {
  const { db, memory } = engine
  const kind = requests.every((request) => READS.has(request.name)) ? 'read' : 'write'
  try {
    return db.transaction(kind, () => {
      memory.begin(db.dataVersion)
      return requests.map((request): Answer => {
        const { id } = request
        // Its caller has given up while the group waited for the lock: a call opened now would be nobody's.
        if (monotonicMs() > request.deadlineMs)
          return { id, fault: { kind: 'unavailable', message: 'the store was too slow' } }
        try {
          return { id, value: run(engine, request) }
        } catch (cause) {
          // A full disk ends the whole transaction, neighbours and all.
          if (cause instanceof RequestFailed || !db.inTransaction) throw cause
          return { id, fault: faultOf(cause) }
        }
      })
    })
  } catch (cause) {
    memory.forget()
    throw cause
  }
}

function runPlain(engine: GroupEngine, request: Request): unknown {
  try {
    return perform(engine, request)
  } catch (cause) {
    if (!engine.db.inTransaction) throw cause
    throw new RequestFailed('a request failed', { cause })
  }
}

function runApart(engine: GroupEngine, request: Request): unknown {
  const { db, memory } = engine
  db.exec('SAVEPOINT request')
  try {
    const value = perform(engine, request)
    db.exec('RELEASE request')
    return value
  } catch (cause) {
    if (!db.inTransaction) throw cause
    memory.forget()
    db.exec('ROLLBACK TO request')
    db.exec('RELEASE request')
    throw cause
  }
}

function perform({ db, operations, memory }: GroupEngine, { name, input }: Request): unknown {
  // What `Executor.request` checked by type on the other side.
  const operation = operations[name] as (...input: readonly unknown[]) => Script<unknown>
  try {
    return db.run(operation(...input))
  } finally {
    if (!REMEMBERED.has(name)) memory.forget()
  }
}
