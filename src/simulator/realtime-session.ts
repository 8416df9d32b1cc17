import { newId } from './ids.ts'
import { asList, asObject, asText, type JsonObject } from './json.ts'
import type { Listening } from './realtime-ear.ts'

/** What turn detection defaults to (OpenAI, "Voice activity detection"). */
const PREFIX_MS = 300
const SILENCE_MS = 500

/** How a realtime session is set up; clients see and change it as the API's session object. */
export class RealtimeSession {
  #config: JsonObject

  constructor(model: string) {
    const format = { type: 'audio/pcm', rate: 24_000 }
    this.#config = {
      type: 'realtime',
      object: 'realtime.session',
      id: newId('sess'),
      model,
      output_modalities: ['audio'],
      instructions: 'Be brief.',
      tools: [],
      tool_choice: 'auto',
      max_output_tokens: 'inf',
      tracing: null,
      truncation: 'auto',
      prompt: null,
      expires_at: Math.floor(Date.now() / 1000) + 3600,
      // At OpenAI a session listens for pauses from its beginning on; here it does when it is told to.
      audio: {
        input: { format, transcription: null, noise_reduction: null, turn_detection: null },
        output: { format, voice: 'marin', speed: 1 },
      },
      include: null,
    }
  }

  get config(): JsonObject {
    return this.#config
  }

  /** Changes the fields that are given, also deep inside. */
  update(fields: JsonObject): void {
    this.#config = merged(this.#config, fields)
  }

  /** The model that transcribes what is said to the session; undefined when nobody asked for it. */
  get transcriptionModel(): string | undefined {
    const input = asObject(asObject(this.#config['audio'])?.['input'])
    return asText(asObject(input?.['transcription'])?.['model'])
  }

  /** How it listens for pauses; undefined when it does not, and whoever wants an answer commits and asks for it. */
  get listening(): Listening | undefined {
    const detection = asObject(asObject(asObject(this.#config['audio'])?.['input'])?.['turn_detection'])
    if (detection === undefined) return undefined
    const { prefix_padding_ms: prefixMs, silence_duration_ms: silenceMs } = detection
    return {
      prefixMs: typeof prefixMs === 'number' ? prefixMs : PREFIX_MS,
      silenceMs: typeof silenceMs === 'number' ? silenceMs : SILENCE_MS,
      answers: detection['create_response'] !== false,
      yields: detection['interrupt_response'] !== false,
    }
  }

  /** The session's settings for one response, which may have its own. */
  forResponse(own: JsonObject): {
    readonly instructions: string
    readonly audio: boolean
    readonly modalities: unknown
  } {
    const { instructions, output_modalities: modalities } = merged(this.#config, own)
    return { instructions: asText(instructions) ?? '', audio: asList(modalities).includes('audio'), modalities }
  }
}

function merged(old: JsonObject, fields: JsonObject): JsonObject {
  const changes = Object.entries(fields).map(([name, value]) => {
    const [before, after] = [asObject(old[name]), asObject(value)]
    return [name, before === undefined || after === undefined ? value : merged(before, after)]
  })
  return { ...old, ...Object.fromEntries(changes) }
}
