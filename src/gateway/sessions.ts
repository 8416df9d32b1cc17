import { Refusal } from '../core/refusal.ts'
import type { MemberId } from '../core/units.ts'
import type { Member } from '../ports.ts'
import { retryAfterMs } from './patience.ts'

/**
 * Realtime sessions that are open. A session answers whenever somebody has spoken, which cannot be made to wait for a
 * place of the member's; so a member has at most as many sessions as places.
 */
export class Sessions {
  readonly #open = new Map<MemberId, number>()
  /** Closes the WebSocket of a call. */
  readonly #beside = new Map<string, () => void>()

  /** Throws a Refusal when the member has as many as it may. */
  take({ id, maxConcurrent }: Member): Disposable {
    const open = this.#open.get(id) ?? 0
    if (maxConcurrent > 0 && open >= maxConcurrent) {
      throw new Refusal(
        'concurrency_limit_exceeded',
        `You have ${open} realtime sessions open already, and may have no more at once. Close one of them.`,
        { retryAfterMs: retryAfterMs() },
      )
    }
    this.#open.set(id, open + 1)
    return { [Symbol.dispose]: () => this.#give(id) }
  }

  /** The WebSocket of a call over WebRTC; the one that it had before is closed. */
  beside(callId: string, close: () => void): Disposable {
    this.#beside.get(callId)?.()
    this.#beside.set(callId, close)
    return {
      [Symbol.dispose]: () => {
        if (this.#beside.get(callId) === close) this.#beside.delete(callId)
      },
    }
  }

  #give(id: MemberId): void {
    const open = (this.#open.get(id) ?? 0) - 1
    if (open > 0) this.#open.set(id, open)
    else this.#open.delete(id)
  }
}
