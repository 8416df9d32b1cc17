import type { CacheUse } from './cache.ts'

/** What a call has used, in tokens. */
export interface Spent {
  readonly input: number
  readonly cache: CacheUse
  readonly output: number
  /** Of the output. */
  readonly reasoning: number
}

/** As /responses and /responses/compact state it. */
export function responsesUsage({ input, cache, output, reasoning }: Spent): string {
  return `{"input_tokens":${input},"input_tokens_details":{"cached_tokens":${cache.cached},"cache_write_tokens":${cache.written}},"output_tokens":${output},"output_tokens_details":{"reasoning_tokens":${reasoning}},"total_tokens":${input + output}}`
}

/** As /chat/completions states it. */
export function chatUsage({ input, cache, output, reasoning }: Spent): string {
  return `{"prompt_tokens":${input},"completion_tokens":${output},"total_tokens":${input + output},"prompt_tokens_details":{"cached_tokens":${cache.cached},"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":${reasoning},"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}`
}
