import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MemberId } from '../../core/units.ts'
import type { Entry } from '../../ports.ts'
import { TakenTurns, type NamedTurn } from './taken-turns.ts'

const TURN: NamedTurn = { member: 1 as MemberId, id: 'one' }
const MESSAGE = { charging: 'message', message: true, credits: 14n } as Entry
const LONGER_THAN_GATHERED_MS = 50

/** Turns, with the questions that wait for an answer. */
function asking() {
  const questions: { readonly ids: readonly string[]; answer(answers: readonly boolean[]): void; fail(): void }[] = []
  const turns = new TakenTurns((asked) => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly boolean[]>()
    questions.push({ ids: asked.map(({ id }) => id), answer: resolve, fail: () => reject(new Error('no')) })
    return promise
  })
  return { turns, questions }
}

async function gathered(): Promise<void> {
  await sleep(LONGER_THAN_GATHERED_MS)
}

suite('turns whose message is taken, or not', () => {
  test('are asked for together and once, and cost nothing when the database had them', async () => {
    const { turns, questions } = asking()
    for (const id of ['one', 'one', 'two']) turns.opened({ ...TURN, id })
    equal(turns.creditsOf(MESSAGE, TURN), undefined)
    await gathered()
    deepEqual(
      questions.map(({ ids }) => ids),
      [['one', 'two']],
    )
    questions[0]?.answer([true, false])
    await gathered()
    deepEqual(
      ['one', 'two'].map((id) => turns.creditsOf(MESSAGE, { ...TURN, id })),
      [0n, 14n],
    )
  })

  test('stay taken though the answer that they are not is on its way', async () => {
    const { turns, questions } = asking()
    turns.opened(TURN)
    await gathered()
    turns.settled(MESSAGE, TURN)
    questions[0]?.answer([false])
    await gathered()
    equal(turns.creditsOf(MESSAGE, TURN), 0n)
  })

  test('are unknown when their settlement may not have been done, and when the database did not say', async () => {
    const { turns, questions } = asking()
    turns.settled(MESSAGE, TURN)
    turns.doubt(TURN)
    equal(turns.creditsOf(MESSAGE, TURN), undefined)
    turns.opened(TURN)
    await gathered()
    questions[0]?.fail()
    await gathered()
    equal(turns.creditsOf(MESSAGE, TURN), undefined)
    turns.opened(TURN)
    await gathered()
    questions[1]?.answer([false])
    await gathered()
    equal(turns.creditsOf(MESSAGE, TURN), 14n)
  })
})
