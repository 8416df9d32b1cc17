/** A request body that upstream has read. */
export interface Prompt {
  readonly bytes: number
  readonly tokens: number
}

/** What one call of the conversation was stated to have used. */
export interface Stated {
  readonly inputTokens: number
  readonly outputTokens: number
}

/** Codex sends side questions of a conversation, and goes back in it: a few more than the last one are known. */
const MOST_PROMPTS = 4

/** What upstream is known to have read of one conversation. */
export class KnownPrompts {
  #last: Stated | undefined
  #read = 0
  #prompts: readonly Prompt[] = []

  /** Of the last call that stated its usage. */
  get last(): Stated | undefined {
    return this.#last
  }

  /** Tokens of what was read last: what comes next begins with it, or with a part of it. */
  get read(): number {
    return this.#read
  }

  stated(last: Stated): void {
    this.#last = last
    // A warm-up reads the beginning alone. What was read before it is cached still.
    const isWarmUp = last.outputTokens === 0
    this.#read = isWarmUp ? Math.max(this.#read, last.inputTokens) : last.inputTokens
  }

  /** Takes the place of what was known of a body of the same size. */
  add(prompt: Prompt): void {
    const others = this.#prompts.filter(({ bytes }) => bytes !== prompt.bytes)
    this.#prompts = [...others, prompt].slice(-MOST_PROMPTS)
  }

  /** The one whose size is nearest: most probably a body of this size is that one, or goes on from it. */
  nearest(bytes: number): Prompt | undefined {
    const [first, ...others] = this.#prompts
    return others.reduce(
      (best, prompt) =>
        best === undefined || Math.abs(prompt.bytes - bytes) <= Math.abs(best.bytes - bytes) ? prompt : best,
      first,
    )
  }
}
