/** Somebody who waits for a thing: gets it, is refused, or leaves when the signal aborts (rejecting with its reason). */
export class Waiter<T> {
  readonly promise: Promise<T>
  readonly #resolve: (value: T) => void
  readonly #reject: (reason: unknown) => void
  readonly #signal: AbortSignal
  readonly #onAbort: () => void

  constructor(signal: AbortSignal, left: (waiter: Waiter<T>) => void) {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.promise = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#signal = signal
    this.#onAbort = () => {
      left(this)
      reject(signal.reason)
    }
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  give(value: T): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#resolve(value)
  }

  refuse(reason: Error): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#reject(reason)
  }
}
