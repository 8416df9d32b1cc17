import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startGateway } from '../../src/app.ts'
import { ALPHA, ALPHA_OTHER, BETA, startCodexStand } from '../support/codex-stand.ts'
import { until } from '../support/stand.ts'
import { expectTruth } from '../support/truth.ts'

const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

suite('a codex session that is interrupted', () => {
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    test(`by ${signal} in the middle of a stream is settled by estimate and gives its place back`, async () => {
      await using line = await startCodexStand({
        member: { maxConcurrent: 1 },
        upstreams: [{ ...ALPHA, maxConcurrent: 1 }],
      })
      line.stand.simulator.script({ stall: { afterEvents: 4 } })
      const running = line.codex.begin(['Hello.'])
      await until(() => line.stand.simulator.truth().find((call) => call.eventsSent === 4))
      running.signal(signal)
      await running.ended
      const [row] = await line.stand.settled()
      deepEqual([row?.ending, row?.precision, row?.status], ['client-left', 'estimated', 200])
      ok((row?.credits ?? 0n) > 0n)
      await until(() => line.stand.simulator.truth().find((call) => call.aborted))

      // The member's only place and the key's only place are free again.
      const next = await line.codex.exec(['resume', '--last', 'Go on.'])
      equal(next.code, 0, next.stderr)
      equal(line.requests().length, 2)
      expectTruth(await line.stand.settled(), line.stand.simulator.truth())
    })
  }

  test('by a restart of the gateway goes on with the keys that can read it', async () => {
    await using line = await startCodexStand({ upstreams: [ALPHA, BETA, ALPHA_OTHER] })
    const first = await line.codex.exec(['First.'])
    equal(first.code, 0, first.stderr)
    await line.stand.gateway.stop(new AbortController().signal)
    await using gateway = await startGateway(line.stand.config, SILENT)
    line.tap.redirect(gateway.url)

    // What memory knew of the thread is gone; the ledger knows it still.
    line.stand.simulator.script({ key: 'alpha', status: 429, headers: { 'retry-after': '60' }, times: null })
    const second = await line.codex.exec(['resume', '--last', 'Second.'])
    equal(second.code, 0, second.stderr)
    const answered = line.stand.simulator.truth().filter((call) => call.status === 200)
    deepEqual(
      answered.map((call) => call.organization),
      ['org-sim-a', 'org-sim-a'],
    )
    equal(line.requests().length, 2)
    const rows = await line.stand.settled()
    expectTruth(rows, answered)
    equal(new Set(rows.map((row) => row.threadId)).size, 1)
  })

  test('by a gateway that is down waits for it to come back', async () => {
    await using line = await startCodexStand({ simulator: { text: 'Back again.' } })
    await line.stand.gateway.stop(new AbortController().signal)
    const running = line.codex.begin(['Hello.'])
    await new Promise((resolve) => setTimeout(resolve, 1500))
    await using gateway = await startGateway(line.stand.config, SILENT)
    line.tap.redirect(gateway.url)
    const result = await running.ended
    equal(result.code, 0, result.stderr)
    match(result.stdout, /Back again\./)
    equal((await line.stand.settled()).length, 1)
  })
})
