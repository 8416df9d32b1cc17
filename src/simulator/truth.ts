import type { CacheUse } from './cache.ts'

/** What a realtime response put out, in tokens. */
export interface RealtimeOutput {
  readonly outputText: number
  readonly outputAudio: number
}

/** The tokens of a realtime response or transcription by modality. */
export interface RealtimeUse extends RealtimeOutput {
  readonly inputText: number
  readonly inputAudio: number
  readonly inputImage: number
  /** Of the input. */
  readonly cachedText: number
  readonly cachedAudio: number
  readonly cachedImage: number
  /** Of the audio that a transcription heard; 0 for responses. */
  readonly seconds: number
}

/**
 * What really happened to one call, whatever anybody else saw of it. Times are milliseconds since 1970.
 *
 * Over WebSocket every response is a call, also one that was refused; so is a realtime transcription, and a
 * handshake that was refused. A handshake that succeeded is none.
 */
export interface TrueCall {
  /** How it was asked for. */
  readonly transport: 'http' | 'ws'
  /** The number of the WebSocket connection; undefined for a handshake that was refused, and for HTTP. */
  readonly connection: number | undefined
  /** Asked for with `generate: false`. */
  readonly warmUp: boolean
  /** Only of realtime responses and transcriptions. */
  readonly realtime: RealtimeUse | undefined
  /** The response's id where there was a response (of a transcription its item's), else that of the request. */
  readonly id: string
  /** Over WebSocket that of the handshake. */
  readonly requestId: string
  /** The key's name; undefined for an unknown one. */
  readonly key: string | undefined
  readonly organization: string | undefined
  readonly project: string | undefined
  readonly path: string
  /** As requested. */
  readonly model: string | undefined
  /** The tier that the reply states. */
  readonly serviceTier: string | undefined
  readonly stream: boolean
  /** 0 when no head was sent. Over WebSocket the status of the error frame, 200 for a response. */
  readonly status: number
  /** 0 unless a model took the call up. */
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly cacheWriteTokens: number
  /** What was generated, also when the rest was cut off. */
  readonly outputTokens: number
  /** Of the output tokens. */
  readonly reasoningTokens: number
  /** Whether the terminal event (or the whole unary body) was handed to the network. */
  readonly terminal: boolean
  /** Such as `response.completed`; `[DONE]` for streamed chat, `body` for unary answers, `error` for an error frame. */
  readonly terminalType: string | undefined
  /** Whether usage was in what was handed over. */
  readonly usageStated: boolean
  /** The model's answer was a failure, whether or not that was handed over. */
  readonly failed: boolean
  readonly eventsSent: number
  /** The client left before the end. */
  readonly aborted: boolean
  /** A scripted fault met the call. */
  readonly faulted: boolean
  readonly startedAt: number
  /** undefined while it runs. */
  readonly endedAt: number | undefined
  /** Name, value, name, value, as they came; without authorization. */
  readonly requestHeaders: readonly string[]
}

/** A call that is still being written down. */
export type CallRecord = { -readonly [Field in keyof TrueCall]: TrueCall[Field] } & {
  realtime: RealtimeRecord | undefined
}

type RealtimeRecord = { -readonly [Field in keyof RealtimeUse]: number }

/** What is known of a call when its head has come. */
export interface Arrival {
  readonly requestId: string
  readonly path: string
  readonly rawHeaders: readonly string[]
  readonly transport?: 'http' | 'ws'
  readonly connection?: number
}

export class TruthBook {
  #calls: CallRecord[] = []

  open({ requestId, path, rawHeaders, transport = 'http', connection }: Arrival): CallRecord {
    const call: CallRecord = {
      transport,
      connection,
      warmUp: false,
      realtime: undefined,
      id: requestId,
      requestId,
      key: undefined,
      organization: undefined,
      project: undefined,
      path,
      model: undefined,
      serviceTier: undefined,
      stream: false,
      status: 0,
      inputTokens: 0,
      cachedInputTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: 0,
      reasoningTokens: 0,
      terminal: false,
      terminalType: undefined,
      usageStated: false,
      failed: false,
      eventsSent: 0,
      aborted: false,
      faulted: false,
      startedAt: Date.now(),
      endedAt: undefined,
      requestHeaders: rawHeaders,
    }
    this.#calls.push(call)
    return call
  }

  /** Copies, in order of arrival. */
  calls(): readonly TrueCall[] {
    return this.#calls.map((call) => ({
      ...call,
      realtime: call.realtime === undefined ? undefined : { ...call.realtime },
      requestHeaders: withoutAuthorization(call.requestHeaders),
    }))
  }

  clear(): void {
    this.#calls = []
  }
}

/** Writes down that a model has taken the call up and read its input. */
export function recordInput(call: CallRecord, inputTokens: number, cache: CacheUse): void {
  call.inputTokens = inputTokens
  call.cachedInputTokens = cache.cached
  call.cacheWriteTokens = cache.written
}

/** Adds what was generated just now. */
export function countOutput(use: { -readonly [Field in keyof RealtimeOutput]: number }, output: RealtimeOutput): void {
  use.outputText += output.outputText
  use.outputAudio += output.outputAudio
}

function withoutAuthorization(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, i) => rawHeaders[i - (i % 2)]?.toLowerCase() !== 'authorization')
}
