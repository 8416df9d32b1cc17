import { equal, ok, rejects, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { UpstreamId } from '../../src/core/units.ts'
import { newHash, newMember, newUpstream, populate, type NewDatabase } from './bench.ts'

/** What every Directory (and the Vault beside it) keeps to. */
export function directoryContract(newDatabase: NewDatabase): void {
  suite('directory', () => {
    test('knows at once what was there before and what this process changed', async () => {
      await using database = await newDatabase()
      await using store = await database.open()
      const hash = newHash()
      equal(store.directory.holderOf(hash), undefined)
      await store.registry.addMember(newMember({ name: 'alice' }))
      await store.registry.addGatewayKey({ member: 'alice', hash, prefix: 'sk-1', expiresAt: undefined })
      equal(store.directory.holderOf(hash)?.member.name, 'alice')
      await using second = await database.open({ role: 'cli' })
      equal(second.directory.holderOf(hash)?.key.prefix, 'sk-1')
    })

    test('sees a change that came from elsewhere by itself, secrets too', async () => {
      await using database = await newDatabase()
      await using store = await database.open()
      await using other = await database.open({ role: 'cli' })
      const { id } = await other.registry.addUpstream(newUpstream({ name: 'main', secret: 'sk-first' }))
      await seen(() => store.directory.upstreams().length === 1)
      equal(store.vault.secretOf(id), 'sk-first')
      await other.registry.setUpstream('main', { secret: 'sk-second', enabled: false })
      await seen(() => store.directory.upstreams()[0]?.enabled === false)
      equal(store.vault.secretOf(id), 'sk-second')
    })

    test('keeps its lists as they are while nothing changes', async () => {
      await using database = await newDatabase()
      await using store = await database.open()
      const world = await populate(store)
      const before = store.directory.upstreams()
      await store.registry.learn(world.upstream.id, undefined, undefined)
      await store.ledger.probe()
      await sleep(400)
      ok(store.directory.upstreams() === before)
    })

    test('tells those who wait for a change, also one that came before they asked, and lets go of who leaves', async () => {
      await using database = await newDatabase()
      await using store = await database.open()
      await using other = await database.open({ role: 'cli' })
      const { directory } = store
      const { revision } = directory
      const leaving = new AbortController()
      const reason = new Error('left')
      const left = rejects(directory.changedSince(revision, leaving.signal), reason)
      leaving.abort(reason)
      await left
      await rejects(directory.changedSince(revision, leaving.signal), reason)
      const { signal } = new AbortController()
      const watchers = [directory.changedSince(revision, signal), directory.changedSince(revision, signal)]
      await other.registry.addMember(newMember({ name: 'alice', fiveHourQuota: 5n }))
      await Promise.all(watchers)
      ok(directory.revision !== revision)
      await directory.changedSince(revision, signal)
      const by = { member: 'alice', window: undefined, who: 'root', why: undefined }
      for (const act of [
        () => other.quotas.grant({ ...by, credits: 1n, until: undefined }),
        () => other.quotas.reset(by),
      ]) {
        const changed = directory.changedSince(directory.revision, signal)
        await act()
        await changed
      }
    })

    test('throws when it is asked for the secret of an upstream that it does not know', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role: 'cli' })
      throws(() => store.vault.secretOf(404 as UpstreamId), /no upstream key with id 404/)
    })
  })
}

/** A store looks several times a second: by then it has seen what changed, however slow the machine. */
const SEEN_MS = 20_000

export async function seen(condition: () => boolean): Promise<void> {
  const end = performance.now() + SEEN_MS
  while (!condition()) {
    ok(performance.now() < end, `not within ${SEEN_MS} ms`)
    await sleep(10)
  }
}
