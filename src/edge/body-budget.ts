import { Refusal } from '../core/refusal.ts'
import type { MemberId } from '../core/units.ts'
import type { Room } from '../ports.ts'

/** What may be buffered of the process's memory. */
export interface BodyRoom {
  /** All of it together. */
  readonly maxBufferedBytes: number
  /** That of one member: whoever sends the largest there is must leave room for the others. */
  readonly maxMemberBufferedBytes: number
}

/** Bytes of bodies and messages that the process holds at the moment: of each member, and all together. */
export class BodyBudget {
  readonly #room: BodyRoom
  readonly #shares = new Map<MemberId, number>()
  #heldBytes = 0

  constructor(room: BodyRoom) {
    this.#room = room
  }

  /** Throws a Refusal when there is no room for so many more. Without a member they are in nobody's share. */
  take(member: MemberId | undefined, bytes: number): void {
    const { maxBufferedBytes, maxMemberBufferedBytes } = this.#room
    if (this.#shareOf(member) + bytes > maxMemberBufferedBytes)
      throw noRoom('The gateway holds as much of your requests')
    if (this.#heldBytes + bytes > maxBufferedBytes) throw noRoom('The gateway holds as many request bodies')
    this.add(member, bytes)
  }

  /** Counts bytes that are held already, whether there is room for them or not. */
  add(member: MemberId | undefined, bytes: number): void {
    this.#heldBytes += bytes
    if (member === undefined) return
    const share = this.#shareOf(member) + bytes
    if (share > 0) this.#shares.set(member, share)
    else this.#shares.delete(member)
  }

  give(member: MemberId | undefined, bytes: number): void {
    this.add(member, -bytes)
  }

  /** The same for whoever need not know whose share it is. */
  roomOf(member: MemberId | undefined): Room {
    return {
      take: (bytes) => this.take(member, bytes),
      add: (bytes) => this.add(member, bytes),
      give: (bytes) => this.give(member, bytes),
    }
  }

  #shareOf(member: MemberId | undefined): number {
    return member === undefined ? 0 : (this.#shares.get(member) ?? 0)
  }
}

function noRoom(what: string): Refusal {
  return new Refusal('concurrency_limit_exceeded', `${what} as it can at the moment.`, { retryAfterMs: 10_000 })
}
