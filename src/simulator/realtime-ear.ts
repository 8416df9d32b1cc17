import { AUDIO_BYTES_PER_MS } from './realtime-conversation.ts'

/** How a session hears that something was said, and what it does then. */
export interface Listening {
  /** So much of what came before speech belongs to it. */
  readonly prefixMs: number
  /** So much silence ends it. */
  readonly silenceMs: number
  /** Whether it answers by itself. */
  readonly answers: boolean
  /** Whether it stops speaking when somebody else begins. */
  readonly yields: boolean
}

/** Times count from the beginning of all audio. `bytes` are those of what was said, with the silence around it. */
export type Heard =
  | { readonly speech: 'started'; readonly atMs: number }
  | { readonly speech: 'stopped'; readonly atMs: number; readonly bytes: number }

/** Hears when somebody speaks, millisecond by millisecond: whatever is not silence is speech. */
export class Ear {
  #ms = 0
  /** What is not a whole millisecond yet. */
  #rest: Buffer = Buffer.alloc(0)
  #startedMs: number | undefined
  #silentMs = 0

  /** Nobody listens to what has come. */
  skip(bytes: number): void {
    this.#ms += Math.floor(bytes / AUDIO_BYTES_PER_MS)
    this.forget()
  }

  /** Speech that has begun is none. */
  forget(): void {
    this.#startedMs = undefined
  }

  /** Goes on with what has come. */
  *hear(audio: Buffer, listening: Pick<Listening, 'prefixMs' | 'silenceMs'>): Generator<Heard> {
    const all = Buffer.concat([this.#rest, audio])
    const whole = all.length - (all.length % AUDIO_BYTES_PER_MS)
    this.#rest = all.subarray(whole)
    for (let at = 0; at < whole; at += AUDIO_BYTES_PER_MS) {
      const silent = all.subarray(at, at + AUDIO_BYTES_PER_MS).every((byte) => byte === 0)
      const heard = this.#next(silent, listening)
      if (heard !== undefined) yield heard
    }
  }

  #next(silent: boolean, { prefixMs, silenceMs }: Pick<Listening, 'prefixMs' | 'silenceMs'>): Heard | undefined {
    const atMs = this.#ms++
    if (!silent) {
      this.#silentMs = 0
      if (this.#startedMs !== undefined) return undefined
      this.#startedMs = Math.max(atMs - prefixMs, 0)
      return { speech: 'started', atMs: this.#startedMs }
    }
    this.#silentMs++
    if (this.#startedMs === undefined || this.#silentMs < silenceMs) return undefined
    const bytes = (this.#ms - this.#startedMs) * AUDIO_BYTES_PER_MS
    this.#startedMs = undefined
    return { speech: 'stopped', atMs: this.#ms, bytes }
  }
}
