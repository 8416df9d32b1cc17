import { deepEqual, equal, fail, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setImmediate as turnOfLoop, setTimeout as sleep } from 'node:timers/promises'
import { Refusal, type RefusalCode } from '../core/refusal.ts'
import { ClientLeft, Patience, type Wait } from './patience.ts'

interface Waiting extends Disposable {
  readonly patience: Patience
  leave(): void
}

function patient(limitMs: number): Waiting {
  const client = new AbortController()
  const patience = new Patience(client.signal, limitMs)
  return { patience, leave: () => client.abort(), [Symbol.dispose]: () => patience[Symbol.dispose]() }
}

/** Something that takes so long, or for ever, unless it is called off. */
const takes =
  (ms: number) =>
  async (signal: AbortSignal): Promise<string> => {
    return await new Promise((resolve, reject) => {
      const timer = ms === Infinity ? undefined : setTimeout(resolve, ms, 'done')
      signal.addEventListener('abort', () => {
        clearTimeout(timer)
        reject(signal.reason as Error)
      })
    })
  }

function refusal(code: RefusalCode, words: RegExp, retryAfterMs = 10_000): (cause: unknown) => boolean {
  return (cause) => {
    ok(cause instanceof Refusal)
    deepEqual([cause.code, cause.detail.retryAfterMs], [code, retryAfterMs])
    ok(words.test(cause.message), cause.message)
    return true
  }
}

const unwanted = (): void => fail('nothing comes late')
const BUSY = refusal('concurrency_limit_exceeded', /keys are busy/)

suite('the patience of a call', { concurrency: 8 }, () => {
  test('runs out only while something is waited for', async () => {
    using call = patient(500)
    for (let i = 0; i < 3; i++) {
      await sleep(250)
      equal(await call.patience.wait('seat', () => Promise.resolve(i)), i)
    }
    equal(await call.patience.wait('seat', takes(150)), 'done')
    ok(!call.patience.signal.aborted)
  })

  test('is one for all that is waited for, one after the other', async () => {
    using call = patient(1000)
    equal(await call.patience.wait('place', takes(700)), 'done')
    await rejects(call.patience.wait('seat', takes(700)), BUSY)
    await rejects(call.patience.wait('seat', takes(0)), BUSY)
  })

  test('has what is there at once though no time is left, again and again', async () => {
    using call = patient(0)
    for (let i = 0; i < 50; i++) {
      equal(await call.patience.wait('place', () => Promise.resolve(i)), i)
      equal(await call.patience.within('ledger', () => Promise.resolve(i), unwanted, 0), i)
    }
    ok(!call.patience.signal.aborted)
    await rejects(call.patience.wait('seat', takes(200)), BUSY)
  })

  test('gives what is no queue a least time, which takes nothing from anybody', async () => {
    using call = patient(0)
    equal(await call.patience.wait('ledger', takes(100), { leastMs: 5000 }), 'done')
    equal(await call.patience.within('ledger', () => takes(100)(new AbortController().signal), unwanted, 5000), 'done')
    await rejects(call.patience.wait('seat', takes(200)), BUSY)
  })

  test('ends with the client, whatever is waited for, and at once when it has left before', async () => {
    for (const wait of [
      (patience: Patience) => patience.wait('seat', takes(Infinity)),
      (patience: Patience) => patience.within('ledger', () => new Promise(() => undefined), unwanted, 5000),
      (patience: Patience) => patience.sleep('ledger', 5000),
    ]) {
      using call = patient(5000)
      const ended = rejects(wait(call.patience), ClientLeft).then(() => 'ended')
      call.leave()
      equal(await Promise.race([ended, turnOfLoop()]), 'ended')
      await rejects(
        call.patience.wait('seat', () => Promise.resolve(1)),
        ClientLeft,
      )
    }
    using late = new Patience(AbortSignal.abort(), 5000)
    ok(late.signal.reason instanceof ClientLeft)
    await rejects(
      late.wait('seat', () => Promise.resolve(1)),
      ClientLeft,
    )
  })

  test('hears nothing of the client any more once it is over', () => {
    const call = patient(5000)
    call.patience[Symbol.dispose]()
    call.leave()
    ok(!call.patience.signal.aborted)
    ok(call.patience.client.aborted)
  })

  test('hands over what comes when it is over, and tells what fails', async () => {
    using call = patient(50)
    const { promise, resolve } = Promise.withResolvers<string>()
    const late = Promise.withResolvers<string>()
    await rejects(
      call.patience.within('ledger', () => promise, late.resolve, 0),
      refusal('ledger_unavailable', /cannot write its ledger/),
    )
    resolve('after all')
    equal(await late.promise, 'after all')
    using other = patient(5000)
    await rejects(
      other.patience.within('ledger', () => Promise.reject(new Error('broken')), unwanted, 0),
      /broken/,
    )
  })

  test('tells what was waited for in vain, and when it may help to try again', async () => {
    const said: readonly (readonly [Wait, RefusalCode, RegExp])[] = [
      ['place', 'concurrency_limit_exceeded', /^All of your places/],
      ['room', 'concurrency_limit_exceeded', /^Your calls that are still running/],
      ['seat', 'concurrency_limit_exceeded', /^All of the gateway’s upstream keys/],
      ['ledger', 'ledger_unavailable', /^The gateway cannot write its ledger/],
    ]
    for (const [what, code, words] of said) {
      for (const [expected, told] of [
        [undefined, 10_000],
        [3000, 10_000],
        [23_000, 23_000],
        [600_000, 60_000],
      ] as const) {
        using call = patient(0)
        const waiting = call.patience.wait(what, takes(Infinity), { expectedMs: () => expected })
        await rejects(waiting, refusal(code, words, told))
      }
    }
  })

  test('sleeps as long as there is patience', async () => {
    using call = patient(400)
    const began = performance.now()
    await call.patience.sleep('seat', 100)
    ok(performance.now() - began > 90)
    await rejects(call.patience.sleep('seat', 5000), BUSY)
  })
})
