import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { DAY_MS, NOTHING, type LedgerSums, type Tally } from '../../src/core/reconcile.ts'
import type { EpochMs } from '../../src/core/units.ts'
import { NO_USAGE } from '../../src/core/usage.ts'
import type { AttemptOutcome, Entry, OpenCall } from '../../src/ports.ts'
import { newCall, newEntry, newUpstream, populate, T0, type NewDatabase, type World } from './bench.ts'
import type { Store } from '../../src/adapters/store/store.ts'

const DAY = T0 - (T0 % DAY_MS)
const NOON: EpochMs = DAY + DAY_MS / 2
const USAGE = { ...NO_USAGE, inputTokens: 10, cachedInputTokens: 4, outputTokens: 3 }
const ONE: Tally = { requests: 1, input: 10, cached: 4, output: 3 }
const DAYS = { from: DAY, to: DAY + DAY_MS }

interface Told extends Partial<Omit<Entry, 'attempts'>> {
  readonly at?: EpochMs
  readonly call?: never
  readonly facts?: Partial<OpenCall>
  readonly attempts?: readonly Partial<AttemptOutcome>[]
}

/** A call from its opening to its settlement; one that is cut off here stays open. */
async function called(store: Store, world: World, told: Told, settle = true): Promise<void> {
  const { at = NOON, facts, attempts = [{}], ...entry } = told
  const call = newCall(world, at, { model: 'gpt-5.5', ...facts })
  await store.ledger.open(call, [], at)
  const full = attempts.map((attempt): AttemptOutcome => {
    return {
      upstream: world.upstream.id,
      status: 200,
      errorClass: undefined,
      sent: true,
      startedAt: at,
      durationMs: 1,
      ...attempt,
    }
  })
  for (const attempt of full) await store.ledger.attempt(call.id, attempt.upstream, at)
  if (!settle) return
  const upstream = world.upstream.id
  await store.ledger.settle(newEntry(call.id, at + 5, { upstream, usage: USAGE, ...entry, attempts: full }))
}

function inOrder(sums: readonly LedgerSums[]): readonly LedgerSums[] {
  const nameOf = ({ upstream, model }: LedgerSums): string => `${upstream} ${model}`
  return sums.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
}

/** What every store keeps to about the keys of books, and about what it says to them. */
export function booksContract(newDatabase: NewDatabase): void {
  suite('admin keys', () => {
    test('are kept sealed, one an organization, and give their secret to whoever sends it', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role: 'cli', now: () => T0 })
      const made = await store.adminKeys.set('main', 'sk-admin-first')
      deepEqual(made, { id: made.id, organization: 'main', enabled: true, createdAt: T0 })
      await store.adminKeys.set('Other', 'sk-admin-other')
      equal(await store.adminKeys.secretOf(made.id), 'sk-admin-first')
      equal((await store.adminKeys.switch('main', false)).enabled, false)
      deepEqual(await store.adminKeys.set('main', 'sk-admin-second'), made)
      equal(await store.adminKeys.secretOf(made.id), 'sk-admin-second')
      deepEqual(
        (await store.adminKeys.list()).map(({ organization, enabled }) => [organization, enabled]),
        [
          ['Other', true],
          ['main', true],
        ],
      )
      await store.adminKeys.remove('main')
      equal((await store.adminKeys.list()).length, 1)
      await rejects(store.adminKeys.secretOf(made.id), /has been removed/)
    })

    test('refuse what is no name, no secret, or unknown', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role: 'cli' })
      await rejects(store.adminKeys.set('a b', 'sk-admin'), /organization cannot be "a b"/)
      await rejects(store.adminKeys.set('main', 'sk admin'), /secret cannot be a text of 8 characters/)
      await rejects(store.adminKeys.switch('main', true), /no admin key of an organization "main"; there is none yet/)
      await store.adminKeys.set('main', 'sk-admin')
      await rejects(store.adminKeys.remove('mine'), /no admin key of an organization "mine"; there are: main/)
    })
  })

  suite("an upstream key's id in the books", () => {
    test('stays until it is changed, and goes with its secret', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role: 'cli' })
      const idOf = async (): Promise<string | undefined> => (await store.registry.upstreams())[0]?.apiKeyId
      await store.registry.addUpstream(newUpstream({ name: 'main', apiKeyId: 'key_1' }))
      await store.registry.setUpstream('main', { weight: 2 })
      equal(await idOf(), 'key_1')
      await store.registry.setUpstream('main', { secret: 'sk-new', apiKeyId: 'key_2' })
      equal(await idOf(), 'key_2')
      await store.registry.setUpstream('main', { secret: 'sk-newer' })
      equal(await idOf(), undefined)
      await rejects(store.registry.setUpstream('main', { apiKeyId: 'a b' }), /API key id cannot be "a b"/)
    })
  })

  suite('what the ledger says to the books', () => {
    test('are sums by day, upstream key and model, the proven apart from the rest', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ now: () => T0 })
      const world = await populate(store, { fiveHourQuota: 0n })
      await called(store, world, {})
      await called(store, world, {})
      await called(store, world, { facts: { model: 'gpt-5.4' } })
      await called(store, world, { at: NOON + DAY_MS })
      await called(store, world, { precision: 'estimated', ending: 'client-left' })
      await called(store, world, { precision: 'unknown', usage: NO_USAGE, upstream: undefined, status: undefined })
      await called(store, world, {}, false)
      const sums = (await store.ledgerSums(DAYS)).sums
      deepEqual(
        sums
          .map((one) => ({ ...one, usd: undefined }))
          .toSorted((a, b) => ((a.model ?? '') < (b.model ?? '') ? -1 : 1)),
        [
          { model: 'gpt-5.4', proven: ONE, unproven: NOTHING },
          {
            model: 'gpt-5.5',
            proven: { requests: 2, input: 20, cached: 8, output: 6 },
            // The one that is open has no usage yet, the unknown one never will.
            unproven: { ...ONE, requests: 3 },
          },
        ].map((one) => ({ day: DAY, upstream: world.upstream.id, failed: 0, overMidnight: 0, usd: undefined, ...one })),
      )
      equal((await store.ledgerSums({ from: DAY, to: DAY + 2 * DAY_MS })).sums.length, 3)
    })

    test('leave out what stands in no book of completions: refusals, searches, offers, transcriptions', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ now: () => T0 })
      const world = await populate(store, { fiveHourQuota: 0n })
      for (const kind of ['search', 'realtime_call', 'transcription'] as const) {
        await called(store, world, { facts: { kind }, precision: 'unknown' })
      }
      const refused = { usage: NO_USAGE, upstream: undefined } as const
      await called(store, world, { ...refused, attempts: [], ending: 'refused' })
      await called(store, world, {
        ...refused,
        attempts: [{ status: 429 }, { status: 401 }],
        ending: 'upstream-failed',
      })
      await called(store, world, {
        ...refused,
        attempts: [{ status: undefined, sent: false }],
        ending: 'upstream-failed',
      })
      deepEqual((await store.ledgerSums(DAYS)).sums, [])
    })

    test('count tries that may have run and say nothing, at the key where they were made', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ now: () => T0 })
      const world = await populate(store, { fiveHourQuota: 0n })
      const other = await store.registry.addUpstream(newUpstream())
      const upstream = other.id
      // One that was reset, one that was a server error, one that was refused; then an answer at the first key.
      await called(store, world, {
        attempts: [{ upstream, status: undefined }, { upstream, status: 502 }, { upstream, status: 429 }, {}],
      })
      // An answer that failed in the middle: exact, and nothing.
      await called(store, world, { usage: NO_USAGE, attempts: [{ errorClass: 'server' }] })
      const sums = new Map((await store.ledgerSums(DAYS)).sums.map((one) => [one.upstream, one]))
      deepEqual(
        [sums.get(upstream)?.failed, sums.get(upstream)?.proven, sums.get(world.upstream.id)?.failed],
        [2, NOTHING, 1],
      )
      deepEqual(sums.get(world.upstream.id)?.proven, ONE)
    })

    test('are priced in dollars call by call: by tier, and twice for a long context', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ now: () => T0 })
      const world = await populate(store, { fiveHourQuota: 0n })
      const usage = { ...NO_USAGE, inputTokens: 200_000, cachedInputTokens: 100_000, outputTokens: 1_000 }
      const long = { ...usage, inputTokens: 300_000 }
      const told = [{ usage }, { usage, serviceTier: 'priority' }, { usage: long }, { usage, precision: 'estimated' }]
      for (const one of told as readonly Told[]) await called(store, world, one)
      const [sums] = (await store.ledgerSums(DAYS)).sums
      // gpt-5.5 costs $5, $0.50 and $30 a million tokens: 2.5 times that in the priority tier.
      const once = 100_000n * 5_000n + 100_000n * 500n + 1_000n * 30_000n
      const ofLong = 200_000n * 10_000n + 100_000n * 1_000n + 1_000n * 45_000n
      deepEqual(sums?.usd, { proven: once + (once * 25n) / 10n + ofLong, unproven: once })
      await called(store, world, { facts: { model: 'gpt-unheard-of' } })
      const unheard = (await store.ledgerSums(DAYS)).sums.find(({ model }) => model === 'gpt-unheard-of')
      deepEqual([unheard?.proven, unheard?.usd], [ONE, undefined])
    })

    test('tell which calls ran on into the next day', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ now: () => T0 })
      const world = await populate(store, { fiveHourQuota: 0n })
      await called(store, world, { at: DAY + DAY_MS - 3 })
      await called(store, world, { at: DAY + DAY_MS - 30 })
      const [sums] = (await store.ledgerSums(DAYS)).sums
      ok(sums)
      deepEqual([sums.proven.requests, sums.overMidnight], [2, 1])
    })

    test('stay as they were when the calls are deleted, a few at a time', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ now: () => T0 })
      const world = await populate(store, { fiveHourQuota: 0n })
      const { id: upstream } = await store.registry.addUpstream(newUpstream())
      const image = { inputImageTokens: 1, cachedImageTokens: 0 }
      const spoken = { ...image, inputAudioTokens: 5, cachedAudioTokens: 2, outputAudioTokens: 1, audioMs: 0 }
      const told: readonly Told[] = [
        {},
        { usage: { ...USAGE, inputTokens: 333_333, cacheWriteTokens: 7 } },
        { usage: { ...USAGE, spoken }, facts: { kind: 'realtime', model: 'gpt-realtime' } },
        { serviceTier: 'priority' },
        { facts: { model: undefined } },
        { precision: 'estimated', ending: 'client-left' },
        { precision: 'unknown', usage: NO_USAGE, upstream: undefined, status: undefined },
        { usage: NO_USAGE, attempts: [{ errorClass: 'server' }] },
        { attempts: [{ upstream, status: undefined }, { upstream, status: 502 }, {}] },
        { facts: { kind: 'search' }, precision: 'unknown' },
        { usage: NO_USAGE, upstream: undefined, attempts: [], ending: 'refused' },
        { at: DAY + DAY_MS - 3 },
      ]
      for (const one of [...told, ...told]) await called(store, world, one)
      await called(store, world, { at: NOON + DAY_MS })
      const before = await store.ledgerSums(DAYS)
      deepEqual([before.sums.length, before.lost], [4, []])
      for (let deleted = 1; deleted > 0;) {
        deleted = (await store.retention.prune({ calls: DAY + DAY_MS, connections: undefined }, 5)).calls
        const after = await store.ledgerSums(DAYS)
        deepEqual([inOrder(after.sums), after.lost], [inOrder(before.sums), []])
      }
      equal((await store.reports.calls({ limit: 100 })).length, 1)
    })

    test('are not whole where calls were deleted and nothing was kept of them', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ now: () => T0 })
      const world = await populate(store, { fiveHourQuota: 0n })
      for (let i = 0; i < 3; i++) await called(store, world, {})
      await called(store, world, { at: NOON + DAY_MS })
      await store.retention.prune({ calls: DAY + DAY_MS, connections: undefined }, 2)
      const days = { from: DAY - DAY_MS, to: DAY + 2 * DAY_MS }
      deepEqual((await store.ledgerSums(days)).lost, [])
      // As a gateway did that knew nothing of books.
      database.query('DELETE FROM pruned_sums')
      database.query('DELETE FROM pruned_days')
      const { sums, lost } = await store.ledgerSums(days)
      deepEqual(
        [sums.map(({ day, proven }) => [day, proven.requests]), lost],
        [
          [
            [DAY, 1],
            [DAY + DAY_MS, 1],
          ],
          [DAY],
        ],
      )
    })
  })
}
