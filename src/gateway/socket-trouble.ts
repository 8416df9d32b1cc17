/** For so long WebSockets fail upstream before Codex is sent on to HTTP. */
const LASTING_MS = 5000
/** What is older says nothing of now. */
const RECENT_MS = 60_000

/**
 * Whether WebSockets cannot be had upstream, though nothing is wrong with the keys: a proxy on the way may let HTTP pass
 * and nothing else, and then no wait helps.
 */
export class SocketTrouble {
  #since: number | undefined
  #last = -Infinity
  #worked = -Infinity

  /** A try that was begun at `startedAt`: since then none could be had, unless another worked meanwhile. */
  failed(startedAt: number, now: number): void {
    if (now - this.#last > RECENT_MS) this.#since = undefined
    this.#since ??= Math.max(startedAt, this.#worked)
    this.#last = now
  }

  worked(now: number): void {
    this.#since = undefined
    this.#worked = now
  }

  lasts(now: number): boolean {
    return this.#since !== undefined && now - this.#since >= LASTING_MS && now - this.#last <= RECENT_MS
  }
}
