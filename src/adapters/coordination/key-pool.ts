import type { HealthBoard } from '../../core/health-board.ts'
import type { Manner } from '../../core/choice.ts'
import { choose, turnAfter } from '../../core/schedule.ts'
import type { Candidate } from '../../core/schedule.ts'
import type { EpochMs, UpstreamId } from '../../core/units.ts'
import { NoSeat } from '../../ports.ts'
import type { Clock, Outcome, Pulse, Seat, Upstream, Wish } from '../../ports.ts'
import type { Pins } from './pins.ts'
import { Waiter } from './waiter.ts'

/** How much a key is used. */
interface Load {
  inFlight: number
  turn: number
  chosen: number
}

interface Runner extends Candidate {
  readonly upstream: Upstream
  /** Else it is a last resort. */
  readonly well: boolean
}

interface Waiting {
  readonly wish: Wish
  /** When one of its candidates may be well again. */
  due: EpochMs
}

interface Granted {
  readonly upstream: Upstream
  readonly manner: Manner
  readonly free: () => void
}

const LONGEST_TIMER_MS = 2_147_483_647

/**
 * The keys' places, and the line of those who wait for one.
 *
 * Nobody overtakes: whenever something changes that may help somebody (a place is free, a cooldown is over, a key
 * has more room), those who wait are asked first, the first come first. So at any other time, what is free and well
 * is of no use to any of them.
 */
export class KeyPool {
  readonly #now: Clock
  readonly #random: () => number
  readonly #board: HealthBoard
  readonly #pins: Pins
  readonly #known = new Map<UpstreamId, Upstream>()
  readonly #loads = new Map<UpstreamId, Load>()
  readonly #waiting = new Map<Waiter<Granted>, Waiting>()
  #timer: NodeJS.Timeout | undefined
  #timerAt = Infinity
  #sequence = 0
  #askAgain = false

  constructor(board: HealthBoard, pins: Pins, now: Clock, random: () => number) {
    this.#board = board
    this.#pins = pins
    this.#now = now
    this.#random = random
  }

  get waiting(): number {
    return this.#waiting.size
  }

  get taken(): number {
    let sum = 0
    for (const load of this.#loads.values()) sum += load.inFlight
    return sum
  }

  get timerSet(): boolean {
    return this.#timer !== undefined
  }

  async take(wish: Wish, signal: AbortSignal): Promise<Seat> {
    signal.throwIfAborted()
    const answer = this.#tryBehind(wish)
    if (answer instanceof NoSeat) throw answer
    const granted = 'free' in answer ? answer : await this.#wait({ wish, due: answer.due }, signal)
    if (signal.aborted) {
      // The place came in the very moment in which nobody wanted it any more.
      granted.free()
      signal.throwIfAborted()
    }
    return seatOf(granted)
  }

  takeNow(wish: Wish): Seat | undefined {
    const answer = this.#tryBehind(wish)
    return 'free' in answer ? seatOf(answer) : undefined
  }

  report(upstream: Upstream, outcome: Outcome): void {
    const met = this.#meet([upstream])
    const changed = this.#board.report(upstream, outcome, this.#now(), this.#random())
    if (met || changed) this.#callAll()
  }

  soonest(wish: Wish): number | undefined {
    const now = this.#now()
    let soonest: number | undefined
    for (const candidate of wish.candidates) {
      const { state, until } = this.#board.fitness(this.#current(candidate), wish, now)
      if (state === 'cooling') soonest = Math.min(soonest ?? Infinity, until - now)
    }
    return soonest
  }

  survey(): ReadonlyMap<UpstreamId, Pulse> {
    const now = this.#now()
    const pulses = new Map<UpstreamId, Pulse>()
    for (const [id, upstream] of this.#known) {
      pulses.set(id, this.#board.pulse(upstream, this.#loads.get(id)?.inFlight ?? 0, now))
    }
    return pulses
  }

  /** Takes note of keys as the directory now has them. True when that may help somebody who waits. */
  #meet(upstreams: readonly Upstream[]): boolean {
    let changed = false
    for (const upstream of upstreams) {
      const known = this.#known.get(upstream.id)
      if (known === upstream || (known && known.version > upstream.version)) continue
      this.#known.set(upstream.id, upstream)
      const forgot = this.#board.meet(upstream)
      changed ||= forgot || known?.maxConcurrent !== upstream.maxConcurrent || known.enabled !== upstream.enabled
    }
    return changed
  }

  /** Who waits has the key as it was then; what counts is how it is now. */
  #current(upstream: Upstream): Upstream {
    return this.#known.get(upstream.id) ?? upstream
  }

  /** Tries, behind those who wait and whom a change may have helped. */
  #tryBehind(wish: Wish): Granted | NoSeat | { readonly due: EpochMs } {
    const changed = this.#meet(wish.candidates)
    if (this.#waiting.size > 0 && (changed || this.#timerAt <= this.#now())) this.#callAll()
    const answer = this.#try(wish)
    if (this.#askAgain) this.#callAll()
    return answer
  }

  /** Takes a place, or tells that there can be none, or when it may help to try again. */
  #try(wish: Wish): Granted | NoSeat | { readonly due: EpochMs } {
    const now = this.#now()
    const fit: Runner[] = []
    const lastResorts: Runner[] = []
    let due = Infinity
    let hopeless = true
    const reasons = new Set<string>()
    for (const candidate of wish.candidates) {
      const upstream = this.#current(candidate)
      if (!upstream.enabled) continue
      const fitness = this.#board.fitness(upstream, wish, now)
      if (fitness.disabledBy !== undefined) reasons.add(fitness.disabledBy)
      if (fitness.state !== 'disabled') hopeless = false
      if (fitness.state === 'fit') fit.push(this.#runner(upstream))
      else if (fitness.lastResortFrom <= now) lastResorts.push(this.#runner(upstream, false))
      else due = Math.min(due, fitness.lastResortFrom)
      if (fitness.state !== 'fit') due = Math.min(due, fitness.until)
    }
    if (hopeless) return noSeat(wish, reasons)

    // The last key that there is does not pause for failures that may be over.
    const runners = (fit.length > 0 ? fit : lastResorts).filter(hasRoom)
    const pin = wish.sticky === undefined ? undefined : this.#pins.get(wish.sticky, now)
    const chosen = choose(runners, pin)
    return chosen ? this.#grant(chosen, runners, wish, now) : { due }
  }

  #runner(upstream: Upstream, well = true): Runner {
    const { inFlight, turn, chosen } = this.#load(upstream.id)
    return { upstream, well, id: upstream.id, weight: upstream.weight, inFlight, turn, chosen }
  }

  #load(id: UpstreamId): Load {
    const load = this.#loads.get(id) ?? { inFlight: 0, turn: 0, chosen: 0 }
    this.#loads.set(id, load)
    return load
  }

  #grant(chosen: Runner, among: readonly Runner[], wish: Wish, now: EpochMs): Granted {
    const load = this.#load(chosen.id)
    const returns = wish.sticky !== undefined && this.#pins.get(wish.sticky, now) === chosen.id
    // A conversation that comes back to its key takes nothing from that key's share of new ones.
    if (!returns) load.turn = turnAfter(chosen, among)
    load.chosen = ++this.#sequence
    load.inFlight++
    if (wish.sticky !== undefined) this.#pins.set(wish.sticky, chosen.id, now)
    const leave = this.#board.enter(chosen.upstream, wish, now)
    // While it probes, what it shares is shut for others: they may now be left with their last resorts.
    if (leave) this.#askAgain = true

    let held = true
    const free = (): void => {
      if (!held) return
      held = false
      load.inFlight--
      if (leave?.() === true) this.#callAll()
      else this.#callFor(chosen.id)
    }
    return { upstream: chosen.upstream, manner: returns ? 'pinned' : mannerOf(chosen, among, wish), free }
  }

  #wait(waiting: Waiting, signal: AbortSignal): Promise<Granted> {
    const waiter = new Waiter<Granted>(signal, () => {
      this.#waiting.delete(waiter)
      if (this.#waiting.size === 0) this.#setTimer(Infinity)
    })
    this.#waiting.set(waiter, waiting)
    if (waiting.due < this.#timerAt) this.#setTimer(waiting.due)
    return waiter.promise
  }

  /** Asks everybody who waits. */
  #callAll(): void {
    let due
    do {
      due = Infinity
      this.#askAgain = false
      for (const [waiter, waiting] of this.#waiting) {
        if (!this.#ask(waiter, waiting)) due = Math.min(due, waiting.due)
      }
    } while (this.#askAgain)
    this.#setTimer(due)
  }

  /** A place of one key is free: asks those who would take it, until it is taken. */
  #callFor(id: UpstreamId): void {
    let due = this.#timerAt
    for (const [waiter, waiting] of this.#waiting) {
      const upstream = this.#known.get(id)
      if (upstream && !hasRoom(this.#runner(upstream))) break
      if (!waiting.wish.candidates.some((candidate) => candidate.id === id)) continue
      if (!this.#ask(waiter, waiting)) due = Math.min(due, waiting.due)
    }
    this.#setTimer(this.#waiting.size === 0 ? Infinity : due)
    if (this.#askAgain) this.#callAll()
  }

  /** True when it waits no longer. */
  #ask(waiter: Waiter<Granted>, waiting: Waiting): boolean {
    const answer = this.#try(waiting.wish)
    if ('due' in answer) {
      waiting.due = answer.due
      return false
    }
    this.#waiting.delete(waiter)
    if (answer instanceof NoSeat) waiter.refuse(answer)
    else waiter.give(answer)
    return true
  }

  #setTimer(at: EpochMs): void {
    if (at === this.#timerAt) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#timerAt = at
    if (at === Infinity) return
    const delay = Math.min(Math.max(at - this.#now(), 1), LONGEST_TIMER_MS)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#timerAt = Infinity
      this.#callAll()
    }, delay)
  }
}

function seatOf({ upstream, manner, free }: Granted): Seat {
  return { upstream, chosen: manner, [Symbol.asyncDispose]: async () => free() }
}

function noSeat(wish: Wish, reasons: ReadonlySet<string>): NoSeat {
  const why = reasons.size === 0 ? 'none is enabled' : Array.from(reasons).join(', ')
  return new NoSeat(`none of ${wish.candidates.length} upstream keys can be used for this call: ${why}`)
}

/** Of a key that is not the conversation's own. */
function mannerOf({ well }: Runner, among: readonly Runner[], { candidates }: Wish): Manner {
  if (!well) return 'last-resort'
  if (candidates.length === 1) return 'only'
  return among.length === 1 ? 'only-free' : 'fair'
}

function hasRoom(runner: Runner): boolean {
  const max = runner.upstream.maxConcurrent
  return max <= 0 || runner.inFlight < max
}
