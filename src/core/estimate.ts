import type { Usage } from './usage.ts'

/** What was seen of a call from outside. */
export interface Seen {
  readonly model: string | undefined
  readonly requestBytes: number
  /** Bytes of the events that carried output; 0 where nothing of it was seen. */
  readonly outputBytes: number
  /** What tells the conversation from all others; undefined when nothing does. */
  readonly thread: string | undefined
  /** Whether it sent only what is new, and upstream knew the rest. */
  readonly continues: boolean
}

/** How far off estimates were. */
export interface EstimatorError {
  readonly calls: number
  /** Median of |estimated - stated| / stated, of all tokens. */
  readonly median: number
}

const MOST_MODELS = 1000
const MOST_THREADS = 50_000
/** Of so many calls the error is told. */
const MOST_ERRORS = 1000
/** Prompts are cached in steps, and not at all when they are short (OpenAI, prompt caching guide). */
const CACHE_STEP = 128
const CACHE_LEAST = 1024

/** A mean in which what came later counts more: of what came 50 values ago about a third is left. */
class Mean {
  #count = 0
  #value: number

  /** `first` holds until something has come. */
  constructor(first: number) {
    this.#value = first
  }

  get value(): number {
    return this.#value
  }

  add(value: number): void {
    if (!Number.isFinite(value)) return
    this.#value += (value - this.#value) * Math.max(0.02, 1 / ++this.#count)
  }
}

/** What calls of a model have in common; before one was seen, what JSON and its events usually hold. */
class ModelMeans {
  readonly perRequestByte = new Mean(1 / 4)
  readonly perOutputByte = new Mean(1 / 200)
  /** Tokens of what is thought before it is said. */
  readonly reasoning = new Mean(0)
  /** Tokens of a whole answer. */
  readonly output = new Mean(4000)
  /** Of the input of a conversation that was not seen before. */
  readonly cachedShare = new Mean(0)
  calls = 0

  learnOutput(bytes: number, { outputTokens, reasoningTokens }: Usage): void {
    // A warm-up says nothing, and tells nothing of answers.
    if (outputTokens > 0) this.output.add(outputTokens)
    if (bytes === 0) return
    this.perOutputByte.add((outputTokens - reasoningTokens) / bytes)
    this.reasoning.add(reasoningTokens)
  }
}

/** What a conversation had come to when it was last seen. */
interface Thread {
  readonly inputTokens: number
  readonly outputTokens: number
}

/**
 * Estimates what a call used whose usage nobody stated, by others of its model: tokens for each byte of request and of
 * output; and by its own conversation, of which the beginning is cached. Learns from every call that stated its usage.
 */
export class Estimator {
  readonly #models = new Map<string, ModelMeans>()
  readonly #threads = new Map<string, Thread>()
  readonly #errors: number[] = []

  /** Undefined before anything could be compared. */
  get error(): EstimatorError | undefined {
    const sorted = this.#errors.toSorted((a, b) => a - b)
    const median = sorted[sorted.length >> 1]
    return median === undefined ? undefined : { calls: sorted.length, median }
  }

  learn(seen: Seen, usage: Usage): void {
    const { inputTokens, outputTokens, cachedInputTokens } = usage
    if (inputTokens === 0 || usage.spoken) return
    const means = this.#means(seen)
    if (means.calls > 0 && seen.outputBytes > 0) this.#compare(this.soFar(seen), usage)
    const isNew = seen.thread === undefined || !this.#threads.has(seen.thread)
    if (!seen.continues) means.perRequestByte.add(inputTokens / seen.requestBytes)
    means.learnOutput(seen.outputBytes, usage)
    if (isNew) means.cachedShare.add(cachedInputTokens / inputTokens)
    means.calls++
    remember(this.#models, seen.model ?? '', means, MOST_MODELS)
    if (seen.thread !== undefined) remember(this.#threads, seen.thread, { inputTokens, outputTokens }, MOST_THREADS)
  }

  /** What a call that was cut short has used, by the output that was seen of it. */
  soFar(seen: Seen): Usage {
    const { perOutputByte, reasoning } = this.#means(seen)
    // Nothing is seen of what is thought, and it is thought before anything is said.
    const thought = seen.outputBytes > 0 ? Math.round(reasoning.value) : 0
    return this.#usage(seen, thought + Math.round(seen.outputBytes * perOutputByte.value), thought)
  }

  /** What a call will use that has not begun. */
  ahead(seen: Omit<Seen, 'outputBytes'>): Usage {
    const { output, reasoning } = this.#means(seen)
    return this.#usage(seen, Math.round(output.value), Math.round(reasoning.value))
  }

  #usage(seen: Omit<Seen, 'outputBytes'>, outputTokens: number, thought: number): Usage {
    const means = this.#means(seen)
    const thread = seen.thread === undefined ? undefined : this.#threads.get(seen.thread)
    const known = seen.continues && thread ? thread.inputTokens + thread.outputTokens : 0
    const inputTokens = Math.round(known + seen.requestBytes * means.perRequestByte.value)
    const cached = thread ? Math.min(thread.inputTokens, inputTokens) : inputTokens * means.cachedShare.value
    const cachedInputTokens = cached < CACHE_LEAST ? 0 : Math.floor(cached / CACHE_STEP) * CACHE_STEP
    const reasoningTokens = Math.min(thought, outputTokens)
    return { inputTokens, cachedInputTokens, cacheWriteTokens: 0, outputTokens, reasoningTokens }
  }

  #means({ model }: Pick<Seen, 'model'>): ModelMeans {
    return this.#models.get(model ?? '') ?? new ModelMeans()
  }

  #compare(estimated: Usage, stated: Usage): void {
    const [guess, truth] = [estimated, stated].map(({ inputTokens, outputTokens }) => inputTokens + outputTokens)
    this.#errors.push(Math.abs((guess ?? 0) - (truth ?? 0)) / (truth ?? 1))
    if (this.#errors.length > MOST_ERRORS) this.#errors.shift()
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > most) map.delete(map.keys().next().value ?? '')
}
