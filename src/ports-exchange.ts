/** The two sides of a call: the upstream that answers and the client that asked. */
import type { HeaderList } from './core/headers.ts'
import type { Socket } from './ports-socket.ts'
import type { MemberId } from './core/units.ts'
import type { Upstream } from './ports-directory.ts'

export interface UpstreamRequest {
  readonly method: string
  /** With its query, as it came. */
  readonly path: string
  /** Already without what must not go upstream (core/headers.ts); the adapter adds only the authorization. */
  readonly headers: HeaderList
  readonly body: Uint8Array | undefined
  /** How long to wait for the response head, in ms. */
  readonly headTimeoutMs: number
}

/** A WebSocket that is to be opened. */
export type HandshakeRequest = Omit<UpstreamRequest, 'method' | 'body'>

/** Upstream's answer from its head on. */
export interface Reply {
  readonly status: number
  readonly headers: HeaderList
  /**
   * Pushes every chunk of the body into `sink`, in order, until the end. When `sink` returns false, reading stops
   * until `drained()` resolves. Resolves at the clean end; rejects when upstream breaks off, when nothing comes
   * for `idleMs` (IdleTimeout), or when `drained()` rejects. Called once at most.
   */
  pump(sink: (chunk: Uint8Array) => boolean, drained: () => Promise<void>): Promise<void>
  /** Ends the exchange at once; upstream sees the connection close. Harmless after the end. */
  cancel(): void
}

/** An attempt that got no response head. `unsendable`: no request could be made of it. */
export class NoReply extends Error {
  override readonly name = 'NoReply'
  readonly reason: 'refused' | 'reset' | 'timeout' | 'unreachable' | 'aborted' | 'tls' | 'bad-response' | 'unsendable'
  /** Whether bytes of the request may have reached upstream. */
  readonly sent: boolean

  constructor(reason: NoReply['reason'], sent: boolean, cause?: unknown) {
    super(`no reply from upstream: ${reason}`, { cause })
    this.reason = reason
    this.sent = sent
  }
}

/** Upstream sent nothing for too long in the middle of its answer. */
export class IdleTimeout extends Error {
  override readonly name = 'IdleTimeout'
}

/** Upstream's answer to a WebSocket handshake: an open socket, or a refusal, read whole. */
export type Handshake =
  | { readonly status: 101; readonly headers: HeaderList; readonly socket: Socket }
  | { readonly status: number; readonly headers: HeaderList; readonly body: Uint8Array; readonly socket?: undefined }

/** One attempt at one upstream. */
export interface UpstreamClient {
  /** Resolves at the response head; rejects with `NoReply` when there is none. */
  open(request: UpstreamRequest, upstream: Upstream, signal: AbortSignal): Promise<Reply>
  /** Resolves at the answer to the handshake; rejects with `NoReply` when there is none. */
  connect(request: HandshakeRequest, upstream: Upstream, signal: AbortSignal): Promise<Handshake>
}

/** A request body, whole, as it came. */
export interface Body {
  /** The bytes as they came; empty after `release()`. */
  readonly bytes: Uint8Array
  /** The bytes without their content-encoding (the same bytes where there is none). */
  readonly plain: Uint8Array
  /** Lets the bytes go: they are needed no more once the response head is there. */
  release(): void
}

/** The side that called. `signal` aborts when it leaves. */
export interface Client {
  readonly signal: AbortSignal
  readonly method: string
  /** With its query. */
  readonly path: string
  /** Name, value, name, value, as they came. */
  readonly headers: HeaderList
  /** The whole body, once, out of the member's share of memory; throws a Refusal past the limits or when it cannot be decoded. */
  read(member: MemberId): Promise<Body>
  begin(status: number, headers: HeaderList): void
  /** False when the client is behind: wait for `drained` before the next write. */
  write(chunk: Uint8Array): boolean
  /** Resolves when the client has taken what was written; rejects at once if it has left or takes nothing for too long. */
  drained(): Promise<void>
  end(): void
  /** Ends the connection so that what was sent cannot pass for the whole. */
  cut(): void
}
