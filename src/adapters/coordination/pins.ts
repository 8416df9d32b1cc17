import type { EpochMs, UpstreamId } from '../../core/units.ts'

/** Which key each conversation had last: so many at most, and none that is too old. The least recent goes first. */
export class Pins {
  readonly #most: number
  readonly #ageMs: number
  readonly #pins = new Map<string, { readonly upstream: UpstreamId; readonly at: EpochMs }>()

  constructor(most: number, ageMs: number) {
    this.#most = most
    this.#ageMs = ageMs
  }

  get size(): number {
    return this.#pins.size
  }

  get(conversation: string, now: EpochMs): UpstreamId | undefined {
    const pin = this.#pins.get(conversation)
    return pin && now - pin.at <= this.#ageMs ? pin.upstream : undefined
  }

  set(conversation: string, upstream: UpstreamId, now: EpochMs): void {
    // Deleted first, so that the map stays in the order of use.
    this.#pins.delete(conversation)
    this.#pins.set(conversation, { upstream, at: now })
    for (const [oldest, pin] of this.#pins) {
      if (this.#pins.size <= this.#most && now - pin.at <= this.#ageMs) return
      this.#pins.delete(oldest)
    }
  }
}
