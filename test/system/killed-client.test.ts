import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { suite, test } from 'node:test'
import { startStand, until, type Stand } from '../support/stand.ts'
import { expectTruth } from '../support/truth.ts'
import { ask, eventsIn, stream, turn } from '../support/wire.ts'

const SIMULATOR = { text: 'Hello from here.', tokens: 'bytes' } as const

/** A member with one place only: a place that is kept shows at the next call. */
async function stand(): Promise<Stand> {
  return await startStand({
    simulator: SIMULATOR,
    member: { maxConcurrent: 1 },
    toml: '[limits]\ncodex_queue_secs = 10\n',
  })
}

/** How many events one answer has. */
async function eventCount(on: Stand): Promise<number> {
  return eventsIn((await ask(on.url, turn(on.key))).text).length
}

/** A place that is kept is never given back: the next call is refused then when it has waited for it. */
async function expectNextGoes(on: Stand): Promise<void> {
  const next = await ask(on.url, turn(on.key))
  ok(next.text.includes('response.completed'), next.text)
}

suite('a client that is killed', { concurrency: 4 }, () => {
  test('is settled once, whichever event was its last, and gives its place back', async () => {
    await using on = await stand()
    const total = await eventCount(on)
    ok(total > 8)
    for (let seen = 1; seen <= total; seen++) {
      on.simulator.script({ stall: { afterEvents: seen } })
      const before = on.simulator.truth().length
      const reply = await stream(on.url, turn(on.key))
      await reply.events(seen)
      reply.kill()
      // The answer has stopped there for good: upstream hears of it because the client left, or never.
      const truth = await until(() =>
        on.simulator
          .truth()
          .slice(before)
          .find(({ aborted }) => aborted),
      )
      await expectNextGoes(on)
      const row = (await on.settled())[1]
      deepEqual(
        { ending: row?.ending, status: row?.status, precision: row?.precision, attempts: row?.attempts },
        {
          // With its last event an answer is whole, and settled before the client sees it.
          ending: seen === total ? 'complete' : 'client-left',
          status: 200,
          precision: seen === total ? 'exact' : 'estimated',
          attempts: 1,
        },
        `after ${seen} events`,
      )
      ok((row?.credits ?? 0n) > 0n)
      equal(row?.responseId, truth.id)
    }
    const rows = await on.settled()
    equal(rows.length, on.simulator.truth().length)
    expectTruth(rows, on.simulator.truth())
  })

  test('before the head is settled once, as an estimate', async () => {
    await using on = await stand()
    on.simulator.script({ headDelayMs: 60_000 })
    const leaves = new AbortController()
    const answer = ask(on.url, turn(on.key, { signal: leaves.signal }))
    await until(() => on.simulator.truth()[0])
    leaves.abort()
    await rejects(answer)
    await until(() => on.simulator.truth().find(({ aborted }) => aborted))
    await expectNextGoes(on)
    const rows = await on.settled()
    equal(rows.length, 2)
    const { ending, status, precision, credits = 0n, attempts } = rows[1] ?? {}
    deepEqual(
      { ending, status, precision, attempts },
      { ending: 'client-left', status: undefined, precision: 'estimated', attempts: 1 },
    )
    ok(credits > 0n)
  })

  test('while it is held leaves the line, and costs nothing', async () => {
    await using on = await stand()
    on.simulator.script({ stall: { afterEvents: 3 } })
    const first = await stream(on.url, turn(on.key))
    await first.events(3)
    const leaves = new AbortController()
    const second = ask(on.url, turn(on.key, { signal: leaves.signal }))
    await new Promise((resolve) => setTimeout(resolve, 100))
    leaves.abort()
    await rejects(second)
    first.kill()
    await expectNextGoes(on)
    equal(on.simulator.truth().length, 2)
    equal((await on.settled()).length, 2)
    deepEqual(on.log, [])
  })

  test('in the middle of its request body leaves no trace', async () => {
    await using on = await stand()
    const { hostname, port } = new URL(on.url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    const head = [
      'POST /v1/responses HTTP/1.1',
      'host: gateway',
      `authorization: Bearer ${on.key}`,
      'content-type: application/json',
      'originator: codex_exec',
      'content-length: 1000',
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n{"model":"gpt-5.5",`)
    await new Promise((resolve) => setTimeout(resolve, 100))
    socket.resetAndDestroy()
    await expectNextGoes(on)
    equal((await on.settled()).length, 1)
    deepEqual(on.log, [])
  })
})
