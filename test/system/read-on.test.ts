import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { create, talk } from '../support/socket-client.ts'
import { startStand, until, type Stand } from '../support/stand.ts'
import { trueCredits } from '../support/true-credits.ts'
import { expectTruth } from '../support/truth.ts'
import { stream, turn } from '../support/wire.ts'

const READ_ON = 'client_left = "drain"\n'

async function stand(settings = '', eventDelayMs = 20): Promise<Stand> {
  return await startStand({
    simulator: { deltas: 20, eventDelayMs },
    member: { maxConcurrent: 1 },
    toml: `[upstream]\n${READ_ON}${settings}`,
  })
}

suite('an answer whose client has left', { concurrency: 4 }, () => {
  test('is read on to its end, and its cost is exact', async () => {
    await using on = await stand()
    for (const seen of [1, 5, 15]) {
      const reply = await stream(on.url, turn(on.key))
      await reply.events(seen)
      reply.kill()
      // It has its place until it ends.
      await on.settled()
    }
    const rows = await on.settled()
    deepEqual(new Set(rows.map(({ ending, precision }) => `${ending} ${precision}`)), new Set(['client-left exact']))
    expectTruth(rows, on.simulator.truth())
    equal(
      rows.reduce((sum, { credits }) => sum + credits, 0n),
      trueCredits(on.simulator.truth()),
    )
    ok(on.simulator.truth().every(({ aborted }) => !aborted))
  })

  test('is read on over WebSocket too', async () => {
    await using on = await stand()
    const client = await talk(on.url, on.key)
    client.say(create())
    await client.event('response.output_text.delta')
    client.socket.terminate()
    const row = await until(async () => (await on.calls()).find(({ ending }) => ending !== undefined))
    equal(row.precision, 'exact')
    expectTruth([row], on.simulator.truth())
    const open = (): number => on.simulator.webSockets().filter(({ closedAt }) => closedAt === undefined).length
    await until(() => (open() === 0 ? true : undefined))
  })

  test('is not read on for longer than it may be', async () => {
    await using on = await stand('client_left_secs = 0.3\n', 200)
    const reply = await stream(on.url, turn(on.key))
    await reply.events(3)
    reply.kill()
    const client = await talk(on.url, on.key)
    client.say(create())
    await client.event('response.output_text.delta')
    client.socket.terminate()
    const rows = await until(async () => {
      const all = await on.calls()
      return all.length === 2 && all.every(({ ending }) => ending === 'client-left') ? all : undefined
    })
    deepEqual(
      rows.map(({ precision }) => precision),
      ['estimated', 'estimated'],
    )
    await until(() => (on.simulator.truth().every(({ aborted }) => aborted) ? true : undefined))
  })

  test('nor further than it may be', async () => {
    await using on = await stand('client_left_bytes = 1024\n')
    const reply = await stream(on.url, turn(on.key))
    await reply.events(3)
    reply.kill()
    const row = await until(async () => (await on.calls()).find(({ ending }) => ending !== undefined))
    deepEqual([row.ending, row.precision], ['client-left', 'estimated'])
  })

  test('ends with a gateway that stops at once', async () => {
    // It never ends by itself, nor by its limit before this test gives up.
    await using on = await stand('client_left_secs = 3600\nidle_timeout_secs = 3600\n')
    on.simulator.script({ stall: { afterEvents: 2 } })
    const reply = await stream(on.url, turn(on.key))
    await reply.events(2)
    reply.kill()
    await on.gateway.stop(AbortSignal.abort())
    const [row] = await on.calls()
    // Whichever was noticed first, that its client left or the stop.
    match(row?.ending ?? 'open', /^(?:cut|upstream-broke)$/)
    await until(() => on.simulator.truth().find(({ aborted }) => aborted))
  })
})
