import type { MemberId } from '../core/units.ts'
import type { Ledger, ThreadOwner } from '../ports.ts'
import type { Intent } from '../core/intent.ts'

const REMEMBERED = 50_000

/**
 * Who made the ciphertext of each thread: remembered per member and thread, and found again in the ledger after a
 * restart. A sub-agent's first call carries its parent's.
 */
export class Owners {
  readonly #ledger: Ledger
  readonly #owners = new Map<string, ThreadOwner>()

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  async ownerOf(member: MemberId, intent: Intent): Promise<ThreadOwner | undefined> {
    for (const thread of threadsOf(intent)) {
      const key = keyOf(member, thread)
      const known = this.#owners.get(key)
      if (known) return known
      const found = await this.#ledger.ownerOf(member, thread)
      if (found) {
        this.#remember(key, found)
        return found
      }
    }
    return undefined
  }

  answered(member: MemberId, intent: Intent, owner: ThreadOwner): void {
    const [thread] = threadsOf(intent)
    if (thread !== undefined) this.#remember(keyOf(member, thread), owner)
  }

  #remember(key: string, owner: ThreadOwner): void {
    this.#owners.delete(key)
    this.#owners.set(key, owner)
    if (this.#owners.size > REMEMBERED) this.#owners.delete(this.#owners.keys().next().value ?? '')
  }
}

function threadsOf(intent: Intent): readonly string[] {
  return [intent.threadId, intent.parentThreadId, intent.sessionId].filter((id) => id !== undefined)
}

function keyOf(member: MemberId, thread: string): string {
  return `${member}:${thread}`
}
