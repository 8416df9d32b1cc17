import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { silent, T0 } from '../../../test/contract/bench.ts'
import { journalPlace } from '../../../test/support/journal-place.ts'
import type { DueWarning } from '../../core/quota.ts'
import type { CallId } from '../../core/units.ts'
import { LedgerUnavailable } from '../../ports.ts'
import type { Executor } from './executor.ts'
import { errorOf, faultOf } from './fault.ts'
import type { Input, OperationName, Output } from './operations.ts'
import { readJournal } from './journal.ts'
import { textOf, type LedgerRecord } from './records.ts'
import { WriteBehind } from './write-behind.ts'
import { limitFiles, noLimits } from '../../../test/support/file-limit.ts'

const WARNING: DueWarning = {
  id: 'warning-1',
  at: T0,
  member: 'alice',
  window: '5h',
  percent: 95,
  settled: 96n,
  limit: 100n,
  resetsAt: T0 + 1,
}
const RECORD = {
  disconnected: {
    id: 'one' as CallId,
    upstream: undefined,
    endedAt: T0,
    reason: 'client left',
    code: 1000,
    clientMessages: 0,
    upstreamMessages: 0,
  },
} satisfies LedgerRecord

/** A database that is asked for `apply` and gives these answers, one after the other; then it has done it. */
class Database implements Executor {
  readonly applied: (readonly string[])[] = []
  readonly #answers: (() => Promise<readonly DueWarning[]>)[]
  readonly #due: readonly DueWarning[]

  constructor(answers: (() => Promise<readonly DueWarning[]>)[], due: readonly DueWarning[] = []) {
    this.#answers = answers
    this.#due = due
  }

  async request<N extends OperationName>(name: N, ...[, texts]: Input<N>): Promise<Output<N>> {
    if (name === 'dueWarnings') return this.#due as Output<N>
    const answer = this.#answers.shift()
    if (answer) return (await answer()) as Output<N>
    this.applied.push(texts as readonly string[])
    return [] as readonly DueWarning[] as Output<N>
  }

  async close(): Promise<void> {}
}

suite('records that the journal cannot take', { skip: noLimits }, () => {
  test('are taken again soon after the disk is well, which is told', async () => {
    using place = journalPlace()
    const log: string[] = []
    const telling = { ...silent, info: (what: string) => log.push(what), error: (what: string) => log.push(what) }
    const database = new Database([])
    const behind = new WriteBehind(database, place.journal, telling)
    ok(behind.note(RECORD))
    const tooBig = (): void => undefined
    process.on('SIGXFSZ', tooBig)
    limitFiles(process.pid, 0)
    try {
      equal(behind.note(RECORD), false)
      await sleep(300)
      equal(behind.note(RECORD), false)
    } finally {
      limitFiles(process.pid, 'unlimited')
      process.off('SIGXFSZ', tooBig)
    }
    await sleep(300)
    const other = { disconnected: { ...RECORD.disconnected, code: 1001 } }
    ok(behind.note(other))
    ok(behind.note(RECORD))
    const promised = [RECORD, other, RECORD].map((record, at) => ({ number: at + 1, text: textOf(record) }))
    deepEqual(readJournal(place.path)?.records, promised)
    await behind.close()
    deepEqual(
      database.applied.flat(),
      promised.map(({ text }) => text),
    )
    deepEqual(log, ['journal_failed', 'journal_works_again'])
  })
})

suite('records on their way into the database', () => {
  test('have their warnings told though the answer came too late to be one', async () => {
    using place = journalPlace()
    const later = Promise.withResolvers<boolean>()
    const noAnswer = (): Promise<never> => Promise.reject(new LedgerUnavailable('no answer', { later: later.promise }))
    const behind = new WriteBehind(new Database([noAnswer], [WARNING]), place.journal, silent)
    const told: DueWarning[] = []
    behind.onWarnings((warnings) => told.push(...warnings))
    ok(behind.note(RECORD))
    await behind.applied().catch(() => undefined)
    deepEqual(told, [])
    later.resolve(true)
    await behind.close()
    deepEqual(told, [WARNING])
  })

  for (const [what, query, isLost] of [
    ['are tried again where the database has failed at something else', 'SELECT nothing FROM nowhere', false],
    ['are passed over where they can never be done', 'INSERT INTO one VALUES (NULL)', true],
  ] as const) {
    test(what, async () => {
      using place = journalPlace()
      const lost: string[] = []
      const failing = (): Promise<never> => Promise.reject(errorOf(faultOf(failureOf(query))))
      const database = new Database([failing])
      const behind = new WriteBehind(database, place.journal, { ...silent, error: (event) => lost.push(event) })
      ok(behind.note(RECORD))
      if (!isLost) await rejects(behind.applied(), LedgerUnavailable)
      await behind.applied()
      deepEqual(lost, isLost ? ['ledger_record_lost'] : [])
      deepEqual(database.applied, [[isLost ? '' : textOf(RECORD)]])
      await behind.close()
    })
  }
})

/** What SQLite says to it. */
function failureOf(query: string): unknown {
  const db = new DatabaseSync(':memory:')
  try {
    db.exec('CREATE TABLE one (n INTEGER NOT NULL)')
    db.exec(query)
    return undefined
  } catch (cause) {
    return cause
  } finally {
    db.close()
  }
}
