/** How the input of one request meets the prompt cache, in tokens. */
export interface CacheUse {
  readonly cached: number
  /** Written by this request; 0 unless the cache counts writes. */
  readonly written: number
}

/** OpenAI caches prefixes of 1,024 tokens or more, in steps of 128 (prompt caching guide). */
const SHORTEST_TOKENS = 1024
const STEP_TOKENS = 128

/** What the cache may remember, in steps; the oldest go first. */
const MEMORY_STEPS = 1_000_000

/**
 * Remembers the prefixes of prompts, each under its scope: nothing is found again under another scope.
 *
 * A step is known by a 53-bit hash of everything up to its end, so equal means an equal prefix.
 */
export class PromptCache {
  readonly #countWrites: boolean
  readonly #steps = new Set<string>()

  constructor(countWrites: boolean) {
    this.#countWrites = countWrites
  }

  /** Looks the prompt up, then remembers it. `segments` in order are the prompt. */
  use(scope: string, segments: readonly Uint32Array[]): CacheUse {
    let [known, cached, steps] = [true, 0, 0]
    for (const prefix of prefixes(segments)) {
      const step = `${scope} ${prefix}`
      known &&= this.#steps.has(step)
      if (known) cached += STEP_TOKENS
      else this.#steps.add(step)
      steps++
    }
    this.#forget()
    const whole = steps * STEP_TOKENS
    if (cached < SHORTEST_TOKENS) cached = 0
    const written = this.#countWrites && whole >= SHORTEST_TOKENS ? whole - cached : 0
    return { cached, written }
  }

  clear(): void {
    this.#steps.clear()
  }

  #forget(): void {
    for (const oldest of this.#steps) {
      if (this.#steps.size <= MEMORY_STEPS) break
      this.#steps.delete(oldest)
    }
  }
}

/** The hash of every prefix that ends on a step. */
function* prefixes(segments: readonly Uint32Array[]): Generator<number> {
  let [high, low, tokens] = [0x811c9dc5, 0x1b873593, 0]
  for (const segment of segments) {
    for (const token of segment) {
      high = Math.imul(high ^ token, 0x01000193)
      low = Math.imul(low ^ (token + tokens), 0x85ebca6b)
      low ^= low >>> 15
      tokens++
      if (tokens % STEP_TOKENS === 0) yield (high >>> 0) * 0x200000 + (low >>> 11)
    }
  }
}
