import { callUsd } from '../core/call-usd.ts'
import { creditsText, type EpochMs } from '../core/units.ts'
import type { CallRow } from '../ports.ts'
import type { CsvColumn } from './csv.ts'
import { usdText } from './lines.ts'

/** A call in CSV: the names of docs/json.md, what is no text left out of `spoken`. */
export const CALL_CSV: readonly CsvColumn<CallRow>[] = [
  { name: 'id', of: (call) => call.id },
  { name: 'request_id', of: (call) => call.requestId },
  { name: 'member', of: (call) => call.member },
  { name: 'key_prefix', of: (call) => call.keyPrefix },
  { name: 'upstream', of: (call) => call.upstream },
  { name: 'kind', of: (call) => call.kind },
  { name: 'transport', of: (call) => call.transport },
  { name: 'path', of: (call) => call.path },
  { name: 'model', of: (call) => call.model },
  { name: 'service_tier', of: (call) => call.serviceTier },
  { name: 'status', of: (call) => call.status },
  { name: 'ending', of: (call) => call.ending },
  { name: 'refusal', of: (call) => call.refusal },
  { name: 'would_refuse', of: (call) => call.wouldRefuse },
  { name: 'precision', of: (call) => call.precision },
  { name: 'input_tokens', of: (call) => call.inputTokens },
  { name: 'cached_input_tokens', of: (call) => call.cachedInputTokens },
  { name: 'cache_write_tokens', of: (call) => call.cacheWriteTokens },
  { name: 'output_tokens', of: (call) => call.outputTokens },
  { name: 'reasoning_tokens', of: (call) => call.reasoningTokens },
  { name: 'input_audio_tokens', of: (call) => call.spoken?.inputAudioTokens },
  { name: 'cached_audio_tokens', of: (call) => call.spoken?.cachedAudioTokens },
  { name: 'input_image_tokens', of: (call) => call.spoken?.inputImageTokens },
  { name: 'cached_image_tokens', of: (call) => call.spoken?.cachedImageTokens },
  { name: 'output_audio_tokens', of: (call) => call.spoken?.outputAudioTokens },
  { name: 'audio_ms', of: (call) => call.spoken?.audioMs },
  { name: 'credits', of: (call) => creditsText(call.credits) },
  { name: 'usd', of: (call) => usdText(callUsd(call)) },
  { name: 'response_id', of: (call) => call.responseId },
  { name: 'thread_id', of: (call) => call.threadId },
  { name: 'session_id', of: (call) => call.sessionId },
  { name: 'started_at', of: (call) => time(call.startedAt) },
  { name: 'duration_ms', of: (call) => call.durationMs },
  { name: 'attempts', of: (call) => call.attempts },
]

function time(at: EpochMs): string {
  return new Date(at).toISOString()
}
