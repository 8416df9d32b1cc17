import type { MemberId } from '../core/units.ts'

const REMEMBERED = 50_000

/**
 * Turns whose message stands in the ledger: their further calls are none, and need hold nothing where messages are charged. A
 * turn that was forgotten, or charged by a gateway before this one, is a turn whose calls hold more than they cost.
 */
export class ChargedTurns {
  readonly #turns = new Set<string>()

  has(member: MemberId, turnId: string | undefined): boolean {
    return turnId !== undefined && this.#turns.has(keyOf(member, turnId))
  }

  add(member: MemberId, turnId: string | undefined): void {
    if (turnId === undefined) return
    const key = keyOf(member, turnId)
    this.#turns.delete(key)
    this.#turns.add(key)
    if (this.#turns.size > REMEMBERED) this.#turns.delete(this.#turns.values().next().value ?? '')
  }
}

function keyOf(member: MemberId, turnId: string): string {
  return `${member}:${turnId}`
}
