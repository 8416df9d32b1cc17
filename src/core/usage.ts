/**
 * Tokens of one call as upstream stated them, a part never more than its whole.
 *
 * `cachedInputTokens` and `cacheWriteTokens` are disjoint parts of `inputTokens`; `reasoningTokens` is a part of
 * `outputTokens`. Whole numbers, never negative.
 */
export interface Usage {
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly cacheWriteTokens: number
  readonly outputTokens: number
  readonly reasoningTokens: number
  /** What of it is no text; absent where all is. */
  readonly spoken?: SpokenUsage
  /** Stated so that it contradicts itself: a part was more than its whole and was cut to it. Absent elsewhere. */
  readonly inconsistent?: true
}

/**
 * The parts of a realtime session's tokens that are audio or images: each a part of the whole of its name, the cached
 * ones parts of the input of their kind too. What is not named is text.
 */
export interface SpokenUsage {
  readonly inputAudioTokens: number
  readonly cachedAudioTokens: number
  readonly inputImageTokens: number
  readonly cachedImageTokens: number
  readonly outputAudioTokens: number
  /** Of a transcription that is counted by its length, in milliseconds; else 0. */
  readonly audioMs: number
}

export const SILENCE: SpokenUsage = {
  inputAudioTokens: 0,
  cachedAudioTokens: 0,
  inputImageTokens: 0,
  cachedImageTokens: 0,
  outputAudioTokens: 0,
  audioMs: 0,
}

export const NO_USAGE: Usage = {
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
}

/** How far a row can be trusted: upstream stated the usage (or nothing ran), it was estimated, or nothing is known. */
export type Precision = 'exact' | 'estimated' | 'unknown'

/**
 * Reads a `usage` object of the Responses API (`input_tokens`, …) or of chat completions (`prompt_tokens`, …).
 * Details may be absent or null. Undefined when it states no usage that can be billed.
 */
export function usageOf(value: unknown): Usage | undefined {
  if (!isRecord(value)) return undefined
  const inputTokens = count(value['input_tokens'] ?? value['prompt_tokens'])
  const outputTokens = count(value['output_tokens'] ?? value['completion_tokens'])
  if (inputTokens === undefined || outputTokens === undefined) return undefined
  const input = value['input_tokens_details'] ?? value['prompt_tokens_details']
  const output = value['output_tokens_details'] ?? value['completion_tokens_details']
  // Where the parts of the input add up to more than it, the cached ones are believed first.
  const cached = partOf(inputTokens, input, 'cached_tokens')
  const written = partOf(inputTokens - cached.tokens, input, 'cache_write_tokens')
  const reasoning = partOf(outputTokens, output, 'reasoning_tokens')
  return {
    inputTokens,
    cachedInputTokens: cached.tokens,
    cacheWriteTokens: written.tokens,
    outputTokens,
    reasoningTokens: reasoning.tokens,
    ...([cached, written, reasoning].some(({ cut }) => cut) && { inconsistent: true }),
  }
}

/** A part of a whole, 0 where it is not stated; one that is more, or no count at all, is cut. */
export function partOf(
  whole: number,
  details: unknown,
  name: string,
): { readonly tokens: number; readonly cut: boolean } {
  const stated = isRecord(details) ? (details[name] ?? undefined) : undefined
  const tokens = count(stated)
  if (tokens === undefined) return { tokens: 0, cut: stated !== undefined }
  return tokens > whole ? { tokens: whole, cut: true } : { tokens, cut: false }
}

/** More than any answer can have: what states more states nothing, or sums of money would pass 64 bits. */
const MAX_TOKENS = 1_000_000_000

/** A count of tokens; undefined for what is none. */
export function count(value: unknown): number | undefined {
  const right = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= MAX_TOKENS
  return right ? value : undefined
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
