/** What moves step by step. */
export interface Paced {
  /** False when that was the last step. */
  step(): boolean
}

/** One timer that moves any number of things, each once in `everyMs`, spread over its beats so that they do not all move at once. */
export class Pacer implements Disposable {
  readonly #beats: readonly Set<Paced>[]
  readonly #timer: NodeJS.Timeout
  #beat = 0
  #added = 0

  constructor(everyMs: number) {
    this.#beats = Array.from({ length: beatsOf(everyMs) }, () => new Set<Paced>())
    this.#timer = setInterval(() => this.#move(), everyMs / this.#beats.length)
  }

  add(paced: Paced): void {
    this.#beats[this.#added++ % this.#beats.length]?.add(paced)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #move(): void {
    this.#beat = (this.#beat + 1) % this.#beats.length
    const moving = this.#beats[this.#beat]
    for (const one of moving ?? []) if (!one.step()) moving?.delete(one)
  }
}

const MOST_BEATS = 10

/** Timers know whole milliseconds only. */
function beatsOf(everyMs: number): number {
  let beats = MOST_BEATS
  while (everyMs % beats !== 0) beats--
  return beats
}
