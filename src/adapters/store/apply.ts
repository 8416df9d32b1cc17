import type { DueWarning } from '../../core/quota.ts'
import { beginAttempt } from './attempts.ts'
import { openPromised, type Scribe } from './calls.ts'
import { closeConnection, openConnection } from './connections.ts'
import { recordOf, type LedgerRecord } from './records.ts'
import { settlePromised } from './settlement.ts'
import { int, one, sql, type Script } from './sql.ts'

/**
 * Does what was promised in these records, of which `first` is the first one's number, and remembers how far it has come:
 * what was done already is not done again. An empty text is a record that is passed over. Returns the warnings that became
 * due.
 */
export function* applyRecords(scribe: Scribe, first: number, texts: readonly string[]): Script<readonly DueWarning[]> {
  const done = (yield* appliedBy(scribe.instance)) ?? 0
  const due: DueWarning[] = []
  for (const [index, text] of texts.entries()) {
    if (first + index > done && text !== '') due.push(...(yield* applyRecord(scribe, recordOf(text))))
  }
  yield* markApplied(scribe.instance, Math.max(done, first + texts.length - 1))
  return due
}

/** The same as the operation that was promised, whose judgement was made when it was: the call runs already. */
export function* applyRecord(scribe: Scribe, record: LedgerRecord): Script<readonly DueWarning[]> {
  if ('open' in record) {
    yield* openPromised(scribe, record.open, record.at)
    return []
  }
  if ('settle' in record) return yield* settlePromised(scribe, record.settle)
  if ('connected' in record) yield* openConnection(scribe, record.connected)
  else if ('disconnected' in record) yield* closeConnection(record.disconnected)
  else {
    const { attempt, upstream, at, chosen } = record
    yield* beginAttempt(scribe.memory, attempt, { upstream, chosen, now: at })
  }
  return []
}

/** The number of the last record of this process's journal that the database has; undefined where it knows of no such process. */
export function* appliedBy(instance: string): Script<number | undefined> {
  const row = yield* one(sql`SELECT applied FROM instances WHERE id = ${instance}`)
  return row && int(row, 'applied')
}

export function* markApplied(instance: string, number: number): Script<void> {
  yield sql`UPDATE instances SET applied = ${number} WHERE id = ${instance}`
}
