import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { lockLedger } from '../support/ledger-file.ts'
import { startStand, until, type Stand, type StandOptions } from '../support/stand.ts'
import { expectTruth } from '../support/truth.ts'
import { ask, failureIn, stream, turn, type Answered } from '../support/wire.ts'

const QUEUE_MS = { plain: 600, native: 1200 }
const QUEUES = `[limits]\nqueue_secs = ${QUEUE_MS.plain / 1000}\ncodex_queue_secs = ${QUEUE_MS.native / 1000}\n`

const LONG_QUEUES = '[limits]\nqueue_secs = 60\ncodex_queue_secs = 60\n'

/** Where windows roll the database is asked each time: nothing is promised while it is away. */
const UNPROMISED = '[database]\ndurability = "power"\n'

/** Far above all of these limits, and far below what would end such a wait else: the store gives up after 10 s. */
const NOT_BY_THE_QUEUE_MS = 7000

interface Wait {
  readonly name: string
  readonly options: StandOptions
  /** Brings it about that calls must wait, and ends that when called. */
  readonly begin: (on: Stand) => Promise<() => void>
  readonly words: RegExp
}

async function running(on: Stand): Promise<() => void> {
  on.simulator.script({ stall: { afterEvents: 3 } })
  const first = await stream(on.url, turn(on.key))
  await first.events(3)
  return () => first.kill()
}

const WAITS: readonly Wait[] = [
  {
    name: 'its places are taken',
    options: { member: { maxConcurrent: 1 } },
    begin: running,
    words: /^All of your places at the gateway are taken by calls that are still running\./,
  },
  {
    name: 'its calls in flight hold what is left of its quota',
    options: { member: { fiveHourQuota: 1_000_000n } },
    begin: async (on) => {
      // Upstream refuses it in the end, so that it costs nothing and leaves the room free.
      on.simulator.script({ status: 400, body: 'no', headDelayMs: 700 })
      void ask(on.url, turn(on.key))
      await until(() => on.simulator.truth()[0])
      return () => undefined
    },
    words: /^Your calls that are still running may use up what is left of your quota\./,
  },
  {
    name: 'the keys are busy',
    options: { upstreams: [{ name: 'alpha', maxConcurrent: 1 }] },
    begin: running,
    words: /^All of the gateway’s upstream keys are busy or cooling down/,
  },
]

function expectRefused(on: { native: Answered; plain: Answered }, words: RegExp): void {
  const failure = failureIn(on.native.text)
  equal(failure?.code, 'rate_limit_exceeded')
  match(failure.message, words)
  const seconds = Number(/Please try again in (\d+) s\.$/.exec(failure.message)?.[1])
  ok(seconds >= 10 && seconds <= 60)
  heldByItsQueue(on.native, QUEUE_MS.native)
  equal(on.plain.status, 429)
  match(on.plain.text, /"code":"concurrency_limit_exceeded"/)
  ok(Number(on.plain.header('retry-after')) >= 10)
  heldByItsQueue(on.plain, QUEUE_MS.plain)
  ok(on.plain.headMs < on.native.headMs, 'each has the limit of its own')
}

function heldByItsQueue({ headMs }: Answered, limitMs: number): void {
  ok(headMs > 0.9 * limitMs && headMs < NOT_BY_THE_QUEUE_MS, `held for ${headMs} ms`)
}

suite('a call is held without a byte', { concurrency: 4 }, () => {
  for (const { name, options, begin, words } of WAITS) {
    test(`while ${name}, and goes on when that is over`, async () => {
      await using on = await startStand({ ...options, toml: LONG_QUEUES, simulator: { tokens: 'bytes' } })
      const end = await begin(on)
      const held = ask(on.url, turn(on.key))
      await sleep(400)
      equal(on.simulator.truth().length, 1)
      end()
      const answered = await held
      ok(answered.headMs > 350)
      match(answered.text, /response\.completed/)
    })

    if (name.includes('quota')) continue
    test(`while ${name}, and is refused when that takes too long`, async () => {
      await using on = await startStand({ ...options, toml: QUEUES, simulator: { tokens: 'bytes' } })
      const end = await begin(on)
      const [native, plain] = await Promise.all([
        ask(on.url, turn(on.key)),
        ask(on.url, turn(on.key, { stream: false })),
      ])
      expectRefused({ native, plain }, words)
      end()
      equal(on.simulator.truth().length, 1)
      const rows = await on.settled()
      deepEqual(
        rows.slice(0, 2).map(({ ending, refusal, credits }) => [ending, refusal, credits]),
        [1, 2].map(() => ['refused', 'concurrency_limit_exceeded', 0n]),
      )
    })
  }

  test('while the ledger is away, and goes on when it is back', async () => {
    await using on = await startStand({ toml: UNPROMISED, simulator: { tokens: 'bytes' } })
    await ask(on.url, turn(on.key))
    let held: Promise<Answered>
    {
      using _lock = lockLedger(on.folder)
      held = ask(on.url, turn(on.key))
      await sleep(800)
      equal(on.simulator.truth().length, 1, 'nothing goes upstream that the ledger does not know of')
    }
    match((await held).text, /response\.completed/)
    expectTruth(await on.settled(), on.simulator.truth())
  })

  test('while the ledger is away, is refused when that takes too long, and nothing is lost', async () => {
    await using on = await startStand({ toml: `${QUEUES}${UNPROMISED}`, simulator: { tokens: 'bytes' } })
    on.simulator.script({ stall: { afterEvents: 3, ms: 2000 } })
    const running = await stream(on.url, turn(on.key))
    await running.events(3)
    {
      using _lock = lockLedger(on.folder)
      const [native, plain] = await Promise.all([
        ask(on.url, turn(on.key)),
        ask(on.url, turn(on.key, { stream: false })),
      ])
      equal(failureIn(native.text)?.code, 'rate_limit_exceeded')
      match(failureIn(native.text)?.message ?? '', /cannot write its ledger.*Please try again in \d+ s\.$/)
      equal(plain.status, 503)
      match(plain.text, /"code":"ledger_unavailable"/)
      ok(Number(plain.header('retry-after')) >= 10)
      heldByItsQueue(native, QUEUE_MS.native)
      heldByItsQueue(plain, QUEUE_MS.plain)
      ok(await running.ended, 'a running stream goes on')
    }
    await until(async () => (await ask(on.url, turn(on.key))).text.includes('response.completed') || undefined)
    const rows = await on.settled()
    expectTruth(rows, on.simulator.truth())
    equal(rows.filter(({ attempts }) => attempts > 0).length, 2)
  })

  test('is refused in time though its own row cannot be settled yet', async () => {
    await using on = await startStand({ upstreams: [{ name: 'alpha', maxConcurrent: 1 }], toml: QUEUES })
    const end = await running(on)
    const held = ask(on.url, turn(on.key))
    await until(async () => ((await on.calls()).length === 2 ? true : undefined))
    {
      using _lock = lockLedger(on.folder)
      const answered = await held
      equal(failureIn(answered.text)?.code, 'rate_limit_exceeded')
      heldByItsQueue(answered, QUEUE_MS.native)
    }
    end()
    const [row] = await on.settled()
    deepEqual([row?.ending, row?.refusal, row?.credits], ['refused', 'concurrency_limit_exceeded', 0n])
  })

  test('is refused in time when it never got as far as the ledger', async () => {
    await using on = await startStand({ member: { maxConcurrent: 1, fiveHourQuota: 10n ** 15n }, toml: QUEUES })
    const end = await running(on)
    using _lock = lockLedger(on.folder)
    const answered = await ask(on.url, turn(on.key))
    match(failureIn(answered.text)?.message ?? '', /^All of your places/)
    heldByItsQueue(answered, QUEUE_MS.native)
    end()
  })
})
