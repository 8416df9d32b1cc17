import { equal } from 'node:assert/strict'
import fc from 'fast-check'
import type { Store } from '../../src/adapters/store/store.ts'
import { HOUR_MS } from '../../src/core/calendar.ts'
import type { CallKind } from '../../src/core/intent.ts'
import type { Precision, SpokenUsage } from '../../src/core/usage.ts'
import type { Ending, OpenCall } from '../../src/ports.ts'
import { newCall, newEntry, populate, T0, type Database, type World } from './bench.ts'

/**
 * The hour and a half before and after the turns of a day, a month and a year, and some in between. At the first of them
 * the API's price of gpt-5.6-luna changed.
 */
export const INSTANTS: readonly number[] = [
  '2026-07-30',
  '2028-01-01',
  '2028-01-02',
  '2028-02-01',
  '2028-03-01',
  '2028-03-09',
  '2029-01-01',
].flatMap((day) => [-5_400_000, -1, 0, 1, HOUR_MS, 5_400_000].map((offset) => Date.parse(`${day}T00:00:00Z`) + offset))

export interface Call {
  readonly do: 'settle' | 'leave open' | 'refuse' | 'refuse late'
  readonly who: number
  readonly via: number
  readonly at: number
  readonly model: string | undefined
  readonly askedTier: string | undefined
  readonly usedTier: string | undefined
  readonly kind: CallKind
  readonly attempted: boolean
  readonly tokens: number
  readonly spoken: boolean
  readonly precision: Precision
  readonly ending: Ending
  readonly turnId: string | undefined
  readonly twice: boolean
  /** Its price when it is priced again, once it is settled. */
  readonly repriced: bigint | undefined
}

type Step = Call | { readonly do: 'die' }

/** What may happen to a ledger. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom<Call['do']>('settle', 'settle', 'settle', 'settle', 'leave open', 'refuse', 'refuse late'),
      who: fc.nat(2),
      via: fc.nat(3),
      at: fc.constantFrom(...INSTANTS),
      model: fc.constantFrom('gpt-5.5', 'gpt-5.4', 'gpt-5.6-luna', 'gpt-realtime', 'gpt-unheard-of', undefined),
      askedTier: fc.constantFrom('priority', undefined),
      usedTier: fc.constantFrom('default', 'flex', undefined),
      kind: fc.constantFrom<CallKind>('turn', 'compaction', 'prewarm', 'search'),
      attempted: fc.boolean(),
      // A hundred thousand of them make a long context.
      tokens: fc.oneof(fc.nat(1000), fc.constantFrom(0, 100_001)),
      spoken: fc.boolean(),
      precision: fc.constantFrom<Precision>('exact', 'estimated', 'unknown'),
      ending: fc.constantFrom<Ending>('complete', 'client-left', 'upstream-broke', 'upstream-failed', 'refused'),
      turnId: fc.constantFrom('one', 'two', undefined),
      twice: fc.boolean(),
      repriced: fc.option(fc.bigInt(0n, 9000n), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('die' as const) }) },
)

/** A store with three members, that may die and come back. */
export class House implements AsyncDisposable {
  readonly #database: Database
  store: Store
  readonly worlds: World[] = []

  private constructor(database: Database, store: Store) {
    this.#database = database
    this.store = store
  }

  static async open(database: Database): Promise<House> {
    const house = new House(database, await database.open({ now: () => T0 }))
    for (let i = 0; i < 3; i += 1) house.worlds.push(await populate(house.store, { fiveHourQuota: 0n }))
    return house
  }

  async take(one: Step): Promise<void> {
    if (!('who' in one)) {
      // What is open is settled as interrupted by the next instance.
      await this.store.close()
      this.store = await this.#database.open({ now: () => T0 })
      return
    }
    const world = this.worlds[one.who] ?? (await populate(this.store))
    const facts = { model: one.model, serviceTier: one.askedTier, kind: one.kind, turnId: one.turnId }
    const call = newCall(world, one.at, facts)
    if (one.do === 'refuse') return await this.#refuse(call)
    equal((await this.store.ledger.open(call, [], one.at)).state, 'admitted')
    if (one.attempted) await this.store.ledger.attempt(call.id, world.upstream.id, one.at)
    if (one.do === 'refuse late') return await this.#refuse(call)
    if (one.do === 'settle') await this.#settle(call, one)
  }

  async #settle(call: OpenCall, one: Call): Promise<void> {
    const { tokens, precision, ending, usedTier: serviceTier } = one
    const usage = {
      inputTokens: 4 * tokens,
      cachedInputTokens: 2 * tokens,
      cacheWriteTokens: tokens,
      outputTokens: 3 * tokens,
      reasoningTokens: tokens,
      ...(one.spoken && { spoken: spokenOf(tokens) }),
    }
    const upstream = this.worlds[one.via]?.upstream.id
    const credits = BigInt(tokens) * 7n
    const paid = { usage, serviceTier, precision, credits }
    const entry = newEntry(call.id, one.at + 90_000, { ...paid, ending, upstream, message: true })
    for (let times = one.twice ? 2 : 1; times > 0; times -= 1) await this.store.ledger.settle(entry)
    if (one.repriced === undefined) return
    const adjustment = { call: call.id, before: credits, after: one.repriced, rate: 'new' }
    await this.store.rateBook.adjust([adjustment], { who: 'root', why: 'test' })
  }

  async #refuse(call: OpenCall): Promise<void> {
    const { hold: _, windows: __, opensWindows: ___, ...facts } = call
    await this.store.ledger.refuse({ ...facts, requestId: 'r', status: 429, refusal: 'x', endedAt: call.startedAt + 1 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close()
  }
}

function spokenOf(tokens: number): SpokenUsage {
  const [audio, images] = [2 * tokens, tokens]
  return {
    inputAudioTokens: audio,
    cachedAudioTokens: tokens,
    inputImageTokens: images,
    cachedImageTokens: 0,
    outputAudioTokens: tokens,
    audioMs: 0,
  }
}
