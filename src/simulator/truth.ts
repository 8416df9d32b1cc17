import type { CacheUse } from './cache.ts'

/** What really happened to one call, whatever anybody else saw of it. Times are milliseconds since 1970. */
export interface TrueCall {
  /** The response's id where there was a response, else that of the request. */
  readonly id: string
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
  /** 0 when no head was sent. */
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
  /** Such as `response.completed`; `[DONE]` for streamed chat, `body` for unary answers. */
  readonly terminalType: string | undefined
  /** Whether usage was in what was handed over. */
  readonly usageStated: boolean
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
export type CallRecord = { -readonly [Field in keyof TrueCall]: TrueCall[Field] }

/** What is known of a call when its head has come. */
export interface Arrival {
  readonly requestId: string
  readonly path: string
  readonly rawHeaders: readonly string[]
}

export class TruthBook {
  #calls: CallRecord[] = []

  open({ requestId, path, rawHeaders }: Arrival): CallRecord {
    const call: CallRecord = {
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
    return this.#calls.map((call) => ({ ...call, requestHeaders: withoutAuthorization(call.requestHeaders) }))
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

function withoutAuthorization(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, i) => rawHeaders[i - (i % 2)]?.toLowerCase() !== 'authorization')
}
