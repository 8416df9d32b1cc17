import type { MemberId } from './units.ts'

const REMEMBERED = 50_000

/**
 * Turns whose message stands in the ledger, or is promised to it: where messages are charged, their further calls are none. Of a
 * turn that was forgotten, or charged by a gateway before this one, that is not known here.
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

  delete(member: MemberId, turnId: string): void {
    this.#turns.delete(keyOf(member, turnId))
  }
}

function keyOf(member: MemberId, turnId: string): string {
  return `${member}:${turnId}`
}
