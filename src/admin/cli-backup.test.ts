import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { FakeWorld } from '../../test/support/admin-world.ts'

suite('admin backup and restore', () => {
  test('say what was done, and that the sealing key is kept apart', async () => {
    const world = new FakeWorld()
    equal(await world.run('admin', 'backup', 'copy.db'), 0)
    const key = 'without it upstream secrets are lost'
    equal(
      world.out,
      `sqlite://x.db copied to copy.db (4,096 bytes)\nthe sealing key is not in the copy: keep x.db.key too, apart from it; ${key}\n`,
    )
    await world.run('admin', 'backup', 'copy.db', '--json')
    deepEqual(JSON.parse(world.out), { database: 'sqlite://x.db', file: 'copy.db', bytes: 4096, key_file: 'x.db.key' })
    const environment = `the sealing key is not in it: keep the value of CODEX_GATEWAY_SECRET_KEY too, apart from it; ${key}`
    equal(await world.run('admin', 'restore', 'copy.db'), 0)
    equal(world.out, `sqlite://x.db restored from copy.db\n${environment}\n`)
    world.aside = 'x.db.replaced-1'
    await world.run('admin', 'restore', 'copy.db')
    equal(
      world.out,
      `sqlite://x.db restored from copy.db\nwhat was there before is kept: x.db.replaced-1\n${environment}\n`,
    )
    await world.run('admin', 'restore', 'copy.db', '--json')
    deepEqual(JSON.parse(world.out), {
      database: 'sqlite://x.db',
      file: 'copy.db',
      replaced: 'x.db.replaced-1',
      key_file: null,
    })
  })

  test('want the name of a file', async () => {
    const world = new FakeWorld()
    for (const command of ['backup', 'restore']) {
      equal(await world.run('admin', command, ''), 2)
      match(world.err, /error: file "": must be the name of a file\n$/)
    }
  })
})
