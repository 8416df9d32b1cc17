import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '../support/serve.ts'
import { startGround, until } from '../support/stand.ts'
import { expectTruth } from '../support/truth.ts'
import { stream, turn } from '../support/wire.ts'

/** About 200 MB of events. */
const MUCH = { text: `${'a long word '.repeat(20)}. `, deltas: 1_000_000, reasoningTokens: 0, tokens: 'bytes' } as const

suite('a slow reader', { concurrency: 2 }, () => {
  test('slows upstream down, costs no memory, and counts as gone when it takes nothing for too long', async () => {
    await using ground = await startGround({ simulator: MUCH, toml: '[limits]\nclient_stall_secs = 2\n' })
    await using gateway = await serve(ground.configFile)
    const before = gateway.memory()
    const readers = await Promise.all([1, 2, 3, 4].map(() => stream(gateway.url, turn(ground.key))))
    for (const reader of readers) reader.pause()
    const sent = (): number => ground.simulator.truth().reduce((sum, { eventsSent }) => sum + eventsSent, 0)
    await until(async () => {
      const events = sent()
      await sleep(150)
      return events > 1000 && sent() === events ? true : undefined
    })
    ok(sent() < 4 * 100_000, `${sent()} events were sent to nobody`)
    const grown = gateway.memory() - before
    ok(grown < 120_000_000, `memory has grown by ${grown} bytes`)
    const rows = await ground.settled()
    deepEqual(
      rows.map(({ ending, precision }) => [ending, precision]),
      rows.map(() => ['client-left', 'estimated']),
    )
    equal(rows.length, 4)
    await until(() => (ground.simulator.truth().every(({ aborted }) => aborted) ? true : undefined))
    for (const reader of readers) reader.kill()
  })

  test('that is steady is not cut, however slow', async () => {
    await using ground = await startGround({
      simulator: { ...MUCH, deltas: 100_000 },
      toml: '[limits]\nclient_stall_secs = 5\n',
    })
    await using gateway = await serve(ground.configFile)
    const reader = await stream(gateway.url, turn(ground.key))
    const began = performance.now()
    using _sips = reader.sip(13)
    ok(await reader.ended)
    ok(
      performance.now() - began > 5000,
      `it took longer than the limit: ${reader.text().length} bytes in ${performance.now() - began} ms`,
    )
    ok(reader.text().includes('response.completed'))
    expectTruth(await ground.settled(), ground.simulator.truth())
  })
})
