import { equal, match } from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '../support/serve.ts'
import { startGround, until, type Ground } from '../support/stand.ts'
import { ask, turn } from '../support/wire.ts'
import { limitFiles, noLimits } from '../support/file-limit.ts'

/** Of util-linux: changes the limits of a process that runs. */

/** Room for four pages in the log, and for the beginning of the journal: a probe of one page, not a call. */
const LITTLE = 20_000

/** Until the log begins anew with the next commit. */
async function untilMoved({ folder }: Ground): Promise<void> {
  await until(() => {
    const db = new DatabaseSync(join(folder, 'gateway.db'), { timeout: 5000 })
    try {
      const moved = db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get()
      return moved?.['log'] === moved?.['checkpointed'] || undefined
    } finally {
      db.close()
    }
  })
}

suite('a gateway on a disk with room for a page and none for a call', { skip: noLimits }, () => {
  test('is not ready until there is room again, with nobody calling, and says both once', async () => {
    await using ground = await startGround({ simulator: { tokens: 'bytes' }, toml: '[limits]\nqueue_secs = 0.2\n' })
    await using on = await serve(ground.configFile)
    const call = async (): Promise<string> => (await ask(on.url, turn(ground.key, { stream: false }))).text
    const ready = async (): Promise<number> => (await ask(on.url, { method: 'GET', path: '/readyz' })).status
    match(await call(), /"status":"completed"/)
    await ground.settled()
    await untilMoved(ground)
    // The pages of the call are not in the log any more, where they would stay for want of room in the database.
    equal(await ready(), 200)
    await sleep(300)
    await untilMoved(ground)
    limitFiles(on.pid, LITTLE)
    match(await call(), /"code":"ledger_unavailable"/)
    for (let looks = 0; looks < 4; looks += 1) {
      // It is asked once a second at most.
      await sleep(1100)
      equal(await ready(), 503)
    }
    match(await call(), /"code":"ledger_unavailable"/)
    limitFiles(on.pid, 'unlimited')
    await until(async () => (await ready()) === 200 || undefined)
    match(await call(), /"status":"completed"/)
    const told = (event: string): number => on.stderr().split(event).length - 1
    equal(told('error ledger cannot be written'), 1, on.stderr())
    equal(told('info ledger can be written again'), 1, on.stderr())
    equal(told('directory_not_read'), 0, on.stderr())
  })
})
