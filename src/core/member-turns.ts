import type { MemberId } from './units.ts'

interface Turn {
  readonly at: number
  /** How long until the member's next one, by what its weight was. */
  readonly step: number
}

const LEAST_WEIGHT = 1e-6
const MOST_WEIGHT = 1e6
const TIDY_EVERY = 100

/**
 * Whose turn it is where calls of several members wait for the places of one key: start-time fair queuing (Goyal, Vin
 * and Cheng, 1996), with calls in place of packets.
 *
 * Time is virtual: it is that of the turn taken last. A member's next turn is 1 / weight after its last, but not in the
 * past, for nobody saves up turns by not waiting. So of two members that both wait, each has had as many turns as
 * its weight says, but for one; and since nobody's next turn is further away than its 1 / weight, everybody's comes.
 */
export class MemberTurns {
  #now = 0
  #taken = 0
  #last = new Map<MemberId, Turn>()

  /** When the member's next turn is: whoever has the least comes first. */
  next(member: MemberId, weight: number): number {
    const last = this.#last.get(member)
    return last ? Math.max(this.#now, last.at + stepOf(weight)) : this.#now
  }

  take(member: MemberId, weight: number): void {
    this.#now = this.next(member, weight)
    this.#last.set(member, { at: this.#now, step: stepOf(weight) })
    if (++this.#taken % TIDY_EVERY === 0) this.#tidy()
  }

  /** How many members are remembered. */
  get size(): number {
    return this.#last.size
  }

  /** Forgets whose next turn is now anyhow, and begins time anew, lest small steps be lost in a large number. */
  #tidy(): void {
    const kept = new Map<MemberId, Turn>()
    for (const [member, { at, step }] of this.#last) {
      if (at + step > this.#now) kept.set(member, { at: at - this.#now, step })
    }
    this.#last = kept
    this.#now = 0
  }
}

function stepOf(weight: number): number {
  return 1 / Math.min(Math.max(weight, LEAST_WEIGHT), MOST_WEIGHT)
}
