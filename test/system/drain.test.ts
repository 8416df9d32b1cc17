import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { rowsIn } from '../support/ledger-file.ts'
import { serve } from '../support/serve.ts'
import { startGround, until } from '../support/stand.ts'
import { expectTruth } from '../support/truth.ts'
import { ask, stream, turn } from '../support/wire.ts'

suite('a gateway that is told to stop', { concurrency: 4 }, () => {
  test('refuses new connections, and lets running streams end whole', async () => {
    await using ground = await startGround({ simulator: { eventDelayMs: 60, tokens: 'bytes' } })
    await using gateway = await serve(ground.configFile)
    const running = [1, 2, 3].map(() => stream(gateway.url, turn(ground.key)))
    const streams = await Promise.all(running)
    await Promise.all(streams.map((one) => one.events(3)))
    gateway.signal('SIGTERM')
    await until(() =>
      ask(gateway.url, turn(ground.key)).then(
        () => undefined,
        (cause: { code?: string }) => cause.code === 'ECONNREFUSED' || undefined,
      ),
    )
    for (const one of streams) {
      ok(await one.ended, 'its stream is whole')
      ok(one.text().includes('response.completed'))
    }
    equal(await gateway.ended, 0)
    const rows = (await ground.calls()).filter(({ attempts }) => attempts > 0)
    deepEqual(
      rows.map(({ ending }) => ending),
      rows.map(() => 'complete'),
    )
    expectTruth(rows, ground.simulator.truth())
  })

  test('does not cut a slow reader off from what is already on its way', async () => {
    await using ground = await startGround({ simulator: { text: 'word '.repeat(40), deltas: 20_000, tokens: 'bytes' } })
    await using gateway = await serve(ground.configFile)
    const slow = await stream(gateway.url, turn(ground.key))
    await slow.events(1)
    slow.pause()
    await new Promise((resolve) => setTimeout(resolve, 500))
    gateway.signal('SIGTERM')
    await new Promise((resolve) => setTimeout(resolve, 300))
    slow.resume()
    ok(await slow.ended)
    ok(slow.text().includes('response.completed'))
    equal(await gateway.ended, 0)
  })

  test('does not cut off the last bytes of an answer that it has finished with', async () => {
    await using ground = await startGround({ simulator: { tokens: 'bytes' } })
    const body = 'x'.repeat(12_000_000)
    ground.simulator.script({ status: 200, body })
    await using gateway = await serve(ground.configFile)
    const slow = await stream(gateway.url, turn(ground.key))
    {
      using _sips = slow.sip(5)
      await until(() => rowsIn(ground.folder, 'SELECT 1 FROM calls WHERE ended_at IS NOT NULL')[0], 30_000)
    }
    // The call is settled; what the client has not read yet stands in buffers.
    ok(slow.text().length < body.length)
    gateway.signal('SIGTERM')
    await new Promise((resolve) => setTimeout(resolve, 300))
    slow.resume()
    ok(await slow.ended)
    equal(slow.text().length, body.length)
    equal(await gateway.ended, 0)
  })

  test('cuts what is left after drain_secs, and settles it as cut', async () => {
    await using ground = await startGround({ toml: '[server]\ndrain_secs = 1\n', simulator: { tokens: 'bytes' } })
    ground.simulator.script({ stall: { afterEvents: 3 } })
    await using gateway = await serve(ground.configFile)
    const stuck = await stream(gateway.url, turn(ground.key))
    await stuck.events(3)
    const began = performance.now()
    gateway.signal('SIGTERM')
    equal(await stuck.ended, false)
    ok(performance.now() - began > 900)
    equal(await gateway.ended, 0)
    const rows = await ground.calls()
    deepEqual(
      rows.map(({ ending, precision }) => [ending, precision]),
      [['cut', 'estimated']],
    )
  })

  test('cuts at once at the second signal', async () => {
    await using ground = await startGround({ simulator: { tokens: 'bytes' }, member: { maxConcurrent: 1 } })
    ground.simulator.script({ stall: { afterEvents: 3 } })
    await using gateway = await serve(ground.configFile)
    const stuck = await stream(gateway.url, turn(ground.key))
    await stuck.events(3)
    const held = ask(gateway.url, turn(ground.key))
    held.catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const began = performance.now()
    gateway.signal('SIGTERM')
    await new Promise((resolve) => setTimeout(resolve, 400))
    gateway.signal('SIGTERM')
    equal(await stuck.ended, false)
    await rejects(held)
    equal(await gateway.ended, 0)
    ok(performance.now() - began < 3000)
    deepEqual(
      (await ground.calls()).map(({ ending }) => ending),
      ['cut'],
    )
  })
})
