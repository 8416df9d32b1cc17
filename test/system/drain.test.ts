import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { rowsIn } from '../support/ledger-file.ts'
import { connected, head } from '../support/raw.ts'
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

  test('lets running streams end whole when its terminal is closed', async () => {
    await using ground = await startGround({ simulator: { eventDelayMs: 60, tokens: 'bytes' } })
    await using gateway = await serve(ground.configFile)
    const running = await stream(gateway.url, turn(ground.key))
    await running.events(3)
    // From the system and from a shell, both at once.
    gateway.signal('SIGHUP')
    gateway.signal('SIGHUP')
    ok(await running.ended, 'its stream is whole')
    ok(running.text().includes('response.completed'))
    equal(await gateway.ended, 0)
    deepEqual(
      (await ground.calls()).map(({ ending }) => ending),
      ['complete'],
    )
  })

  test('does not cut a slow reader off from what is already on its way', async () => {
    await using ground = await startGround({ simulator: { text: 'word '.repeat(40), deltas: 20_000, tokens: 'bytes' } })
    await using gateway = await serve(ground.configFile)
    const slow = await stream(gateway.url, turn(ground.key))
    await slow.events(1)
    slow.pause()
    await sleep(500)
    gateway.signal('SIGTERM')
    await sleep(300)
    slow.resume()
    ok(await slow.ended)
    ok(slow.text().includes('response.completed'))
    equal(await gateway.ended, 0)
  })

  test('does not cut off the last bytes of an answer that it has finished with', async () => {
    await using ground = await startGround({ simulator: { tokens: 'bytes' } })
    const bodyBytes = 1_000_000
    ground.simulator.script({ status: 400, body: 'x'.repeat(bodyBytes), times: null })
    await using gateway = await serve(ground.configFile)
    // Requests in a row on one connection that reads nothing: all buffers fill up, and what does not fit is left.
    using raw = await connected(gateway.url)
    raw.socket.pause()
    const { headers = [], body = '' } = turn(ground.key)
    const lines = headers.flatMap((name, k) => (k % 2 === 0 ? [`${name}: ${headers[k + 1]}`] : []))
    for (let k = 0; k < 60; k++) raw.write(head('POST /v1/responses', ...lines, `content-length: ${body.length}`), body)
    const settledCalls = async (): Promise<number> =>
      (await rowsIn(ground.folder, 'SELECT 1 FROM calls WHERE ended_at IS NOT NULL')).length
    const settled = await until(async () => {
      const count = await settledCalls()
      await sleep(400)
      return count > 0 && count === (await settledCalls()) ? count : undefined
    })
    gateway.signal('SIGTERM')
    await sleep(300)
    raw.socket.resume()
    equal(await gateway.ended, 0)
    await raw.closed
    ok(raw.text().split('x').length - 1 >= settled * bodyBytes, 'every answer that was settled is whole')
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
    await sleep(100)
    const began = performance.now()
    gateway.signal('SIGTERM')
    await sleep(400)
    gateway.signal('SIGTERM')
    equal(await stuck.ended, false)
    await rejects(held)
    equal(await gateway.ended, 0)
    // Else it would go on for the usual drain_secs, 300.
    ok(performance.now() - began < 60_000)
    deepEqual(
      (await ground.calls()).map(({ ending }) => ending),
      ['cut'],
    )
  })
})
