import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { newGatewayKey } from '../core/gateway-key.ts'
import { FakeWorld } from '../../test/support/admin-world.ts'

async function withTwoKeys() {
  const world = new FakeWorld()
  await world.run('admin', 'add-member', 'alice')
  const secrets: string[] = []
  for (const _ of [1, 2]) {
    await world.run('admin', 'add-codex-key', 'alice', '--json')
    secrets.push((JSON.parse(world.out) as { secret: string }).secret)
  }
  const [first = '', second = ''] = secrets
  return { world, first, second, enabled: () => world.registry.keys.map((key) => key.enabled) }
}

suite('admin disable-codex-key', () => {
  test('takes a whole key: of one that leaked its secret is what people have', async () => {
    const { world, second, enabled } = await withTwoKeys()
    equal(await world.run('admin', 'disable-codex-key', second), 0, world.err)
    deepEqual(enabled(), [true, false])
    equal(world.out, `Codex key disabled: ${second.slice(0, 20)}\n`)
    equal(await world.run('admin', 'enable-codex-key', second), 0, world.err)
    deepEqual(enabled(), [true, true])
  })

  test('says of a whole key what is wrong with it, and shows no more than its prefix', async () => {
    const { world, first, enabled } = await withTwoKeys()
    const stranger = newGatewayKey(new Uint8Array(21).fill(9)).secret
    const mistyped = first.slice(0, -1) + (first.endsWith('x') ? 'y' : 'x')
    for (const [key, right] of [
      [stranger, new RegExp(`this is a whole key, ${stranger.slice(0, 20)}…, and none of this gateway's`)],
      [mistyped, /form of a whole key, but a character in it is wrong: copy it again, or give its prefix/],
    ] as const) {
      equal(await world.run('admin', 'disable-codex-key', key), 2)
      match(world.err, right)
      ok(!world.err.includes(key.slice(0, 24)), world.err)
    }
    deepEqual(enabled(), [true, true])
  })
})
