import { Refusal } from '../core/refusal.ts'
import type { MemberId } from '../core/units.ts'
import type { Member } from '../ports.ts'
import { retryAfterMs } from './patience.ts'
import { soon } from './soon.ts'

/** Who comes back at once may be faster than the end of its last session. */
const MOMENT_MS = 1000

/**
 * Realtime sessions that are open. A session answers whenever somebody has spoken, which cannot be made to wait for a
 * place of the member's; so a member has at most as many sessions as places.
 */
export class Sessions {
  readonly #open = new Map<MemberId, number>()
  /** Closes the WebSocket of a call. */
  readonly #beside = new Map<string, () => void>()
  /** Resolves when some session has ended. */
  #ended: PromiseWithResolvers<void> = Promise.withResolvers<void>()

  /** Rejects with a Refusal when the member has as many as it may, also after a moment. */
  async take({ id, maxConcurrent }: Member): Promise<Disposable> {
    const open = (): number => this.#open.get(id) ?? 0
    const isFull = (): boolean => maxConcurrent > 0 && open() >= maxConcurrent
    const until = performance.now() + MOMENT_MS
    while (isFull() && performance.now() < until) await soon(this.#ended.promise, until - performance.now())
    if (isFull()) {
      throw new Refusal(
        'concurrency_limit_exceeded',
        `You have ${open()} realtime sessions open already, and may have no more at once. Close one of them.`,
        { retryAfterMs: retryAfterMs() },
      )
    }
    this.#open.set(id, open() + 1)
    return { [Symbol.dispose]: () => this.#give(id) }
  }

  /** Closes the WebSocket of a call over WebRTC, if there is one. */
  closeBeside(callId: string): void {
    this.#beside.get(callId)?.()
  }

  /** The WebSocket of a call over WebRTC; the one that it had before is closed. */
  beside(callId: string, close: () => void): Disposable {
    this.closeBeside(callId)
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
    this.#ended.resolve()
    this.#ended = Promise.withResolvers<void>()
  }
}
