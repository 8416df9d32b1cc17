import { deepEqual, equal, match } from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { Folder } from '../support/cli-folder.ts'

suite('a command in trouble', { concurrency: 2 }, () => {
  test('makes no database at a path that may be mistyped: admin init alone makes one', async () => {
    await using folder = new Folder()
    // Without a key file and with a key of the environment.
    for (const key of ['', 'ab'.repeat(32)]) {
      folder.env['CODEX_GATEWAY_SECRET_KEY'] = key
      for (const line of ['admin usage', 'admin add-member alice', 'admin backup copy.db', 'serve']) {
        const { code, out, err } = await folder.run(line)
        deepEqual([code, out], [1, ''], line)
        match(err, /^error: there is no database .*codex-gateway\.db: run `codex-gateway admin init` first\n$/)
        deepEqual(readdirSync(folder.path), [], line)
      }
    }
  })

  test('wants the key file back where it is missing, and only there', async () => {
    await using folder = new Folder()
    await folder.ok('admin init')
    const file = join(folder.path, 'codex-gateway.db.key')
    rmSync(file)
    const missing = await folder.run('admin usage')
    equal(missing.code, 2)
    match(missing.err, /^error: cannot read the key file .*: there is no such file: put back the one that belongs to/)
    mkdirSync(file)
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
