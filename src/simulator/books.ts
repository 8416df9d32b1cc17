/** What stands in an organization's own books: its calls, made out of the truth. */
import { keyId, type KeyRing } from './keys.ts'
import type { ModelShelf } from './models.ts'
import type { TrueCall } from './truth.ts'

/** Tokens of one kind: those that were read, those of them that came from the cache, and those that were put out. */
export interface Counted {
  readonly input: number
  readonly cached: number
  readonly written: number
  readonly output: number
}

/** One call as it is booked. */
export interface BookedCall {
  /** Of a transcription: its book is another than that of completions, the bill is the same. */
  readonly transcription: boolean
  /** Seconds since 1970. */
  readonly at: number
  readonly project: string
  readonly keyId: string
  /** The dated name of the model that took it up. */
  readonly model: string
  readonly serviceTier: string
  /** All of it. */
  readonly total: Counted
  readonly text: Counted
  readonly audio: Counted
  readonly image: Counted
}

const NONE: Counted = { input: 0, cached: 0, written: 0, output: 0 }

/**
 * The calls of one organization that its books of completions, and of transcriptions, know at `until`.
 *
 * A call is booked at the instant at which it began, once it has been over for `delayMs`, if a model took it up: with all
 * that was read and generated, whether anybody was there to hear it. Refused calls are not, nor those that failed without
 * stating usage, nor searches, which have books of their own. OpenAI documents none of this: that failures cost nothing is
 * what its own answers say (`usage: null`), the rest is assumed. Transcriptions are billed by tokens, whatever they state.
 */
export function bookedCalls(
  calls: readonly TrueCall[],
  organization: string,
  { keys, shelf, until }: { readonly keys: KeyRing; readonly shelf: ModelShelf; readonly until: number },
): readonly BookedCall[] {
  const known = new Map(keys.of(organization).map((key) => [key.name, key]))
  return calls.flatMap((call) => {
    const key = call.organization === organization ? known.get(call.key ?? '') : undefined
    if (key === undefined || call.endedAt === undefined || call.endedAt > until || !isBooked(call)) return []
    return [
      {
        transcription: isTranscription(call),
        at: Math.floor(call.startedAt / 1000),
        project: key.project,
        keyId: keyId(key),
        model: shelf.nameOf(call.model ?? ''),
        serviceTier: call.serviceTier ?? 'default',
        ...countedIn(call),
      },
    ]
  })
}

function isBooked(call: TrueCall): boolean {
  if (call.inputTokens === 0) return false
  return !call.failed || call.usageStated
}

function isTranscription({ realtime }: TrueCall): boolean {
  return realtime !== undefined && realtime.seconds > 0
}

function countedIn(call: TrueCall): Pick<BookedCall, 'total' | 'text' | 'audio' | 'image'> {
  const { inputTokens: input, cachedInputTokens: cached, cacheWriteTokens: written, outputTokens: output } = call
  const total = { input, cached, written, output }
  const { realtime } = call
  if (realtime === undefined) return { total, text: total, audio: NONE, image: NONE }
  return {
    total,
    text: { input: realtime.inputText, cached: realtime.cachedText, written, output: realtime.outputText },
    audio: { input: realtime.inputAudio, cached: realtime.cachedAudio, written: 0, output: realtime.outputAudio },
    image: { input: realtime.inputImage, cached: realtime.cachedImage, written: 0, output: 0 },
  }
}
