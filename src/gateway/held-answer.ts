import type { HeaderList } from '../ports.ts'
import { ClientBehind } from './client-behind.ts'

/** An answer that must be held is small. */
const MAX_HELD_BYTES = 1_048_576

/** A client that hears nothing of its answer before the gateway lets go of it. */
export class HeldAnswer extends ClientBehind {
  readonly #chunks: Uint8Array[] = []
  #head: { readonly status: number; readonly headers: HeaderList } | undefined
  #bytes = 0
  #cut = false

  override begin(status: number, headers: HeaderList): void {
    this.#head = { status, headers }
  }

  override write(chunk: Uint8Array): boolean {
    this.#bytes += chunk.length
    if (this.#bytes <= MAX_HELD_BYTES) this.#chunks.push(chunk)
    return this.#bytes <= MAX_HELD_BYTES && !this.signal.aborted
  }

  /** Nobody waits for what is never sent: the answer is too large to be held, or its client has left. */
  override drained(): Promise<void> {
    return Promise.reject(new Error('the answer cannot be held'))
  }

  override end(): void {
    // Whoever lets go of the answer ends it.
  }

  override cut(): void {
    this.#cut = true
  }

  /** Lets go of the answer, as it came. */
  release(): void {
    if (!this.#head || this.signal.aborted) return
    const client = this.behind
    client.begin(this.#head.status, this.#head.headers)
    for (const chunk of this.#chunks) client.write(chunk)
    if (this.#cut) client.cut()
    else client.end()
  }
}
