import { HealthBoard } from '../../core/health-board.ts'
import type { HealthSettings } from '../../core/health.ts'
import type { MemberId } from '../../core/units.ts'
import type { Clock, Coordinator } from '../../ports.ts'
import { KeyPool } from './key-pool.ts'
import { MemberLine } from './member-line.ts'
import { Pins } from './pins.ts'

export interface MemoryCoordinatorOptions extends HealthSettings {
  readonly now: Clock
  /** Between 0 and 1; spreads cooldowns for which upstream gave no end. */
  readonly random?: () => number
  /** How many conversations are remembered, and for how long after their last call. */
  readonly pins?: number
  readonly pinAgeMs?: number
  /** How many calls of one member may wait for a place. */
  readonly maxQueued?: number
}

/** What is in flight, in numbers. */
export interface Traffic {
  /** Calls that have a place of their member. */
  readonly placed: number
  /** Calls that wait for one. */
  readonly waitingForPlace: number
  /** Calls that have a place of an upstream key. */
  readonly seated: number
  readonly waitingForSeat: number
  /** Members that have calls. */
  readonly members: number
  readonly cooldowns: number
  readonly pins: number
  readonly timers: number
}

export interface MemoryCoordinator extends Coordinator {
  traffic(): Traffic
}

const MAX_QUEUED = 100
const PINS = 100_000
const PIN_AGE_MS = 86_400_000

/** Coordinates the calls of one process. */
export function memoryCoordinator(options: MemoryCoordinatorOptions): MemoryCoordinator {
  const board = new HealthBoard(options)
  const pins = new Pins(options.pins ?? PINS, options.pinAgeMs ?? PIN_AGE_MS)
  const pool = new KeyPool(board, pins, options.now, options.random ?? Math.random)
  const lines = new Map<MemberId, MemberLine>()

  return {
    async admit(claim, signal) {
      signal.throwIfAborted()
      const id = claim.member.id
      const line = lines.get(id) ?? new MemberLine(options.maxQueued ?? MAX_QUEUED, () => lines.delete(id))
      lines.set(id, line)
      return line.enter(claim, signal)
    },
    seat: (wish, signal) => pool.take(wish, signal),
    seatNow: (wish) => Promise.resolve(pool.takeNow(wish)),
    follow(directory) {
      for (const [id, line] of lines) {
        const member = directory.memberOf(id)
        if (member) line.follow(member)
      }
      pool.follow(directory.upstreams())
    },
    report: (upstream, outcome) => pool.report(upstream, outcome),
    soonest: (wish) => pool.soonest(wish),
    pulse: (id) => pool.pulse(id),
    survey: () => pool.survey(),
    traffic() {
      const all = Array.from(lines.values())
      return {
        placed: all.reduce((sum, line) => sum + line.placed, 0),
        waitingForPlace: all.reduce((sum, line) => sum + line.waiting, 0),
        seated: pool.taken,
        waitingForSeat: pool.waiting,
        members: lines.size,
        cooldowns: board.size,
        pins: pins.size,
        timers: pool.timerSet ? 1 : 0,
      }
    },
  }
}
