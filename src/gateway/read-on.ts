import type { Client, HeaderList } from '../ports.ts'
import { ClientBehind } from './client-behind.ts'
import type { Gateway, ReadOn } from './gateway.ts'

/** A client whose answer is read on to its end when it has left: then what is written goes nowhere. */
export class ReadOnClient extends ClientBehind {
  readonly #most: ReadOn
  #bytes = 0

  constructor(client: Client, most: ReadOn) {
    super(client)
    this.#most = most
  }

  override begin(status: number, headers: HeaderList): void {
    if (!this.signal.aborted) super.begin(status, headers)
  }

  override write(chunk: Uint8Array): boolean {
    if (!this.signal.aborted) return super.write(chunk)
    this.#bytes += chunk.length
    return this.#bytes <= this.#most.bytes
  }

  override async drained(): Promise<void> {
    try {
      await super.drained()
    } catch (cause) {
      if (!this.signal.aborted || this.#bytes > this.#most.bytes) throw cause
    }
  }

  override end(): void {
    if (!this.signal.aborted) super.end()
  }

  override cut(): void {
    if (!this.signal.aborted) super.cut()
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
