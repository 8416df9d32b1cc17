import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { FIVE_HOURS_MS, WEEK_MS, type Standing } from '../../src/core/quota.ts'
import type { CallId } from '../../src/core/units.ts'
import { newCall, newEntry, populate, T0, windowsOf, type NewDatabase, type World } from './bench.ts'
import type { Store } from '../../src/adapters/store/store.ts'

type Step =
  | {
      readonly do: 'open'
      readonly hold: bigint
      readonly before: bigint
      readonly opens: boolean
      readonly turn: Turn
    }
  | {
      readonly do: 'settle'
      readonly which: number
      readonly compares: boolean
      readonly credits: bigint
      readonly message: boolean
    }
  | { readonly do: 'refuse' }
  /** Until what the ledger began by itself is done. */
  | { readonly do: 'rest' }
  | { readonly do: 'jump'; readonly ms: number }

type Turn = string | undefined
type Charging = 'tokens' | 'message'

interface ModelWindow {
  openedAt: number
  readonly resetsAt: number
  settled: bigint
}

const LENGTHS = [FIVE_HOURS_MS, WEEK_MS] as const

const opens = fc.record({
  do: fc.constant('open' as const),
  hold: fc.bigInt(0n, 20n),
  before: fc.oneof({ weight: 3, arbitrary: fc.constant(0n) }, fc.bigInt(0n, 120n)),
  opens: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
  turn: fc.constantFrom(undefined, 'one', 'two', 'three'),
})
const settlements = fc.record({
  do: fc.constant('settle' as const),
  which: fc.nat(50),
  compares: fc.boolean(),
  credits: fc.oneof({ weight: 3, arbitrary: fc.bigInt(0n, 9n) }, fc.bigInt(0n, 60n)),
  message: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, fc.constant(false)),
})
const jumps = fc.record({
  do: fc.constant('jump' as const),
  ms: fc.constantFrom(1, 60_000, FIVE_HOURS_MS - 1, FIVE_HOURS_MS, FIVE_HOURS_MS + 1, WEEK_MS, -60_000, -WEEK_MS),
})
const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: opens },
    { weight: 4, arbitrary: settlements },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('refuse' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('rest' as const) }) },
    { weight: 1, arbitrary: jumps },
  ),
  { maxLength: 40, size: 'max' },
)

export interface ModelOptions {
  readonly role: 'serve' | 'cli'
  readonly numRuns: number
  /** What was seen of the database in the end. */
  readonly afterwards?: (database: Awaited<ReturnType<NewDatabase>>) => void
}

/** Random histories against the plainest ledger there could be. */
export function ledgerModel(newDatabase: NewDatabase, { role, numRuns, afterwards }: ModelOptions): void {
  suite(`ledger: any history (${role})`, () => {
    test('judges and counts as a simple model does, and its running totals are the sums of its calls', async () => {
      await using database = await newDatabase()
      await using store = await database.open({ role, now: () => T0 })
      const clock = { now: T0, ledger: T0 }
      await fc.assert(
        fc.asyncProperty(steps, fc.constantFrom('tokens', 'message'), async (history, charging) => {
          // A fresh member each time: the database, and its time, go on.
          const world = await populate(store, { fiveHourQuota: 100n, weeklyQuota: 250n })
          clock.now = clock.ledger
          const member = new ModelMember(store, world, { clock, charging })
          for (const step of history) await member.take(step)
          await member.compare()
        }),
        { numRuns },
      )
      await store.ledger.probe()
      for (const { running, summed } of await database.totals()) equal(running, summed)
      afterwards?.(database)
    })
  })
}

interface Clock {
  now: number
  ledger: number
}

class ModelMember {
  readonly #store: Store
  readonly #world: World
  readonly #clock: Clock
  readonly #charging: Charging
  readonly #current: (ModelWindow | undefined)[] = [undefined, undefined]
  readonly #calls: { id: CallId; turn: Turn; windows: (ModelWindow | undefined)[]; settled: boolean }[] = []
  readonly #taken = new Set<Turn>()

  constructor(store: Store, world: World, { clock, charging }: { readonly clock: Clock; readonly charging: Charging }) {
    this.#store = store
    this.#world = world
    this.#clock = clock
    this.#charging = charging
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'jump':
        this.#clock.now = Math.max(T0, this.#clock.now + step.ms)
        return
      case 'rest':
        return await this.#store.ledger.probe()
      case 'refuse': {
        const at = this.#clock.now
        const { hold: _, windows: __, opensWindows: ___, ...facts } = newCall(this.#world, at)
        await this.#store.ledger.refuse({ ...facts, requestId: 'r', status: 429, refusal: 'x', endedAt: at })
        this.#tick()
        return
      }
      case 'open':
        return await this.#open(step)
      case 'settle':
        return await this.#settle(step)
    }
  }

  async compare(): Promise<void> {
    const { member } = this.#world
    const standing = await this.#store.ledger.standing(member.id, windowsOf(member), this.#clock.now)
    this.#tick()
    this.#same(standing)
  }

  #same({ windows }: Standing): void {
    deepEqual(
      windows.map(({ settled, openedAt, resetsAt }) => ({ settled, openedAt, resetsAt })),
      this.#standing(),
    )
  }

  async #open(step: Step & { do: 'open' }): Promise<void> {
    const now = this.#clock.now
    const { hold, turn } = step
    const charging = { charging: this.#charging, message: true, turnId: turn }
    const call = newCall(this.#world, now, { hold, opensWindows: step.opens, ...charging })
    const before = step.before === 0n ? [] : [{ credits: step.before, admittedAt: undefined }]
    const verdict = await this.#store.ledger.open(call, before, now)
    const at = this.#tick()
    const settled = this.#standing().map((window) => window.settled)
    const limits = [this.#world.member.fiveHourQuota, this.#world.member.weeklyQuota]
    const spent = limits.some((limit, i) => (settled[i] ?? 0n) >= limit)
    const held = limits.some((limit, i) => (settled[i] ?? 0n) + step.before >= limit)
    equal(verdict.state, spent ? 'spent' : held ? 'held' : 'admitted')
    if (spent || held) return
    for (const [i, lengthMs] of LENGTHS.entries()) {
      if (step.opens) this.#current[i] ??= { openedAt: at, resetsAt: at + lengthMs, settled: 0n }
    }
    equal(verdict.state === 'admitted' && verdict.at, at)
    this.#same(verdict.standing)
    this.#calls.push({ id: call.id, turn, windows: [...this.#current], settled: false })
  }

  async #settle(step: Step & { do: 'settle' }): Promise<void> {
    const call = this.#calls[step.which % Math.max(1, this.#calls.length)]
    if (!call) return
    const { credits, message } = step
    const entry = newEntry(call.id, this.#clock.now, { credits, message, charging: this.#charging })
    const standing = await this.#store.ledger.settle(entry)
    this.#tick()
    if (!call.settled) {
      const charged = this.#charging === 'tokens' || this.#takes(call.turn, message) ? credits : 0n
      for (const window of call.windows) if (window) window.settled += charged
    }
    call.settled = true
    this.#same(standing)
    if (step.compares) await this.compare()
  }

  /** Of the calls of a turn one is its message. */
  #takes(turn: Turn, message: boolean): boolean {
    if (!message || this.#taken.has(turn)) return false
    if (turn !== undefined) this.#taken.add(turn)
    return true
  }

  /** Ledger time goes on, and windows that are over are over. */
  #tick(): number {
    this.#clock.ledger = Math.max(this.#clock.ledger, this.#clock.now)
    for (const [i, window] of this.#current.entries()) {
      if (window && window.resetsAt <= this.#clock.ledger) this.#current[i] = undefined
    }
    return this.#clock.ledger
  }

  #standing(): { settled: bigint; openedAt: number | undefined; resetsAt: number | undefined }[] {
    return this.#current.map((window) => ({
      settled: window?.settled ?? 0n,
      openedAt: window?.openedAt,
      resetsAt: window?.resetsAt,
    }))
  }
}
