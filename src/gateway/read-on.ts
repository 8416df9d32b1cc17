import type { MemberId } from '../core/units.ts'
import type { Body, Client, HeaderList } from '../ports.ts'
import type { Gateway, ReadOn } from './gateway.ts'

/** A client whose answer is read on to its end when it has left: then what is written goes nowhere. */
export class ReadOnClient implements Client {
  readonly #client: Client
  readonly #most: ReadOn
  #bytes = 0

  constructor(client: Client, most: ReadOn) {
    this.#client = client
    this.#most = most
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
    if (!this.signal.aborted) this.#client.begin(status, headers)
  }

  write(chunk: Uint8Array): boolean {
    if (!this.signal.aborted) return this.#client.write(chunk)
    this.#bytes += chunk.length
    return this.#bytes <= this.#most.bytes
  }

  async drained(): Promise<void> {
    try {
      await this.#client.drained()
    } catch (cause) {
      if (!this.signal.aborted || this.#bytes > this.#most.bytes) throw cause
    }
  }

  end(): void {
    if (!this.signal.aborted) this.#client.end()
  }

  cut(): void {
    if (!this.signal.aborted) this.#client.cut()
  }
}

/**
 * The signal that calls a try off: when its client leaves, or, where answers are read on, when that has gone on for long
 * enough; and when the gateway stops at once.
 */
export function lasting(client: AbortSignal, { settings, stop }: Pick<Gateway, 'settings' | 'stop'>): AbortSignal {
  const { readOn } = settings
  if (!readOn) return client
  const late = new AbortController()
  const left = (): void => {
    setTimeout(() => late.abort(client.reason), readOn.ms).unref()
  }
  if (client.aborted) left()
  else client.addEventListener('abort', left, { once: true })
  return AbortSignal.any([late.signal, stop])
}
