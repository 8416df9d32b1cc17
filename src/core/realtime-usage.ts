import { count, isRecord, partOf, SILENCE, usageOf, type SpokenUsage, type Usage } from './usage.ts'

/** The longest audio of which a transcription can be: a day. */
const MAX_AUDIO_MS = 86_400_000

/**
 * Reads the usage of a realtime response or of a transcription: `{input_tokens, input_token_details: {text_tokens,
 * audio_tokens, image_tokens, cached_tokens, cached_tokens_details}, output_tokens, output_token_details}`, or
 * `{type: "duration", seconds}`. Details may be absent: what they do not name is text. Undefined when it states
 * nothing that can be billed.
 */
export function realtimeUsageOf(value: unknown): Usage | undefined {
  if (!isRecord(value)) return undefined
  if (value['type'] === 'duration') return duration(value['seconds'])
  const whole = usageOf(value)
  if (!whole) return undefined
  const input = recordIn(value, 'input_token_details')
  const output = recordIn(value, 'output_token_details')
  const allCached = partOf(whole.inputTokens, input, 'cached_tokens')
  const audio = partOf(whole.inputTokens, input, 'audio_tokens')
  const image = partOf(whole.inputTokens - audio.tokens, input, 'image_tokens')
  const said = partOf(whole.outputTokens, output, 'audio_tokens')
  const [cachedInputTokens, inputAudioTokens, inputImageTokens] = [allCached.tokens, audio.tokens, image.tokens]
  const cached = cachedParts(input, cachedInputTokens, {
    text: whole.inputTokens - inputAudioTokens - inputImageTokens,
    audio: inputAudioTokens,
    image: inputImageTokens,
  })
  const spoken: SpokenUsage = {
    inputAudioTokens,
    inputImageTokens,
    outputAudioTokens: said.tokens,
    audioMs: 0,
    ...cached,
  }
  const cut = [allCached, audio, image, said].some((each) => each.cut)
  return {
    ...whole,
    cachedInputTokens,
    ...(saysSomething(spoken) && { spoken }),
    ...(cut && { inconsistent: true }),
  }
}

function duration(seconds: unknown): Usage | undefined {
  if (typeof seconds !== 'number' || !(seconds >= 0)) return undefined
  // Up, as the price is: but not by what a fraction lacks in binary.
  const audioMs = least(Math.ceil(Number((seconds * 1000).toFixed(3))), MAX_AUDIO_MS)
  const nothing = { inputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0 }
  return { ...nothing, spoken: { ...SILENCE, audioMs } }
}

type Cached = Pick<SpokenUsage, 'cachedAudioTokens' | 'cachedImageTokens'>

/** Without details the text, of which there is always some, is taken to be cached first, then what was said. */
function cachedParts(
  input: Readonly<Record<string, unknown>>,
  cached: number,
  whole: { readonly text: number; readonly audio: number; readonly image: number },
): Cached {
  const details = recordIn(input, 'cached_tokens_details')
  const stated = part(details, 'audio_tokens') + part(details, 'image_tokens') + part(details, 'text_tokens') > 0
  const beyondText = cached > whole.text ? cached - whole.text : 0
  const audio = stated ? part(details, 'audio_tokens') : beyondText
  const cachedAudioTokens = least(audio, least(whole.audio, cached))
  const image = stated ? part(details, 'image_tokens') : beyondText - cachedAudioTokens
  return { cachedAudioTokens, cachedImageTokens: least(image, least(whole.image, cached - cachedAudioTokens)) }
}

function saysSomething(spoken: SpokenUsage): boolean {
  return Object.values(spoken).some((tokens) => tokens !== 0)
}

function recordIn(value: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
  const found = value[name]
  return isRecord(found) ? found : {}
}

function part(details: Readonly<Record<string, unknown>>, name: string): number {
  return count(details[name]) ?? 0
}

function least(a: number, b: number): number {
  return a < b ? a : b
}
