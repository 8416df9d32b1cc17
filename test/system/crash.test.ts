import { deepEqual, equal, ok } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { rowsIn } from '../support/ledger-file.ts'
import { serve } from '../support/serve.ts'
import { startGround, type Ground } from '../support/stand.ts'
import { ask, turn } from '../support/wire.ts'

const KILLS = 20
const CLIENTS = 10

/**
 * Calls without a pause until the gateway is gone; what goes wrong is what the test is about. `seen` gets the threads
 * whose answers were seen to be complete.
 */
async function callOnAndOn(url: string, key: string, seen: Set<string>): Promise<void> {
  for (;;) {
    const thread = randomUUID()
    try {
      const { text } = await ask(url, turn(key, { thread }))
      if (text.includes('"type":"response.completed"')) seen.add(thread)
    } catch {
      return // The gateway is dead.
    }
  }
}

async function killUnderLoad(ground: Ground, seen: Set<string>): Promise<void> {
  const gateway = await serve(ground.configFile)
  const clients = Array.from({ length: CLIENTS }, () => callOnAndOn(gateway.url, ground.key, seen))
  await sleep(50 + Math.random() * 250)
  gateway.signal('SIGKILL')
  equal(await gateway.ended, 'SIGKILL')
  await Promise.all(clients)
}

suite('a gateway that is killed under load', () => {
  test(`${KILLS} times has every call that reached upstream in its ledger once`, async () => {
    await using ground = await startGround({
      simulator: { eventDelayMs: 5, tokens: 'bytes' },
      member: { maxConcurrent: 0, fiveHourQuota: 10n ** 18n, weeklyQuota: 10n ** 18n },
      upstreams: [{ name: 'alpha', maxConcurrent: 100 }],
    })
    const seen = new Set<string>()
    for (let i = 0; i < KILLS; i++) await killUnderLoad(ground, seen)
    await using last = await serve(ground.configFile)
    ok((await ask(last.url, turn(ground.key, { thread: randomUUID() }))).whole)
    const rows = await ground.settled()
    const truth = ground.simulator.truth()
    ok(truth.length > KILLS * CLIENTS, `only ${truth.length} calls`)

    // Each call names itself to both sides.
    const rowsOf = Map.groupBy(rows, ({ threadId }) => threadId)
    for (const call of truth) {
      const thread = call.requestHeaders[call.requestHeaders.indexOf('thread-id') + 1]
      const [row, ...others] = rowsOf.get(thread) ?? []
      ok(row, `no row for a call that reached upstream: ${JSON.stringify(call)}`)
      equal(others.length, 0)
      ok(row.attempts === 1 && row.ending !== undefined)
      if (row.precision !== 'exact') continue
      deepEqual(
        [row.responseId, row.inputTokens, row.cachedInputTokens, row.outputTokens],
        [call.id, call.inputTokens, call.cachedInputTokens, call.outputTokens],
      )
    }
    // What a client has seen completed is exact, whatever happened the moment after.
    ok(seen.size > KILLS)
    for (const thread of seen) {
      const [row] = rowsOf.get(thread) ?? []
      deepEqual([row?.ending, row?.precision], ['complete', 'exact'])
    }
    equal(new Set(rows.map(({ threadId }) => threadId)).size, rows.length)
    ok(
      rows.some(
        ({ ending, precision, credits }) => ending === 'interrupted' && precision === 'estimated' && credits > 0n,
      ),
    )
    expectWindowsAddUp(ground)
  })
})

function expectWindowsAddUp({ folder }: Ground): void {
  for (const name of ['5h', 'weekly']) {
    const [row] = rowsIn(
      folder,
      `SELECT CAST((SELECT SUM(settled) FROM windows WHERE name = '${name}') AS TEXT) AS settled,
              CAST((SELECT SUM(credits) FROM calls WHERE window_${name} IS NOT NULL) AS TEXT) AS spent`,
    )
    ok(Number(row?.['settled']) > 0)
    equal(row?.['settled'], row?.['spent'], name)
  }
}
