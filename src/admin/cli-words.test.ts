import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { FakeWorld } from '../../test/support/admin-world.ts'

suite('the command line', () => {
  test('states the upper bound of every number', async () => {
    const world = new FakeWorld()
    await world.run('admin', 'add-member', 'alice')
    const wrong: readonly [string, RegExp][] = [
      ['admin set-member alice --weight 2000000', /a number above 0 and up to 1000000,/],
      ['admin set-member alice --max-concurrent 9999999999', /a whole number of calls from 0 to 999999999, such as 4/],
      ['admin set-member alice --weekly-quota 1000000000', /a number of credits below 1000000000 /],
      ['admin add-upstream-key main sk-x --max-concurrent 9999999999', /calls from 1 to 999999999, such as 8/],
      ['admin calls --limit 1000000000', /calls from 1 to 999999999, such as 50/],
      ['simulator --pace 1000000000', /milliseconds from 0 to 999999999,/],
      ['simulator --tokens-per-second 1000000000', /below 1000000000/],
      ['simulator --port 65536', /a port from 0 to 65535/],
    ]
    for (const [line, right] of wrong) {
      equal(await world.run(...line.split(' ')), 2, line)
      match(world.err, right)
    }
  })

  test('says default of what is new, and unchanged of what is there', async () => {
    const help = async (command: string): Promise<string> => {
      const world = new FakeWorld()
      await world.run('admin', command, '--help')
      return world.out.replaceAll(/\s+/g, ' ')
    }
    for (const what of ['member', 'upstream-key']) {
      match(await help(`add-${what}`), /\(default 1\.0\)/)
      ok(!(await help(`add-${what}`)).includes('unchanged'))
      match(await help(`set-${what}`), /\(unchanged where left out\)/)
      ok(!(await help(`set-${what}`)).includes('(default'))
    }
  })

  test('asks for no secret when the name is taken', async () => {
    const world = new FakeWorld()
    await world.run('admin', 'add-upstream-key', 'main', 'sk-x')
    world.typed = 'sk-y'
    for (const given of [['-'], []]) {
      equal(await world.run('admin', 'add-upstream-key', 'main', ...given), 2)
      match(world.err, /there is already an upstream key "main": choose another/)
    }
    deepEqual([world.asked, world.registry.pool.length], [0, 1])
    equal(await world.run('admin', 'add-upstream-key', 'other', '-'), 2) // Nothing came.
    equal(await world.run('admin', 'add-upstream-key', 'other'), 0)
    equal(world.asked, 2)
  })
})
