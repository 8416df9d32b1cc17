/**
 * Tokens of one call as upstream stated them.
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
