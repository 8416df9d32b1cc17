import { KnownPrompts } from './known-prompts.ts'
import { Mean, Ratio, Trend } from './learned.ts'
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
  /** Median of |estimated - stated| / stated, of tokens weighed as they are charged: see `weightOf`. */
  readonly median: number
}

const MOST_MODELS = 1000
const MOST_CONVERSATIONS = 50_000
/** Of so many calls the error is told. */
const MOST_ERRORS = 1000
/** Prompts are cached in steps, and not at all when they are short (OpenAI, prompt caching guide). */
const CACHE_STEP = 128
const CACHE_LEAST = 1024

/** What calls of a model have in common; before one was seen, what JSON and its events usually hold. */
class ModelMeans {
  /** Of a conversation that was not seen before. */
  readonly perFirstByte = new Ratio(1 / 4)
  /** Of what a body has more than one before it in its conversation. */
  readonly perNewByte = new Ratio(1 / 4)
  /** New input of a call that sends only what is new, beside all that it repeats (Codex: its tools). */
  readonly ofContinuing = new Trend(1 / 4)
  readonly perOutputByte = new Ratio(1 / 200)
  /** Tokens of what is thought before it is said. */
  readonly reasoning = new Mean(0)
  /** Tokens of a whole answer. */
  readonly output = new Mean(4000)
  /** Of the input of a conversation that was not seen before. */
  readonly cachedShare = new Mean(0)
  calls = 0

  learnInput({ requestBytes, continues }: Seen, known: KnownPrompts | undefined, usage: Usage): void {
    const { inputTokens, cachedInputTokens } = usage
    const last = known?.last
    if (known === undefined) this.cachedShare.add(cachedInputTokens / inputTokens)
    // What a ledger tells of a call that went on has no bytes.
    if (requestBytes === 0) return
    if (continues) {
      if (last) this.ofContinuing.add(inputTokens - last.inputTokens - last.outputTokens, requestBytes)
      return
    }
    if (known === undefined) this.perFirstByte.add(inputTokens, requestBytes)
    const base = known?.nearest(requestBytes)
    if (base && base.bytes < requestBytes && base.tokens < inputTokens) {
      this.perNewByte.add(inputTokens - base.tokens, requestBytes - base.bytes)
    }
  }

  learnOutput(bytes: number, { outputTokens, reasoningTokens }: Usage): void {
    // A warm-up says nothing, and tells nothing of answers.
    if (outputTokens > 0) this.output.add(outputTokens)
    if (bytes === 0) return
    this.perOutputByte.add(outputTokens - reasoningTokens, bytes)
    this.reasoning.add(reasoningTokens)
  }
}

/** How much of an input is known, or guessed, to be cached. */
interface Input {
  readonly tokens: number
  readonly cached: number
}

/**
 * Estimates what a call used whose usage nobody stated: its input by what its own conversation was stated to have read
 * before, which is also what is cached of it, and else by other conversations of its model; its output by the bytes that
 * were seen. Learns from every call that stated its usage.
 */
export class Estimator {
  readonly #models = new Map<string, ModelMeans>()
  readonly #conversations = new Map<string, KnownPrompts>()
  readonly #errors: number[] = []

  /** Undefined before anything could be compared. */
  get error(): EstimatorError | undefined {
    const sorted = this.#errors.toSorted((a, b) => a - b)
    const median = sorted[sorted.length >> 1]
    return median === undefined ? undefined : { calls: sorted.length, median }
  }

  learn(seen: Seen, usage: Usage): void {
    const { inputTokens, outputTokens } = usage
    if (inputTokens === 0 || usage.spoken) return
    const means = this.#means(seen)
    if (means.calls > 0 && seen.outputBytes > 0) this.#compare(this.soFar(seen), usage)
    means.learnInput(seen, this.#known(seen), usage)
    means.learnOutput(seen.outputBytes, usage)
    means.calls++
    remember(this.#models, seen.model ?? '', means, MOST_MODELS)
    const known = this.#read(seen, inputTokens)
    known?.stated({ inputTokens, outputTokens })
  }

  /** A call was cut short: what upstream had read of it by then is cached for those that go on from it. */
  cut(seen: Seen): void {
    if (!seen.continues) this.#read(seen, this.soFar(seen).inputTokens)
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
    const { tokens, cached } = this.#input(seen)
    const inputTokens = Math.round(tokens)
    const least = Math.min(cached, inputTokens)
    const cachedInputTokens = least < CACHE_LEAST ? 0 : Math.floor(least / CACHE_STEP) * CACHE_STEP
    const reasoningTokens = Math.min(thought, outputTokens)
    return { inputTokens, cachedInputTokens, cacheWriteTokens: 0, outputTokens, reasoningTokens }
  }

  #input(seen: Omit<Seen, 'outputBytes'>): Input {
    const { requestBytes: bytes, continues } = seen
    const means = this.#means(seen)
    const known = this.#known(seen)
    const last = known?.last
    const read = known?.read ?? 0
    if (continues && last) {
      return { tokens: last.inputTokens + last.outputTokens + means.ofContinuing.at(bytes), cached: read }
    }
    const base = continues ? undefined : known?.nearest(bytes)
    if (base === undefined) {
      const tokens = bytes * means.perFirstByte.value
      return { tokens, cached: known ? read : tokens * means.cachedShare.value }
    }
    const more = bytes - base.bytes
    const tokens = more > 0 ? base.tokens + more * means.perNewByte.value : (base.tokens / base.bytes) * bytes
    return { tokens, cached: Math.max(base.tokens, read) }
  }

  /** Upstream has read so much for this call: kept where there is a conversation to know it by. */
  #read(seen: Seen, tokens: number): KnownPrompts | undefined {
    if (seen.thread === undefined) return undefined
    const known = this.#known(seen) ?? new KnownPrompts()
    if (!seen.continues && seen.requestBytes > 0) known.add({ bytes: seen.requestBytes, tokens })
    remember(this.#conversations, seen.thread, known, MOST_CONVERSATIONS)
    return known
  }

  #known({ thread }: Pick<Seen, 'thread'>): KnownPrompts | undefined {
    return thread === undefined ? undefined : this.#conversations.get(thread)
  }

  #means({ model }: Pick<Seen, 'model'>): ModelMeans {
    return this.#models.get(model ?? '') ?? new ModelMeans()
  }

  #compare(estimated: Usage, stated: Usage): void {
    const truth = weightOf(stated)
    this.#errors.push(Math.abs(weightOf(estimated) - truth) / truth)
    if (this.#errors.length > MOST_ERRORS) this.#errors.shift()
  }
}

/** Tokens as most rates weigh them: a tenth for one of cached input, six for one of output. */
function weightOf({ inputTokens, cachedInputTokens, outputTokens }: Usage): number {
  return inputTokens - 0.9 * cachedInputTokens + 6 * outputTokens
}

function remember<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > most) map.delete(map.keys().next().value ?? '')
}
