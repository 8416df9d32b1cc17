import { deepEqual, equal, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { LedgerUnavailable } from '../ports.ts'
import { ClientLeft, Patience } from './patience.ts'
import { tried } from './tried.ts'

interface Trying {
  readonly outcome: Promise<string>
  /** What came late. */
  readonly late: readonly (string | undefined)[]
  readonly leave: () => void
}

/** Tries what has these outcomes, one after the other. */
function trying(...outcomes: (() => Promise<string>)[]): Trying {
  const client = new AbortController()
  const late: (string | undefined)[] = []
  const act = (): Promise<string> => outcomes.shift()?.() ?? Promise.reject(new Error('not so often'))
  const outcome = tried(act, new Patience(client.signal, 60_000), (value) => late.push(value))
  return { outcome, late, leave: () => client.abort() }
}

const noAnswer = (later: Promise<boolean>) => (): Promise<string> =>
  Promise.reject(new LedgerUnavailable('no answer', { later }))

suite('what is tried at the ledger', { concurrency: 4 }, () => {
  test('is not late where it was done without an answer and a later try was answered', async () => {
    const later = Promise.withResolvers<boolean>()
    const { outcome, late } = trying(noAnswer(later.promise), () => {
      later.resolve(true)
      return Promise.resolve('done')
    })
    equal(await outcome, 'done')
    await turnOfLoop()
    deepEqual(late, [])
  })

  for (const isDone of [true, false]) {
    test(`is late, when its caller goes away between two tries, only where it was done: ${isDone}`, async () => {
      const later = Promise.withResolvers<boolean>()
      const { outcome, late, leave } = trying(noAnswer(later.promise))
      await turnOfLoop()
      leave()
      await rejects(outcome, ClientLeft)
      await turnOfLoop()
      deepEqual(late, [])
      later.resolve(isDone)
      await turnOfLoop()
      deepEqual(late, isDone ? [undefined] : [])
    })
  }

  test('is late where its caller goes away before it is known that there is no answer', async () => {
    const answer = Promise.withResolvers<string>()
    const { outcome, late, leave } = trying(() => answer.promise)
    leave()
    await rejects(outcome, ClientLeft)
    answer.reject(new LedgerUnavailable('no answer', { later: Promise.resolve(true) }))
    await turnOfLoop()
    deepEqual(late, [undefined])
  })

  test('is not late where the ledger said that it cannot write', async () => {
    const { outcome, late, leave } = trying(() => Promise.reject(new LedgerUnavailable('locked')))
    await turnOfLoop()
    leave()
    await rejects(outcome, ClientLeft)
    await turnOfLoop()
    deepEqual(late, [])
  })
})
