import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import {
  IdleTimeout,
  NoReply,
  type HeaderList,
  type Reply,
  type Upstream,
  type UpstreamClient,
  type UpstreamRequest,
  type Vault,
} from '../../ports.ts'
import { dispatcherOf, type WayOptions } from './dispatcher.ts'
import { reasonOf } from './no-reply.ts'

export interface HttpOptions extends WayOptions {
  /** Where keys without a base URL of their own go: `https://api.openai.com`. */
  readonly baseUrl: string
  /** Longest silence between two pieces of an answer. */
  readonly idleTimeoutMs: number
  readonly vault: Vault
}

/** Calls the OpenAI API over HTTP/1.1 with kept-alive connections. */
export class OpenAiHttp implements Pick<UpstreamClient, 'open'> {
  readonly #options: HttpOptions
  readonly #dispatcher: Dispatcher

  constructor(options: HttpOptions) {
    this.#options = options
    this.#dispatcher = dispatcherOf(options)
  }

  async open(request: UpstreamRequest, upstream: Upstream, signal: AbortSignal): Promise<Reply> {
    // undici would spend a connection on it.
    if (signal.aborted) throw new NoReply('aborted', false)
    const exchange = new Exchange(signal, request.headTimeoutMs, this.#options.idleTimeoutMs)
    try {
      const base = new URL(upstream.baseUrl ?? this.#options.baseUrl)
      const headers = [...request.headers, 'authorization', `Bearer ${this.#options.vault.secretOf(upstream.id)}`]
      this.#dispatcher.dispatch(
        {
          origin: base.origin,
          path: `${base.pathname.replace(/\/$/, '')}${request.path}`,
          method: request.method as Dispatcher.HttpMethod,
          headers: this.#options.proxy ? grouped(lengthened(headers, request.body)) : lengthened(headers, request.body),
          body: sendable(request.body),
        },
        exchange,
      )
    } catch (cause) {
      exchange.fail(new NoReply('bad-response', false, cause))
    }
    return await exchange.reply
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy()
  }
}

/** undici keeps a body for as long as its answer lasts; beyond this size that is too much of a stream's memory. */
const KEPT_BODY_BYTES = 16_384

/** A large body is handed over once and forgotten. */
function sendable(body: Uint8Array | undefined): Uint8Array | Readable | null {
  if (body === undefined || body.length <= KEPT_BODY_BYTES) return body ?? null
  // undici takes any async iterable; its types know only one kind.
  return onceOnly({ bytes: body }) as unknown as Readable
}

async function* onceOnly(box: { bytes: Uint8Array | undefined }): AsyncGenerator<Uint8Array> {
  const { bytes } = box
  box.bytes = undefined
  if (bytes) yield bytes
}

/** undici states the length of the bytes that it is given; of those that it draws, it must be told. */
function lengthened(headers: string[], body: Uint8Array | undefined): string[] {
  if (body === undefined || body.length <= KEPT_BODY_BYTES) return headers
  return [...headers, 'content-length', String(body.length)]
}

/** On the way through a proxy undici (8.12) keeps of several headers with one name the last, unless they come as one. */
function grouped(headers: readonly string[]): Record<string, string | string[]> {
  const groups = new Map<string, string[]>()
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = '', value = ''] = headers.slice(i, i + 2)
    groups.set(name, [...(groups.get(name) ?? []), value])
  }
  return Object.fromEntries(Array.from(groups, ([name, values]) => [name, values.length > 1 ? values : values.join()]))
}

/** One exchange: undici's callbacks on one side, a Reply on the other. */
class Exchange implements Dispatcher.DispatchHandler, Reply {
  readonly reply: Promise<Reply>
  status = 0
  headers: HeaderList = []
  readonly #idleMs: number
  readonly #signal: AbortSignal
  readonly #settle: PromiseWithResolvers<Reply>
  readonly #headTimer: NodeJS.Timeout
  readonly #aborted = (): void => this.#stop(new NoReply('aborted', this.#sent))
  #controller: Dispatcher.DispatchController | undefined
  #sent = false
  #begun = false
  #over = false
  #cause: Error | undefined
  #pump: Pump | undefined

  constructor(signal: AbortSignal, headTimeoutMs: number, idleMs: number) {
    this.#settle = Promise.withResolvers<Reply>()
    this.reply = this.#settle.promise
    this.#signal = signal
    this.#idleMs = idleMs
    this.#headTimer = setTimeout(() => this.#stop(new NoReply('timeout', this.#sent)), headTimeoutMs)
    signal.addEventListener('abort', this.#aborted, { once: true })
  }

  // ------------------------------------------------------------------------------------------- for the gateway

  async pump(sink: (chunk: Uint8Array) => boolean, drained: () => Promise<void>): Promise<void> {
    const pump: Pump = { sink, drained, end: Promise.withResolvers<void>(), idle: undefined }
    this.#pump = pump
    if (this.#over) {
      if (this.#cause) pump.end.reject(this.#cause)
      else pump.end.resolve()
    } else {
      pump.idle = setTimeout(() => this.#stop(new IdleTimeout('upstream sent nothing')), this.#idleMs)
      this.#controller?.resume()
    }
    return await pump.end.promise
  }

  cancel(): void {
    this.#stop(new Error('cancelled'))
  }

  fail(cause: Error): void {
    this.#finish(cause)
  }

  // ------------------------------------------------------------------------------------------------ from undici

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#over) controller.abort(this.#cause ?? new Error('cancelled'))
    else this.#sent = true
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) return
    clearTimeout(this.#headTimer)
    this.#begun = true
    this.status = status
    this.headers = rawHeaders(controller.rawHeaders)
    // Nothing of the body is read until somebody pumps.
    controller.pause()
    this.#settle.resolve(this)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    const pump = this.#pump
    if (!pump || this.#over) return
    pump.idle?.refresh()
    if (pump.sink(chunk)) return
    controller.pause()
    // A client that is slow is not an upstream that is silent.
    clearTimeout(pump.idle)
    pump.drained().then(
      () => {
        if (this.#over) return
        pump.idle = setTimeout(() => this.#stop(new IdleTimeout('upstream sent nothing')), this.#idleMs)
        controller.resume()
      },
      (cause: unknown) => this.#stop(cause instanceof Error ? cause : new Error(String(cause))),
    )
  }

  onResponseEnd(): void {
    this.#finish(undefined)
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: Error): void {
    this.#finish(this.#begun || cause instanceof NoReply ? cause : new NoReply(reasonOf(cause), this.#sent, cause))
  }

  // ------------------------------------------------------------------------------------------------------------

  /** Ends the exchange from this side. */
  #stop(cause: Error): void {
    if (this.#over) return
    this.#finish(cause)
    this.#controller?.abort(cause)
  }

  #finish(cause: Error | undefined): void {
    if (this.#over) return
    this.#over = true
    this.#cause = cause
    clearTimeout(this.#headTimer)
    clearTimeout(this.#pump?.idle)
    this.#signal.removeEventListener('abort', this.#aborted)
    if (cause) this.#settle.reject(cause)
    if (cause) this.#pump?.end.reject(cause)
    else this.#pump?.end.resolve()
  }
}

interface Pump {
  readonly sink: (chunk: Uint8Array) => boolean
  readonly drained: () => Promise<void>
  readonly end: PromiseWithResolvers<void>
  idle: NodeJS.Timeout | undefined
}

function rawHeaders(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(raw)) return []
  return raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')))
}
