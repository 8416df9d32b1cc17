/** The two sides of a WebSocket conversation. */
import type { HeaderList } from './core/headers.ts'
import type { MemberId } from './core/units.ts'

/** What may be taken of the process's memory. */
export interface Room {
  /** Throws a Refusal when there is no room for so many bytes more. */
  take(bytes: number): void
  /** Counts bytes that are held already, whether there is room for them or not. */
  add(bytes: number): void
  give(bytes: number): void
}

/** What one side of a WebSocket has to say. Messages come whole, in order. */
export interface SocketListener {
  message(data: Uint8Array, binary: boolean): void
  /** Once, at the end. 1005: without a code; 1006: the connection broke. */
  closed(code: number, reason: string): void
}

/** One side of a WebSocket that is open. */
export interface Socket {
  /** Whoever listens hears of everything that came since the socket was opened. Once. */
  listen(listener: SocketListener): void
  /** False when the other side is behind: wait for `drained` before the next message. */
  send(data: Uint8Array | string, binary: boolean): boolean
  /** Resolves when the other side has caught up, or is gone. */
  drained(): Promise<void>
  /** Whether a large message is on its way, or waits for room: it is broken off when it makes no progress. */
  readonly receives: boolean
  /** Asks for a sign of life so often; ends the connection when nothing at all has come for three times as long. */
  keepAlive(everyMs: number): void
  /** Stops reading: no message comes until `resume`. */
  pause(): void
  resume(): void
  /** Closes in good order; a code that cannot be sent (1005) closes without one, and 1006 cuts. */
  close(code: number, reason: string): void
  /** Ends the connection at once. */
  cut(): void
}

/** A client that asked for a WebSocket. `signal` aborts when its connection is gone. */
export interface SocketClient {
  readonly signal: AbortSignal
  /** With its query. */
  readonly path: string
  readonly headers: HeaderList
  /** Takes room for a message in the member's share of memory; throws a Refusal when there is none. */
  hold(member: MemberId, bytes: number): Disposable
  /**
   * Answers 101 with these headers; from here on nothing can be refused but in frames, and what comes is held in the
   * member's share of memory. Throws when it has left.
   */
  accept(headers: HeaderList, member: MemberId): Socket
  /**
   * Says no, in a message that its API's clients understand; resolves when it may be said no again. `event` is the
   * client's name for what was refused, where it has one.
   */
  refuse(cause: Error, event?: string): Promise<void>
}
