import type { ModelEvent } from './events.ts'
import { newId } from './ids.ts'
import type { JsonObject } from './json.ts'
import { AUDIO_BYTES_PER_MS, audioTokens } from './realtime-conversation.ts'
import { tell, type SocketTurn } from './socket-turn.ts'
import type { Tokenizer } from './tokens.ts'
import { recordInput } from './truth.ts'

/** Audio that was said to a realtime session. */
export interface Said {
  readonly itemId: string
  readonly ms: number
  /** What the usage is stated in. */
  readonly unit: 'tokens' | 'duration'
}

const TRANSCRIPT = 'Somebody said something to the simulator.'
const EVENT = 'conversation.item.input_audio_transcription'

/** Writes down what was said in a realtime session, as a call of its own: another model does it. */
export async function transcribe(turn: SocketTurn, said: Said, tokenizer: Tokenizer): Promise<void> {
  const { record } = turn
  const [input, output] = [audioTokens(said.ms * AUDIO_BYTES_PER_MS), tokenizer.encode(TRANSCRIPT).length]
  const seconds = said.ms / 1000
  record.id = said.itemId
  record.realtime = {
    inputText: 0,
    inputAudio: input,
    inputImage: 0,
    cachedText: 0,
    cachedAudio: 0,
    cachedImage: 0,
    outputText: 0,
    outputAudio: 0,
    seconds,
  }
  recordInput(record, input, { cached: 0, written: 0 })
  const tokens = {
    type: 'tokens',
    total_tokens: input + output,
    input_tokens: input,
    input_token_details: { text_tokens: 0, audio_tokens: input },
    output_tokens: output,
  }
  const usage = said.unit === 'tokens' ? tokens : { type: 'duration', seconds }
  const at = { item_id: said.itemId, content_index: 0 }
  await tell(turn, [
    { ...event(`${EVENT}.delta`, { ...at, delta: TRANSCRIPT }), ...spoken(output) },
    { ...event(`${EVENT}.completed`, { ...at, transcript: TRANSCRIPT, usage }), terminal: true, usageStated: true },
  ])
}

function spoken(tokens: number): Partial<ModelEvent> {
  return { outputTokens: tokens, realtime: { outputText: tokens, outputAudio: 0 } }
}

function event(type: string, fields: JsonObject): ModelEvent {
  const json = JSON.stringify({ type, event_id: newId('event'), ...fields })
  return { type, json, outputTokens: 0, reasoningTokens: 0, terminal: false, usageStated: false }
}
