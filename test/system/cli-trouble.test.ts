import { deepEqual, equal, match } from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { Folder } from '../support/cli-folder.ts'

suite('a command in trouble', { concurrency: 2 }, () => {
  test('makes no database at a path that may be mistyped: admin init alone makes one', async () => {
    await using folder = new Folder()
    folder.env['CODEX_GATEWAY_SECRET_KEY'] = 'ab'.repeat(32)
    for (const line of ['admin usage', 'admin add-member alice', 'admin backup copy.db', 'serve']) {
      const { code, out, err } = await folder.run(line)
      deepEqual([code, out], [1, ''], line)
      match(err, /^error: there is no database .*codex-gateway\.db: run `codex-gateway admin init` first\n$/)
      deepEqual(readdirSync(folder.path), [], line)
    }
  })

  test('blames a missing init only where the key file is missing', async () => {
    await using folder = new Folder()
    mkdirSync(join(folder.path, 'codex-gateway.db.key'))
    const { code, err } = await folder.run('admin usage')
    deepEqual([code, err], [2, 'error: cannot read the key file codex-gateway.db.key: it is a folder\n'])
  })

  test('warns once of what it sees twice', async () => {
    await using folder = new Folder()
    await folder.ok('admin init')
    chmodSync(join(folder.path, 'codex-gateway.db.key'), 0o644)
    const { code, err } = await folder.run('admin add-upstream-key main -', 'sk-x\n')
    equal(code, 0)
    match(err, /^warning: [^\n]*chmod 600 [^\n]*\n$/)
  })

  test('says of the simulator in one sentence that its port is taken', async () => {
    await using taken = await startSimulator()
    await using folder = new Folder()
    const { code, err } = await folder.run(`simulator --port ${taken.port}`)
    deepEqual(
      [code, err],
      [1, `error: cannot listen on 127.0.0.1:${taken.port} (--port): something else listens there\n`],
    )
  })
})
