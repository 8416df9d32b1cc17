import type { MemberId } from '../core/units.ts'
import type { Body, Client, HeaderList } from '../ports.ts'

/** An answer that must be held is small. */
const MAX_HELD_BYTES = 1_048_576

/** A client that hears nothing of its answer before the gateway lets go of it. */
export class HeldAnswer implements Client {
  readonly #client: Client
  readonly #chunks: Uint8Array[] = []
  #head: { readonly status: number; readonly headers: HeaderList } | undefined
  #bytes = 0
  #cut = false

  constructor(client: Client) {
    this.#client = client
  }

  get signal(): AbortSignal {
    return this.#client.signal
  }

  get method(): string {
    return this.#client.method
  }

  get path(): string {
    return this.#client.path
  }

  get headers(): HeaderList {
    return this.#client.headers
  }

  read(member: MemberId): Promise<Body> {
    return this.#client.read(member)
  }

  begin(status: number, headers: HeaderList): void {
    this.#head = { status, headers }
  }

  write(chunk: Uint8Array): boolean {
    this.#bytes += chunk.length
    if (this.#bytes <= MAX_HELD_BYTES) this.#chunks.push(chunk)
    return this.#bytes <= MAX_HELD_BYTES && !this.signal.aborted
  }

  /** Nobody waits for what is never sent: the answer is too large to be held, or its client has left. */
  drained(): Promise<void> {
    return Promise.reject(new Error('the answer cannot be held'))
  }

  end(): void {
    // Whoever lets go of the answer ends it.
  }

  cut(): void {
    this.#cut = true
  }

  /** Lets go of the answer, as it came. */
  release(): void {
    if (!this.#head || this.signal.aborted) return
    const client = this.#client
    client.begin(this.#head.status, this.#head.headers)
    for (const chunk of this.#chunks) client.write(chunk)
    if (this.#cut) client.cut()
    else client.end()
  }
}
