import type { EpochMs } from '../../core/units.ts'
import { QueueFull, type Claim, type Hold, type Place } from '../../ports.ts'
import { Waiter } from './waiter.ts'

interface Placement {
  readonly credits: Hold['credits']
  admittedAt: EpochMs | undefined
  /** Whether one placed earlier has gone since the holds were last looked at. */
  stale: boolean
  readonly watchers: Set<Waiter<void>>
}

/** The places of one member, in the order in which they were taken, and the line before them. */
export class MemberLine {
  readonly #placed = new Set<Placement>()
  readonly #waiting = new Map<Waiter<Placement>, Claim>()
  readonly #maxWaiting: number
  readonly #emptied: () => void
  #max = 0

  /** So many may wait at a time; `emptied` is called when nobody has a place nor waits for one. */
  constructor(maxWaiting: number, emptied: () => void) {
    this.#maxWaiting = maxWaiting
    this.#emptied = emptied
  }

  get placed(): number {
    return this.#placed.size
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** The member's limit is what the latest claim says. */
  async enter(claim: Claim, signal: AbortSignal): Promise<Place> {
    this.#max = claim.member.maxConcurrent
    // Nobody overtakes: after this, there is room only if nobody waits for it.
    this.#call()
    const placement = this.#hasRoom() ? this.#place(claim) : await this.#wait(claim, signal)
    if (signal.aborted) {
      // The place came in the very moment in which nobody wanted it any more.
      this.#leave(placement)
      signal.throwIfAborted()
    }
    return this.#placeOf(placement)
  }

  follow({ maxConcurrent }: Pick<Claim['member'], 'maxConcurrent'>): void {
    this.#max = maxConcurrent
    this.#call()
  }

  #wait(claim: Claim, signal: AbortSignal): Promise<Placement> {
    if (this.#waiting.size >= this.#maxWaiting) {
      this.#checkEmpty()
      return Promise.reject(new QueueFull(`${this.#waiting.size} calls of the member wait for a place already`))
    }
    const waiter = new Waiter<Placement>(signal, () => {
      this.#waiting.delete(waiter)
      this.#checkEmpty()
    })
    this.#waiting.set(waiter, claim)
    return waiter.promise
  }

  #hasRoom(): boolean {
    return this.#max <= 0 || this.#placed.size < this.#max
  }

  #place(claim: Claim): Placement {
    const placement = { credits: claim.hold, admittedAt: undefined, stale: false, watchers: new Set<Waiter<void>>() }
    this.#placed.add(placement)
    return placement
  }

  /** Gives free places to those who wait, the first come first. */
  #call(): void {
    for (const [waiter, claim] of this.#waiting) {
      if (!this.#hasRoom()) return
      this.#waiting.delete(waiter)
      waiter.give(this.#place(claim))
    }
  }

  #leave(placement: Placement): void {
    let later = false
    for (const other of this.#placed) {
      if (later) becomeStale(other)
      later ||= other === placement
    }
    // A line that is given back to twice may have been replaced by a new one since.
    if (!this.#placed.delete(placement)) return
    this.#call()
    this.#checkEmpty()
  }

  #checkEmpty(): void {
    if (this.#placed.size === 0 && this.#waiting.size === 0) this.#emptied()
  }

  #heldBefore(placement: Placement): Hold[] {
    placement.stale = false
    // Summed, for a member may have a thousand calls in flight and the ledger is told at each of them.
    const before = new Map<EpochMs | undefined, Hold>()
    for (const { credits, admittedAt } of this.#earlier(placement)) {
      before.set(admittedAt, { credits: credits + (before.get(admittedAt)?.credits ?? 0n), admittedAt })
    }
    return Array.from(before.values())
  }

  *#earlier(placement: Placement): Generator<Placement> {
    for (const other of this.#placed) {
      if (other === placement) return
      yield other
    }
  }

  /** What went between the look at the holds and this call counts, or its going would be missed. */
  async #changed(placement: Placement, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (placement.stale) return
    const waiter = new Waiter<void>(signal, () => placement.watchers.delete(waiter))
    placement.watchers.add(waiter)
    await waiter.promise
  }

  #placeOf(placement: Placement): Place {
    return {
      heldBefore: () => this.#heldBefore(placement),
      changed: (signal) => this.#changed(placement, signal),
      admitted: (at) => {
        placement.admittedAt = at
      },
      [Symbol.asyncDispose]: async () => {
        this.#leave(placement)
      },
    }
  }
}

function becomeStale(placement: Placement): void {
  placement.stale = placement.watchers.size === 0
  for (const watcher of placement.watchers) watcher.give()
  placement.watchers.clear()
}
