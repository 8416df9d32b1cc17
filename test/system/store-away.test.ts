import { equal, match, rejects } from 'node:assert/strict'
import { closeSync, openSync, writeSync } from 'node:fs'
import { suite, test } from 'node:test'
import { serve } from '../support/serve.ts'
import { startGround, until, type Ground } from '../support/stand.ts'
import { ask, turn } from '../support/wire.ts'
import { limitFiles, noLimits } from '../support/file-limit.ts'

/** Makes the database one that nobody may write, root neither: a write version above 2 (sqlite.org/fileformat.html, 1.3.3). */
function makeReadOnly({ config }: Ground): void {
  const file = openSync(config.database.path, 'r+')
  writeSync(file, new Uint8Array([3]), 0, 1, 18)
  closeSync(file)
}

suite('a store that cannot be written', { concurrency: 2 }, () => {
  test('keeps the gateway from serving, in one plain line', async () => {
    await using ground = await startGround({ simulator: { tokens: 'bytes' } })
    makeReadOnly(ground)
    await rejects(serve(ground.configFile), ({ message }: Error) => {
      match(
        message,
        /does not listen: ended\nerror: cannot open .*gateway\.db: .*attempt to write a readonly database\n$/,
      )
      return true
    })
  })

  test('makes a gateway that serves not ready, until it can again', { skip: noLimits }, async () => {
    await using ground = await startGround({ simulator: { tokens: 'bytes' }, toml: '[limits]\nqueue_secs = 0.2\n' })
    await using on = await serve(ground.configFile)
    const becomes = async (status: number): Promise<void> => {
      const ready = () => ask(on.url, { method: 'GET', path: '/readyz' })
      await until(async () => (await ready()).status === status || undefined)
    }
    const call = () => ask(on.url, turn(ground.key, { stream: false }))
    await becomes(200)
    limitFiles(on.pid, 0)
    await becomes(503)
    equal((await ask(on.url, { method: 'GET', path: '/healthz' })).status, 200)
    match((await call()).text, /"code":"ledger_unavailable"/)
    limitFiles(on.pid, 'unlimited')
    await becomes(200)
    match((await call()).text, /"status":"completed"/)
    equal(ground.simulator.truth().length, 1)
  })
})
