import type { HealthBoard } from '../../core/health-board.ts'
import type { Manner } from '../../core/choice.ts'
import { choose, turnAfter } from '../../core/schedule.ts'
import type { EpochMs, UpstreamId } from '../../core/units.ts'
import { NoSeat } from '../../ports.ts'
import type { Clock, Outcome, Pulse, Seat, Upstream, Wish } from '../../ports.ts'
import { Alarm } from './alarm.ts'
import type { Pins } from './pins.ts'
import { hasRoom, mannerOf, noSeat, type Runner } from './runner.ts'
import { Waiter } from './waiter.ts'
import { WaitingLine } from './waiting-line.ts'

/** How much a key is used. */
interface Load {
  inFlight: number
  turn: number
  chosen: number
}

/** The best key that a call can have now, and of which it is the best. */
interface Found {
  readonly chosen: Runner
  readonly among: readonly Runner[]
}

/** When one of a call's candidates may be well again, where none can be had now. */
interface Later {
  readonly due: EpochMs
}

interface Waiting {
  readonly wish: Wish
  readonly waiter: Waiter<Granted>
}

interface Granted {
  readonly upstream: Upstream
  readonly manner: Manner
  readonly free: () => void
}

/**
 * The keys' places, and the line of those who wait for one.
 *
 * Whenever something changes that may help somebody (a place is free, a cooldown is over, a key has more room), those who
 * wait are asked first, in the order of the line. So at any other time, what is free and well is of no use to any of
 * them, and may be had by whoever comes.
 */
export class KeyPool {
  readonly #now: Clock
  readonly #random: () => number
  readonly #board: HealthBoard
  readonly #pins: Pins
  readonly #known = new Map<UpstreamId, Upstream>()
  readonly #loads = new Map<UpstreamId, Load>()
  readonly #line = new WaitingLine<Waiting>()
  readonly #alarm: Alarm
  #sequence = 0
  #askAgain = false

  constructor(board: HealthBoard, pins: Pins, now: Clock, random: () => number) {
    this.#board = board
    this.#pins = pins
    this.#now = now
    this.#random = random
    this.#alarm = new Alarm(now, () => this.#callAll())
  }

  get waiting(): number {
    return this.#line.size
  }

  get taken(): number {
    let sum = 0
    for (const load of this.#loads.values()) sum += load.inFlight
    return sum
  }

  get timerSet(): boolean {
    return this.#alarm.isSet
  }

  async take(wish: Wish, signal: AbortSignal): Promise<Seat> {
    signal.throwIfAborted()
    const answer = this.#tryBehind(wish)
    if (answer instanceof NoSeat) throw answer
    const granted = 'free' in answer ? answer : await this.#wait(wish, answer, signal)
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

  follow(upstreams: readonly Upstream[]): void {
    if (this.#meet(upstreams)) this.#callAll()
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

  pulse(id: UpstreamId): Pulse | undefined {
    const upstream = this.#known.get(id)
    return upstream && this.#board.pulse(upstream, this.#loads.get(id)?.inFlight ?? 0, this.#now())
  }

  survey(): ReadonlyMap<UpstreamId, Pulse> {
    const pulses = new Map<UpstreamId, Pulse>()
    for (const id of this.#known.keys()) {
      const pulse = this.pulse(id)
      if (pulse) pulses.set(id, pulse)
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
  #tryBehind(wish: Wish): Granted | NoSeat | Later {
    const changed = this.#meet(wish.candidates)
    if (this.#line.size > 0 && (changed || this.#alarm.isDue)) this.#callAll()
    const found = this.#look(wish)
    const answer = 'chosen' in found ? this.#grant(found, wish) : found
    if (this.#askAgain) this.#callAll()
    return answer
  }

  /** Finds a place, or tells that there can be none, or when it may help to look again. */
  #look(wish: Wish): Found | NoSeat | Later {
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
    const among = (fit.length > 0 ? fit : lastResorts).filter(hasRoom)
    const pin = wish.sticky === undefined ? undefined : this.#pins.get(wish.sticky, now)
    const chosen = choose(among, pin)
    return chosen ? { chosen, among } : { due }
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

  #grant({ chosen, among }: Found, wish: Wish): Granted {
    const now = this.#now()
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

  #wait(wish: Wish, { due }: Later, signal: AbortSignal): Promise<Granted> {
    const waiter = new Waiter<Granted>(signal, () => {
      this.#line.delete(call)
      if (this.#line.size === 0) this.#alarm.set(Infinity)
    })
    const call = { wish, waiter }
    this.#line.add(call)
    this.#alarm.setNoLaterThan(due)
    return waiter.promise
  }

  /** Asks everybody who waits. */
  #callAll(): void {
    let due
    do {
      due = Infinity
      this.#askAgain = false
      for (const call of this.#line) due = Math.min(due, this.#ask(call))
    } while (this.#askAgain)
    this.#alarm.set(due)
  }

  /** A place of one key is free: gives it to those who would take it, until it is taken. */
  #callFor(id: UpstreamId): void {
    // Time alone may have brought more than this place.
    if (this.#alarm.isDue) return this.#callAll()
    let served
    do served = this.#serve(id)
    while (served)
    if (this.#line.size === 0) this.#alarm.set(Infinity)
    if (this.#askAgain) this.#callAll()
  }

  /** Gives to whoever's turn it is what this call would take, until the turn is its own; tells when to ask it again. */
  #ask(call: Waiting): EpochMs {
    for (;;) {
      const found = this.#lookFor(call)
      if ('due' in found) return found.due
      if (this.#serve(found.chosen.id) === call) return Infinity
    }
  }

  /** Gives a place of the key to the first in turn that would take it. */
  #serve(id: UpstreamId): Waiting | undefined {
    const upstream = this.#known.get(id)
    if (upstream && !hasRoom(this.#runner(upstream))) return undefined
    for (const call of this.#line.inTurn(id)) {
      const found = this.#lookFor(call)
      if ('due' in found) this.#alarm.setNoLaterThan(found.due)
      else if (found.chosen.id === id) {
        this.#line.serve(call, id)
        call.waiter.give(this.#grant(found, call.wish))
        return call
      }
    }
    return undefined
  }

  /** What a call that waits can have now; one that can have nothing any more waits no longer. */
  #lookFor(call: Waiting): Found | Later {
    const found = this.#look(call.wish)
    if (!(found instanceof NoSeat)) return found
    this.#line.delete(call)
    call.waiter.refuse(found)
    return { due: Infinity }
  }
}

function seatOf({ upstream, manner, free }: Granted): Seat {
  return { upstream, chosen: manner, [Symbol.asyncDispose]: async () => free() }
}
