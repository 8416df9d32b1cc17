import { deepEqual, equal, match } from 'node:assert/strict'
import { statSync } from 'node:fs'
import { suite, test } from 'node:test'
import { rowsAtOnce } from '../support/ledger-file.ts'
import { serve } from '../support/serve.ts'
import { startGround, until, type Ground } from '../support/stand.ts'
import { expectTruth } from '../support/truth.ts'
import { ask, stream, turn } from '../support/wire.ts'
import { limitFiles, noLimits } from '../support/file-limit.ts'

/** Of util-linux: changes the limits of a process that runs. */

/**
 * Fills the disk under a gateway that runs, as far as its database is concerned: the journal, whose blocks are there
 * already, goes on. No file may grow past what the journal's beginning needs, and the database is larger.
 */
function fillDisk(pid: number, { config }: Ground): void {
  const limit = 60_000
  if (statSync(config.database.path).size <= limit) throw new Error('the database is too small for this')
  limitFiles(pid, limit)
}

suite('a call that ends while the disk is full', { skip: noLimits }, () => {
  test('is in the journal by then, and exact after a restart', async () => {
    await using ground = await startGround({
      simulator: { eventDelayMs: 40, tokens: 'bytes' },
      toml: '[server]\ndrain_secs = 20\n[limits]\nqueue_secs = 0.2\n',
    })
    {
      await using gateway = await serve(ground.configFile)
      const running = await Promise.all([1, 2, 3].map(() => stream(gateway.url, turn(ground.key))))
      await Promise.all(running.map((one) => one.events(2)))
      fillDisk(gateway.pid, ground)
      // What is new is refused: it has noticed.
      await until(async () => {
        const { text } = await ask(gateway.url, turn(ground.key, { stream: false }))
        return text.includes('"code":"ledger_unavailable"') || undefined
      })
      for (const one of running) equal(await one.ended, true, one.text())
      // It has nothing to wait for.
      gateway.signal('SIGTERM')
      equal(await gateway.ended, 0)
      match(gateway.stderr(), /ledger_left_in_journal/)
      equal(gateway.stderr().includes('call cannot be settled yet'), false, gateway.stderr())
    }
    const before = rowsAtOnce(ground.folder, `SELECT 1 FROM calls WHERE ending = 'complete'`).length
    await using gateway = await serve(ground.configFile)
    equal((await ask(gateway.url, turn(ground.key, { stream: false }))).status, 200)
    const rows = (await ground.settled()).filter(({ attempts }) => attempts > 0)
    deepEqual([...new Set(rows.map(({ ending, precision }) => `${ending} ${precision}`))], ['complete exact'])
    equal(before < rows.length - 1, true, 'some were in the journal alone')
    expectTruth(rows, ground.simulator.truth())
  })
})
