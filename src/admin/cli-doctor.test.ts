import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { FakeWorld, NOW } from '../../test/support/admin-world.ts'

async function doctor(world: FakeWorld): Promise<readonly string[]> {
  await world.run('admin', 'doctor')
  return world.out.trimEnd().split('\n')
}

async function healthy(): Promise<FakeWorld> {
  const world = new FakeWorld()
  await world.run('admin', 'add-upstream-key', 'main', 'sk-x')
  await world.run('admin', 'add-member', 'alice')
  await world.run('admin', 'add-codex-key', 'alice')
  return world
}

suite('admin doctor', () => {
  test('finds nothing where all is well', async () => {
    const world = await healthy()
    deepEqual(await doctor(world), [
      'database: ok: can be written',
      'upstream_keys: ok: 1 enabled',
      'members: ok: 1 have a key that works; 0 keys are disabled, expired or of a disabled member',
      'rates: ok: the fallback priced no call of the last 7 days',
    ])
    equal(await world.run('admin', 'doctor'), 0)
  })

  test('fails where no call can be served', async () => {
    for (const harm of ['disable-upstream-key main', 'disable-member alice', 'disable-codex-key sk-codex-gw']) {
      const world = await healthy()
      await world.run('admin', ...harm.split(' '))
      equal(await world.run('admin', 'doctor'), 1, harm)
      match(world.out, /: problem: none (?:is enabled|has a key that works)/)
    }
    const world = await healthy()
    world.unwritable = 'disk full'
    equal(await world.run('admin', 'doctor', '--json'), 1)
    deepEqual((JSON.parse(world.out) as unknown[])[0], {
      check: 'database',
      level: 'problem',
      message: 'cannot be written: disk full',
    })
  })

  test('names models that the fallback priced, and what to do', async () => {
    const world = await healthy()
    await world.run('admin', ...'rates set gpt-known --input 1 --cached 1 --output 1'.split(' '))
    world.rateBook.fallback = [
      { model: 'gpt-new', charging: 'tokens', byLength: false, calls: 12, credits: 1_500_000_000n, lastAt: NOW },
      { model: 'gpt-known', charging: 'tokens', byLength: false, calls: 1, credits: 1n, lastAt: NOW },
      { model: undefined, charging: 'tokens', byLength: false, calls: 2, credits: 0n, lastAt: NOW },
    ]
    deepEqual((await doctor(world)).slice(3), [
      'rates: warning: gpt-new: 12 calls, 1.5 credits by the fallback in the last 7 days; see admin rates set',
      'rates: warning: gpt-known: 1 calls, 0.000000001 credits by the fallback in the last 7 days; a rate counts now: see admin rates reprice',
      'rates: warning: calls that named no model: 2 calls, 0 credits by the fallback in the last 7 days; see admin rates set',
    ])
    deepEqual(world.rateBook.since, [NOW - 7 * 86_400_000, NOW - 7 * 86_400_000])
    equal(await world.run('admin', 'doctor'), 0)
  })

  test('says of audio that a minute has no price, whatever rate its model has', async () => {
    const world = await healthy()
    await world.run('admin', ...'rates set gpt-hears --minute 0.425'.split(' '))
    const use = { charging: 'tokens', byLength: true, calls: 2, credits: 0n, lastAt: NOW } as const
    world.rateBook.fallback = [
      { ...use, model: 'gpt-4o-mini-transcribe' },
      { ...use, model: 'gpt-hears' },
      { ...use, model: 'gpt-hears', byLength: false },
    ]
    const said = '2 calls, 0 credits by the fallback in the last 7 days'
    deepEqual((await doctor(world)).slice(3), [
      `rates: warning: minutes of audio, gpt-4o-mini-transcribe: ${said}; see admin rates set --minute`,
      `rates: warning: minutes of audio, gpt-hears: ${said}; a rate counts now: see admin rates reprice`,
      `rates: warning: gpt-hears: ${said}; see admin rates set`,
    ])
  })

  test('says of messages that an average is missing, whatever rate their model has', async () => {
    const world = await healthy()
    await world.run('admin', ...'rates set gpt-known --input 1 --cached 1 --output 1'.split(' '))
    world.rateBook.fallback = [
      { model: 'gpt-known', charging: 'message', byLength: false, calls: 3, credits: 15_000_000_000n, lastAt: NOW },
      { model: 'gpt-5.5', charging: 'message', byLength: false, calls: 1, credits: 5_000_000_000n, lastAt: NOW },
    ]
    const said = 'credits at the price of unknown models for a message in the last 7 days'
    deepEqual((await doctor(world)).slice(3), [
      `rates: warning: gpt-known: 3 calls, 15 ${said}; no average of its messages is known: see admin rates set --message`,
      `rates: warning: gpt-5.5: 1 calls, 5 ${said}; an average counts now: see admin rates reprice`,
    ])
  })
  test('names service tiers of which no factor is known, for whichever model', async () => {
    const world = await healthy()
    world.rateBook.tiers = [
      { model: 'gpt-5.5', tier: 'default', calls: 9 },
      { model: 'gpt-5.5', tier: 'Priority', calls: 8 },
      { model: 'gpt-5.5', tier: 'scale', calls: 2 },
      { model: 'gpt-new', tier: 'scale', calls: 1 },
      { model: undefined, tier: 'gold', calls: 4 },
    ]
    deepEqual((await doctor(world)).slice(4), [
      'rates: warning: service tier scale: 3 calls charged as the standard tier in the last 7 days; see [credit] tiers',
      'rates: warning: service tier gold: 4 calls charged as the standard tier in the last 7 days; see [credit] tiers',
    ])
  })

  test('names factors of models that the rate card does not know', async () => {
    const world = await healthy()
    const factor = { priority: 90n }
    const known = {
      'gpt-5.6': factor,
      'gpt-5.5-2026-04-23': factor,
      'gpt-daybreak-blue-latest': factor,
      fallback: factor,
    }
    world.card = { modelTiers: { ...known, 'gpt-5.55': factor } }
    const said = 'its factors count only for calls that ask for that very name'
    deepEqual((await doctor(world)).slice(4), [
      `rates: warning: [credit] tiers: there is no rate of a model "gpt-5.55": ${said}`,
    ])
    await world.run('admin', ...'rates set gpt-5.55 --input 1 --cached 1 --output 1'.split(' '))
    deepEqual((await doctor(world)).slice(4), [])
  })
})
