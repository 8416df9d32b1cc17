import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { memoryCoordinator } from '../../src/adapters/coordination/memory.ts'
import type { MemoryCoordinator } from '../../src/adapters/coordination/memory.ts'
import type { MemberId } from '../../src/core/units.ts'
import type { Outcome, Place, Seat, Upstream } from '../../src/ports.ts'
import { BILLING, OK, claimOf, cool, patience, settle, upstream, wish } from './coordinator-kit.ts'

/** One thing that happens; numbers choose whom it happens to. */
type Step =
  | { readonly kind: 'admit' | 'seat'; readonly who: number; readonly mask: number }
  | { readonly kind: 'free' | 'abort' | 'free and abort'; readonly who: number }
  | { readonly kind: 'report'; readonly who: number; readonly what: number }
  | { readonly kind: 'pass' | 'breathe'; readonly who: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('admit', 'seat'), who: fc.nat(99), mask: fc.integer({ min: 1, max: 7 }) }),
  fc.record({ kind: fc.constantFrom('free', 'abort', 'free and abort'), who: fc.nat(99) }),
  fc.record({ kind: fc.constant('report' as const), who: fc.nat(99), what: fc.nat(5) }),
  fc.record({ kind: fc.constantFrom('pass', 'breathe'), who: fc.nat(99) }),
)

interface Call {
  readonly line: string
  readonly order: number
  readonly controller: AbortController
  got: Place | Seat | undefined
  over: boolean
}

const LIMITS = [1, 2, 3]
const WEIGHTS = [0.01, 1, 100]
const OUTCOMES: readonly Outcome[] = [OK, { kind: 'penalty' }, cool(500), cool(5), BILLING, { kind: 'unauthorized' }]

class Model {
  now = 1_000_000
  readonly coordinator: MemoryCoordinator = memoryCoordinator({
    now: () => this.now,
    maxFailures: 3,
    cooldownMs: 1000,
    slowProbeMs: 5000,
    random: () => 0,
  })
  readonly keys = LIMITS.map((maxConcurrent, i) => upstream(i + 1, { maxConcurrent }))
  readonly calls: Call[] = []
  /** Who got a place since the last check. */
  fresh: Call[] = []

  start(line: string, begin: (signal: AbortSignal) => Promise<Place | Seat>): void {
    const controller = new AbortController()
    const call: Call = { line, order: this.calls.length, controller, got: undefined, over: false }
    this.calls.push(call)
    begin(controller.signal).then(
      (got) => {
        call.got = got
        this.fresh.push(call)
      },
      () => {
        call.over = true
      },
    )
  }

  take(each: Step): void {
    const some = (from: readonly Call[]): Call | undefined => from[each.who % Math.max(from.length, 1)]
    const alive = this.calls.filter((call) => !call.over)
    const having = alive.filter((call) => call.got !== undefined)
    const waiting = alive.filter((call) => call.got === undefined)
    switch (each.kind) {
      case 'admit': {
        const member = each.who % 3
        this.start(`member ${member}`, (signal) => this.coordinator.admit(claimOf(member, member), signal))
        return
      }
      case 'seat':
        this.seat(each)
        return
      case 'free':
        this.free(some(having))
        return
      case 'abort':
        some(waiting)?.controller.abort(new Error('left'))
        return
      case 'free and abort':
        this.free(some(having))
        some(waiting)?.controller.abort(new Error('left'))
        return
      case 'report':
        this.report(this.keys[each.who % this.keys.length], OUTCOMES[each.what])
        return
      case 'pass':
        this.now += each.who * 20
        return
      case 'breathe':
    }
  }

  seat({ who, mask }: Extract<Step, { readonly mask: number }>): void {
    const candidates = this.keys.filter((_, i) => (mask & (1 << i)) !== 0)
    const sticky = who % 2 === 0 ? undefined : `s${who}`
    const member = { id: (who % 3) as MemberId, weight: WEIGHTS[who % 3] ?? 1 }
    this.start(`keys ${mask} for ${member.id}`, (signal) =>
      this.coordinator.seat(wish(candidates, { sticky, member }), signal),
    )
  }

  report(key: Upstream | undefined, outcome: Outcome | undefined): void {
    if (key && outcome) this.coordinator.report(key, outcome)
  }

  free(call: Call | undefined): void {
    if (!call?.got) return
    call.over = true
    void call.got[Symbol.asyncDispose]()
    if (call.order % 3 === 0) void call.got[Symbol.asyncDispose]()
  }

  check(): void {
    // Of one member's: nobody got a place while somebody before it in the same line still waits.
    const waiting = this.calls.filter((call) => call.got === undefined && !call.over)
    for (const { line, order } of this.fresh) {
      ok(!waiting.some((call) => call.line === line && call.order < order), `${line}: overtaken`)
    }
    this.fresh = []
    const traffic = this.coordinator.traffic()
    const having = this.calls.filter((call) => call.got !== undefined && !call.over)
    const lineOf = (calls: readonly Call[], line: string): number => calls.filter((call) => call.line === line).length
    for (const member of [1, 2]) {
      const placed = lineOf(having, `member ${member}`)
      ok(placed <= member)
      ok(placed === member || lineOf(waiting, `member ${member}`) === 0, `member ${member} waits for nothing`)
    }
    for (const key of this.keys) {
      const pulse = this.coordinator.survey().get(key.id)
      const inFlight = pulse?.inFlight ?? 0
      if (pulse?.state === 'healthy' && inFlight < key.maxConcurrent) {
        const unserved = waiting.filter(
          ({ line }) => line.startsWith(`keys ${1 << (key.id - 1)} `) || line.startsWith('keys 7 '),
        )
        equal(unserved.length, 0, `key ${key.id} stands idle`)
      }
      ok(inFlight <= key.maxConcurrent, `key ${key.id} has ${inFlight}`)
      equal(
        inFlight,
        having.filter((call) => call.got && 'upstream' in call.got && call.got.upstream.id === key.id).length,
      )
    }
    equal(traffic.placed, having.filter((call) => call.line.startsWith('member')).length)
    ok(traffic.timers <= 1)
  }
}

suite('the memory coordinator, whatever happens in whatever order,', () => {
  test('never gives more than there is, loses no place and lets no call overtake another of its member', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 200, size: 'max' }), async (steps) => {
        const model = new Model()
        for (const each of steps) {
          model.take(each)
          if (each.kind === 'breathe' || each.who % 2 === 0) {
            await settle()
            model.check()
          }
        }
        await settle()
        // Everybody who waits leaves or is served, everybody who has a place gives it back.
        for (const call of model.calls) {
          if (!call.got && !call.over) call.controller.abort(new Error('end'))
        }
        await settle()
        for (const call of model.calls) if (!call.over) model.free(call)
        await settle()
        const { cooldowns, pins, ...traffic } = model.coordinator.traffic()
        ok(cooldowns + pins >= 0)
        deepEqual(traffic, { placed: 0, waitingForPlace: 0, seated: 0, waitingForSeat: 0, members: 0, timers: 0 })
        ok(model.calls.every((call) => call.over))

        // And all the room there was is there again.
        model.now += 3_600_000
        const again = await Promise.all(
          model.keys.flatMap((key) =>
            Array.from({ length: key.maxConcurrent }, () =>
              model.coordinator.seat(wish([{ ...key, version: 2 }]), patience()),
            ),
          ),
        )
        equal(again.length, 6)
      }),
      { numRuns: 200 },
    )
  })
})
