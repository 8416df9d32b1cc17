import { newId } from './ids.ts'
import type { JsonObject } from './json.ts'
import type { NamedKey } from './keys.ts'

/** A call over WebRTC: who made it, and what it was set up with. */
export interface VoiceCall {
  readonly id: string
  readonly project: string
  readonly model: string
  readonly session: JsonObject
}

/** Calls beyond these are forgotten, the oldest first. */
const MOST_CALLS = 10_000

/** The calls over WebRTC that were taken, so that their WebSockets find them. */
export class VoiceCalls {
  readonly #calls = new Map<string, VoiceCall>()

  take({ project }: NamedKey, model: string, session: JsonObject): VoiceCall {
    const call = { id: newId('rtc'), project, model, session }
    this.#calls.set(call.id, call)
    if (this.#calls.size > MOST_CALLS) this.#calls.delete(this.#calls.keys().next().value ?? '')
    return call
  }

  /** Undefined for a call of another project: to strangers there is none. */
  find(id: string, { project }: NamedKey): VoiceCall | undefined {
    const call = this.#calls.get(id)
    return call?.project === project ? call : undefined
  }
}
