import { MemberTurns } from '../../core/member-turns.ts'
import type { MemberId, UpstreamId } from '../../core/units.ts'
import type { Wish } from '../../ports.ts'

interface Waits {
  readonly wish: Wish
}

/** The calls of one member, as they came: each with its running number in the whole line. */
interface Queue<T> {
  /** What the latest of its calls said. */
  weight: number
  readonly calls: Map<T, number>
}

/** A member that waits for a key. */
interface Rival<T> {
  readonly calls: Iterable<T>
  readonly turn: number
  /** Of the first of its calls that wait for the key. */
  readonly arrival: number
}

/**
 * The calls that wait for places of keys. Each key shares its places among the members that wait for it, by their weights;
 * a member's own calls come as they came. Keys are apart: what a member was given at one counts at no other, where it may
 * have kept nobody waiting.
 */
export class WaitingLine<T extends Waits> {
  readonly #queues = new Map<MemberId, Queue<T>>()
  readonly #turns = new Map<UpstreamId, MemberTurns>()
  #size = 0
  #arrivals = 0

  get size(): number {
    return this.#size
  }

  add(call: T): void {
    const { id, weight } = call.wish.member
    const queue = this.#queues.get(id) ?? { weight, calls: new Map<T, number>() }
    queue.weight = weight
    queue.calls.set(call, ++this.#arrivals)
    this.#queues.set(id, queue)
    this.#size++
  }

  delete(call: T): void {
    const { id } = call.wish.member
    const queue = this.#queues.get(id)
    if (!queue?.calls.delete(call)) return
    this.#size--
    if (queue.calls.size === 0) this.#queues.delete(id)
  }

  /** It gets a place of this key, and waits no longer. */
  serve(call: T, key: UpstreamId): void {
    const { id, weight } = call.wish.member
    this.#turnsAt(key).take(id, this.#queues.get(id)?.weight ?? weight)
    this.delete(call)
  }

  /** All of them, by member. What leaves meanwhile is left out. */
  *[Symbol.iterator](): Generator<T> {
    for (const { calls } of this.#queues.values()) yield* calls.keys()
  }

  /** Those that wait for this key, first those of the member whose turn it is; where it is the turn of several, first come first. */
  *inTurn(key: UpstreamId): Generator<T> {
    const turns = this.#turnsAt(key)
    const left: Rival<T>[] = []
    for (const [id, { weight, calls }] of this.#queues) {
      const arrival = firstFor(key, calls)
      if (arrival !== undefined) left.push({ calls: calls.keys(), turn: turns.next(id, weight), arrival })
    }
    // Mostly the first is served, and nobody else is asked: to look for the least is less than to sort all.
    while (left.length > 0) {
      const first = left.reduce((best, rival) => (isBefore(rival, best) ? rival : best))
      left.splice(left.indexOf(first), 1)
      for (const call of first.calls) if (wants(call, key)) yield call
    }
  }

  #turnsAt(key: UpstreamId): MemberTurns {
    const turns = this.#turns.get(key) ?? new MemberTurns()
    this.#turns.set(key, turns)
    return turns
  }
}

function isBefore<T>(one: Rival<T>, other: Rival<T>): boolean {
  return one.turn === other.turn ? one.arrival < other.arrival : one.turn < other.turn
}

function firstFor(key: UpstreamId, calls: ReadonlyMap<Waits, number>): number | undefined {
  for (const [call, arrival] of calls) if (wants(call, key)) return arrival
  return undefined
}

function wants({ wish }: Waits, key: UpstreamId): boolean {
  return wish.candidates.some(({ id }) => id === key)
}
