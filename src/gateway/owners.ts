import type { MemberId } from '../core/units.ts'
import type { Ledger, ThreadOwner } from '../ports.ts'
import type { CallRequest } from './identify.ts'

const REMEMBERED = 50_000

/** A call's conversation, as far as it matters to whom its ciphertext belongs. */
type Conversation = Pick<CallRequest, 'intent' | 'ciphertext'>

/**
 * Who made the ciphertext of each thread: remembered per member and thread, and found again in the ledger after a
 * restart. A sub-agent's first call carries its parent's; a thread that was forked off another is known by the oldest
 * ciphertext of both.
 */
export class Owners {
  readonly #ledger: Ledger
  readonly #owners = new Map<string, ThreadOwner>()

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  async ownerOf(member: MemberId, call: Conversation): Promise<ThreadOwner | undefined> {
    for (const thread of threadsOf(call)) {
      const known = this.#owners.get(keyOf(member, thread)) ?? (await this.#ledger.ownerOf(member, thread))
      if (!known) continue
      this.#remember(keyOf(member, thread), known)
      return known
    }
    return call.ciphertext === undefined ? undefined : this.#owners.get(keyOf(member, call.ciphertext))
  }

  answered(member: MemberId, call: Conversation, owner: ThreadOwner): void {
    for (const name of [threadsOf(call)[0], call.ciphertext]) {
      if (name !== undefined) this.#remember(keyOf(member, name), owner)
    }
  }

  #remember(key: string, owner: ThreadOwner): void {
    this.#owners.delete(key)
    this.#owners.set(key, owner)
    if (this.#owners.size > REMEMBERED) this.#owners.delete(this.#owners.keys().next().value ?? '')
  }
}

function threadsOf({ intent }: Conversation): readonly string[] {
  return [intent.threadId, intent.parentThreadId, intent.sessionId].filter((id) => id !== undefined)
}

function keyOf(member: MemberId, thread: string): string {
  return `${member}:${thread}`
}
