import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { EpochMs, KeyHash } from '../../src/core/units.ts'
import { RegistryError, type NewMember, type NewUpstream } from '../../src/ports.ts'
import { newHash, newMember, newUpstream, T0, type NewDatabase } from './bench.ts'

/** What every Registry keeps to. */
export function registryContract(newDatabase: NewDatabase): void {
  suite('registry: members', () => {
    test('adds, lists by name and changes only what a change names', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role: 'cli' })
      const added = await store.registry.addMember(newMember({ name: 'zoe', models: ['gpt-5.5'], weeklyQuota: 9n }))
      await store.registry.addMember(newMember({ name: 'Ann' }))
      const changed = await store.registry.setMember('zoe', { weight: 2.5, enabled: false })
      deepEqual(changed, { ...added, weight: 2.5, enabled: false })
      deepEqual(await store.registry.setMember('zoe', { models: undefined }), { ...changed, models: undefined })
      deepEqual(
        (await store.registry.members()).map((member) => member.name),
        ['Ann', 'zoe'],
      )
    })

    test('takes names with and without capitals for two', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role: 'cli' })
      await store.registry.addMember(newMember({ name: 'alice' }))
      await store.registry.addMember(newMember({ name: 'Alice' }))
      await refused(store.registry.addMember(newMember({ name: 'alice' })), 'duplicate', /member "alice"/)
    })

    test('names the known ones when it is asked for an unknown one', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role: 'cli' })
      await refused(store.registry.setMember('bob', {}), 'unknown', /no member "bob"; there is none yet/)
      await store.registry.addMember(newMember({ name: 'alice' }))
      await refused(store.registry.setMember('bob', {}), 'unknown', /no member "bob"; there are: alice/)
      await refused(store.reports.calls({ member: 'bob', limit: 1 }), 'unknown', /no member "bob"/)
    })

    const bad: readonly [Partial<NewMember>, RegExp][] = [
      [{ name: '' }, /name cannot be ""/],
      [{ name: 'a b' }, /name cannot be "a b": it should be 1 to 64 characters of/],
      [{ name: 'x'.repeat(65) }, /name cannot be/],
      [{ weight: 0 }, /weight cannot be 0: it should be a number greater than 0/],
      [{ weight: Number.NaN }, /weight cannot be NaN/],
      [{ weight: Number.POSITIVE_INFINITY }, /weight cannot be Infinity/],
      [{ maxConcurrent: -1 }, /max concurrent cannot be -1/],
      [{ maxConcurrent: 1.5 }, /max concurrent cannot be 1.5: it should be a whole number/],
      [{ fiveHourQuota: -1n }, /five-hour quota cannot be -1/],
      [{ weeklyQuota: 2n ** 63n }, /weekly quota cannot be/],
      [{ models: [] }, /models cannot be an empty list/],
      [{ models: ['a b'] }, /models cannot be "a b"/],
    ]
    for (const [over, message] of bad) {
      test(`refuses ${Object.keys(over)[0]} ${String(Object.values(over)[0]).slice(0, 12)} and leaves nothing`, async () => {
        await using database = await newDatabase()
        await using store = await database.open({ role: 'cli' })
        await refused(store.registry.addMember(newMember(over)), 'invalid', message)
        deepEqual(await store.registry.members(), [])
      })
    }
  })

  suite('registry: gateway keys', () => {
    test('adds a key, finds it by its hash, and sets it by any unique leading part of its prefix', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role: 'cli', now: () => T0 })
      await store.registry.addMember(newMember({ name: 'alice' }))
      const hash = newHash()
      const key = await store.registry.addGatewayKey({ ...keyFor('sk-codex-gw-abcd', T0 + 1), hash })
      await store.registry.addGatewayKey(keyFor('sk-codex-gw-abce'))
      equal(store.directory.holderOf(hash)?.member.name, 'alice')
      deepEqual(await store.registry.setGatewayKey('sk-codex-gw-abcd', { enabled: false }), { ...key, enabled: false })
      equal(store.directory.holderOf(hash)?.key.enabled, false)
      equal(store.directory.holderOf(hash)?.key.expiresAt, T0 + 1)
      deepEqual(await store.registry.setGatewayKey(hash, { enabled: true }), key)
      await store.registry.setGatewayKey(hash, { enabled: false })
      deepEqual(
        (await store.registry.gatewayKeys()).map((each) => [each.memberName, each.prefix, each.enabled]),
        [
          ['alice', 'sk-codex-gw-abcd', false],
          ['alice', 'sk-codex-gw-abce', true],
        ],
      )
    })

    test('refuses a leading part that fits several, none, or nothing in particular', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role: 'cli' })
      await store.registry.addMember(newMember({ name: 'alice' }))
      await store.registry.addGatewayKey(keyFor('sk-a1'))
      for (const every of ['', 'sk', 'sk-codex-gw-']) {
        await refused(store.registry.setGatewayKey(every, { enabled: false }), 'invalid', /every key begins with/)
      }
      await store.registry.addGatewayKey(keyFor('sk-a12'))
      await refused(store.registry.setGatewayKey('sk-a', { enabled: false }), 'invalid', /sk-a1, sk-a12/)
      await refused(store.registry.setGatewayKey('SK-A1', { enabled: false }), 'unknown', /there are: sk-a1, sk-a12/)
      await refused(store.registry.setGatewayKey('sk_a%', { enabled: false }), 'unknown', /no gateway key/)
      equal((await store.registry.setGatewayKey('sk-a1', { enabled: false })).prefix, 'sk-a1')
      const longer = store.registry.setGatewayKey('sk-a12345', { enabled: false })
      await refused(longer, 'invalid', /should be sk-a12, if that is the key: this is longer than its prefix/)
    })

    test('refuses a prefix that is taken, a past expiry, and a stranger', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role: 'cli', now: () => T0 })
      await refused(store.registry.addGatewayKey(keyFor('sk-1')), 'unknown', /no member "alice"/)
      await store.registry.addMember(newMember({ name: 'alice' }))
      await store.registry.addGatewayKey(keyFor('sk-1'))
      await refused(store.registry.addGatewayKey(keyFor('sk-1')), 'duplicate', /sk-1/)
      await refused(store.registry.addGatewayKey(keyFor('sk-2', T0)), 'invalid', /expiry/)
      await refused(
        store.registry.addGatewayKey({ ...keyFor('sk-3'), hash: 'secret!' as KeyHash }),
        'invalid',
        /64 lower-case hex/,
      )
    })

    test('shows no more than the beginning of what was given for a prefix', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role: 'cli' })
      const secret = `sk-codex-gw-${'s'.repeat(40)}`
      const error = await refused(store.registry.setGatewayKey(secret, { enabled: true }), 'unknown', /no gateway key/)
      ok(!error.message.includes('sssss'))
    })
  })

  suite('registry: upstream keys', () => {
    test('makes a new version with each change of an administrator, and none when it learns', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role: 'cli' })
      const added = await store.registry.addUpstream(newUpstream({ name: 'main' }))
      equal(added.version, 1)
      equal((await store.registry.setUpstream('main', { enabled: true })).version, 2)
      await store.registry.learn(added.id, 'org-seen', undefined)
      await store.registry.learn(added.id, 'x'.repeat(5_000), '')
      const [learned] = await store.registry.upstreams()
      deepEqual([learned?.version, learned?.organization, learned?.project], [2, 'org-seen', undefined])
    })

    test('prefers a label to what was learned, and falls back to it when the label is cleared', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role: 'cli' })
      const { id } = await store.registry.addUpstream(newUpstream({ name: 'main', organization: 'org-label' }))
      await store.registry.learn(id, 'org-seen', 'proj-seen')
      const [both] = await store.registry.upstreams()
      deepEqual([both?.organization, both?.project], ['org-label', 'proj-seen'])
      const kept = await store.registry.setUpstream('main', { weight: 3 })
      deepEqual([kept.organization, kept.project], ['org-label', 'proj-seen'])
      const cleared = await store.registry.setUpstream('main', { organization: undefined })
      equal(cleared.organization, 'org-seen')
      equal(store.directory.upstreams()[0]?.organization, 'org-seen')
    })

    test('hands out the secret of the last change', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role: 'cli' })
      const { id } = await store.registry.addUpstream(newUpstream({ name: 'main', secret: 'sk-first' }))
      equal(store.vault.secretOf(id), 'sk-first')
      await store.registry.setUpstream('main', { secret: 'sk-second' })
      equal(store.vault.secretOf(id), 'sk-second')
    })

    const bad: readonly [Partial<NewUpstream>, RegExp][] = [
      [{ name: 'a/b' }, /name cannot be "a\/b"/],
      [{ secret: 'sk with-space' }, /secret cannot be a text of 13 characters/],
      [{ secret: '' }, /secret cannot be a text of 0 characters/],
      [{ weight: -1 }, /weight cannot be -1/],
      [{ maxConcurrent: -1 }, /max concurrent cannot be -1/],
      [{ http: false, ws: false }, /transport cannot be none/],
      [{ baseUrl: 'ftp://x' }, /base URL cannot be/],
      [{ baseUrl: 'https://u:pass-word@x/' }, /base URL cannot be "https:\/\/x"/],
      [{ baseUrl: 'nonsense' }, /base URL cannot be text that is no URL/],
      [{ organization: '' }, /organization cannot be ""/],
    ]
    for (const [over, message] of bad) {
      test(`refuses ${JSON.stringify(over)} and leaves nothing`, async () => {
        await using database = await newDatabase()
        await using store = await database.open({ role: 'cli' })
        const error = await refused(store.registry.addUpstream(newUpstream(over)), 'invalid', message)
        ok(!error.message.includes('with-space') && !error.message.includes('pass-word'))
        deepEqual(await store.registry.upstreams(), [])
      })
    }
  })
}

function keyFor(prefix: string, expiresAt?: EpochMs) {
  return { member: 'alice', hash: newHash(), prefix, expiresAt }
}

async function refused(promise: Promise<unknown>, code: RegistryError['code'], message: RegExp): Promise<Error> {
  let found: Error | undefined
  await rejects(promise, (error: unknown) => {
    ok(error instanceof RegistryError)
    equal(error.code, code)
    ok(message.test(error.message), `${error.message} should match ${message}`)
    found = error
    return true
  })
  return found ?? new Error('did not reject')
}
