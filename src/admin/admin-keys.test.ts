import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { FakeWorld } from '../../test/support/admin-world.ts'

suite('admin keys on the command line', () => {
  test('are set from wherever a secret may come, for one organization or several, and never shown', async () => {
    const world = new FakeWorld()
    equal(await world.run('admin', 'set-admin-key', 'sk-admin-1'), 0)
    equal(world.out, 'admin key set: organization=default\n')
    world.input = 'sk-admin-2\n'
    equal(await world.run('admin', 'set-admin-key', '-', '--organization', 'research', '--json'), 0)
    deepEqual(JSON.parse(world.out), {
      id: 2,
      organization: 'research',
      enabled: true,
      created_at: '2026-11-23T10:00:00.000Z',
    })
    world.typed = 'sk-admin-3'
    equal(await world.run('admin', 'set-admin-key'), 0)
    equal(await world.adminKeys.secretOf(1 as never), 'sk-admin-3')
    equal(await world.adminKeys.secretOf(2 as never), 'sk-admin-2')
    equal(await world.run('admin', 'list-admin-keys'), 0)
    equal(
      world.out,
      'default: id=1 enabled=true created_at=2026-11-23T10:00:00.000Z\n' +
        'research: id=2 enabled=true created_at=2026-11-23T10:00:00.000Z\n',
    )
    for (const flag of ['--json', '--help']) {
      await world.run('admin', 'list-admin-keys', flag)
      ok(!world.out.includes('sk-admin'))
    }
  })

  test('are disabled, enabled and removed by organization', async () => {
    const world = new FakeWorld()
    await world.run('admin', 'set-admin-key', 'sk-admin-1')
    equal(await world.run('admin', 'disable-admin-key'), 0)
    equal(world.out, 'admin key disabled: organization=default\n')
    equal(world.adminKeys.keys.get('default')?.enabled, false)
    equal(await world.run('admin', 'enable-admin-key'), 0)
    equal(world.adminKeys.keys.get('default')?.enabled, true)
    equal(await world.run('admin', 'disable-admin-key', '--organization', 'other'), 2)
    equal(await world.run('admin', 'remove-admin-key'), 0)
    equal(await world.run('admin', 'list-admin-keys'), 0)
    equal(world.out, 'no admin keys yet\n')
  })

  test('are refused without a secret, before anything is changed', async () => {
    const world = new FakeWorld()
    equal(await world.run('admin', 'set-admin-key'), 2)
    match(world.err, /the secret is missing/)
    equal(await world.run('admin', 'set-admin-key', 'two words'), 2)
    equal(world.adminKeys.keys.size, 0)
  })

  test('find an upstream key by the id that it is given', async () => {
    const world = new FakeWorld()
    equal(await world.run('admin', 'add-upstream-key', 'main', 'sk-x', '--api-key-id', 'key_1'), 0)
    await world.run('admin', 'list-upstream-keys')
    match(world.out, / api_key_id=key_1$/m)
    equal(await world.run('admin', 'set-upstream-key', 'main', '--api-key-id', '', '--json'), 0)
    equal((JSON.parse(world.out) as { api_key_id: unknown }).api_key_id, null)
    equal(await world.run('admin', 'set-upstream-key', 'main', '--api-key-id', 'a b'), 2)
  })
})
