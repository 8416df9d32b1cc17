import type { Socket as Connection } from 'node:net'
import type { WebSocket } from 'ws'
import type { Socket, SocketListener } from '../../ports.ts'
import { Flow } from './flow.ts'
import { Intake, type Bounds } from './intake.ts'
import { Outlet } from './outlet.ts'
import { takeShortcut } from './shortcut.ts'

/** Beyond this much that is not sent yet, the other side is behind. */
const HIGH_WATER_BYTES = 1_048_576

/** An end that was begun and makes no progress for so long is not waited for. */
const END_MS = 5000
/** Codes of RFC 6455, 7.4.1 and its registry. */
const TRY_AGAIN_LATER = 1013

/** What a close frame has room for (RFC 6455, 5.5) beside its code. */
const MOST_REASON_BYTES = 123

interface Message {
  readonly data: Uint8Array
  readonly binary: boolean
}

/** The port of the side that a client has, over a socket of `ws` that is open, and the connection beneath it. */
export function socketOn(ws: WebSocket, connection: Connection, bounds: Bounds): Socket {
  return new WsSocket(ws, connection, bounds, new Outlet(connection))
}

/** The same of the side that upstream has: what is sent to a server is masked, which `ws` does, and what it sends is not. */
export function upstreamSocketOn(ws: WebSocket, connection: Connection, bounds: Bounds): Socket {
  return new WsSocket(ws, connection, bounds, undefined)
}

class WsSocket implements Socket {
  readonly #ws: WebSocket
  readonly #connection: Connection
  readonly #bounds: Bounds
  readonly #outlet: Outlet | undefined
  readonly #flow: Flow
  readonly #intake: Intake
  #listener: SocketListener | undefined
  /** What came before anybody listened, or behind a pause: `ws` may hand over what it has read already. */
  readonly #waiting: Message[] = []
  #paused = false
  /** This side has closed it: what still comes is not wanted, but for the other side's close. */
  #closing = false
  #closed: { readonly code: number; readonly reason: string } | undefined
  #behind: PromiseWithResolvers<void> | undefined
  #heardAt = performance.now()
  #beat: NodeJS.Timeout | undefined
  /** Its connection is to be closed by either side. */
  #ending = false
  /** Bytes that wait for the other side, as they are counted. */
  #owed = 0

  constructor(ws: WebSocket, connection: Connection, bounds: Bounds, outlet: Outlet | undefined) {
    this.#ws = ws
    this.#connection = connection
    this.#bounds = bounds
    this.#outlet = outlet
    this.#flow = new Flow(connection)
    this.#intake = new Intake(ws, connection, bounds, {
      room: () => {
        if (!this.#paused) ws.resume()
      },
      none: (cause) => this.#refuse(cause),
    })
    // The other side has closed it; of that `ws` tells when the connection is gone.
    connection.on('data', () => {
      if (ws.readyState !== ws.OPEN) this.#expectEnd()
    })
    const message = (data: Buffer, binary: boolean): void => {
      this.#intake.whole()
      if (this.#closing) return
      if (this.#listener && !this.#paused) this.#listener.message(data, binary)
      else this.#waiting.push({ data, binary })
    }
    ws.on('message', message)
    if (!outlet) takeShortcut(ws, message)
    ws.on('close', (code, reason) => {
      clearInterval(this.#beat)
      this.#intake.end()
      this.#caughtUp()
      this.#closed ??= { code, reason: reason.toString('utf8') }
      this.#tellClosed()
    })
    // What went wrong is followed by the close, which tells; what still comes `ws` throws away.
    ws.on('error', () => {
      this.#intake.end()
      this.#expectEnd()
    })
  }

  get receives(): boolean {
    return this.#intake.receives
  }

  listen(listener: SocketListener): void {
    this.#listener = listener
    this.#handOver()
  }

  send(data: Uint8Array | string, binary: boolean): boolean {
    const ws = this.#ws
    if (ws.readyState !== ws.OPEN) return true
    if (this.#outlet) this.#outlet.put(data, binary)
    else ws.send(data, { binary, compress: false })
    const owed = this.#connection.writableLength + (this.#outlet?.bytes ?? 0)
    if (owed <= HIGH_WATER_BYTES) return true
    this.#countOwed(owed)
    if (!this.#behind) {
      this.#behind = Promise.withResolvers<void>()
      this.#connection.once('drain', () => this.#caughtUp())
    }
    return false
  }

  async drained(): Promise<void> {
    await this.#behind?.promise
  }

  keepAlive(everyMs: number): void {
    if (this.#ending || this.#ws.readyState === this.#ws.CLOSED) return
    clearInterval(this.#beat)
    this.#heardAt = performance.now()
    this.#beat = setInterval(() => {
      const { lives, owes } = this.#flow.look()
      // Who is not read from cannot be heard, but for what it takes.
      if (lives || (this.#ws.isPaused && !owes)) this.#heardAt = performance.now()
      if (performance.now() - this.#heardAt > 3 * everyMs) this.cut()
      else if (this.#ws.readyState === this.#ws.OPEN) this.#ws.ping()
    }, everyMs)
  }

  pause(): void {
    this.#paused = true
    if (!this.#closing && this.#ws.readyState === this.#ws.OPEN) this.#ws.pause()
  }

  resume(): void {
    this.#paused = false
    this.#handOver()
    if (!this.#paused && !this.#intake.waits) this.#ws.resume()
  }

  close(code: number, reason: string): void {
    if (code === 1006) return this.cut()
    this.#closing = true
    this.#waiting.length = 0
    this.#outlet?.flush()
    try {
      if (code === 1005) this.#ws.close()
      else this.#ws.close(sendable(code), cutTo(MOST_REASON_BYTES, reason))
    } catch {
      // What no close frame can say is said by the end of the connection.
      this.cut()
    }
    // Behind a pause the other side's answer would not be seen, and the connection kept until a time limit.
    this.#intake.hurry()
    this.#ws.resume()
    this.#expectEnd()
  }

  cut(): void {
    this.#outlet?.flush()
    this.#ws.terminate()
  }

  /** There is no room for the rest of a message, or it does not come. */
  #refuse(cause: Error): void {
    const { full } = this.#bounds
    if (this.#closing || !('refusal' in full)) return this.cut()
    this.send(full.refusal(cause), false)
    // What comes behind it cannot be told from the rest of it.
    this.close(TRY_AGAIN_LATER, 'no room for the message')
    this.#closed = { code: TRY_AGAIN_LATER, reason: 'no room for the message' }
    this.#tellClosed()
    // `ws` would go on keeping it. It is read and thrown away: who is in the middle of sending may not read yet.
    this.#connection.removeAllListeners('data').resume()
    this.#intake.end()
    this.#connection.end()
  }

  /** Who does not end the connection, and takes and sends nothing, is cut off. */
  #expectEnd(): void {
    if (this.#ending || this.#ws.readyState === this.#ws.CLOSED) return
    this.#ending = true
    clearInterval(this.#beat)
    this.#flow.look()
    this.#beat = setInterval(() => {
      if (!this.#flow.look().lives) this.cut()
    }, END_MS)
  }

  /** They are in memory already, whether there is room for them or not. */
  #countOwed(bytes: number): void {
    this.#bounds.room.add(bytes - this.#owed)
    this.#owed = bytes
  }

  #caughtUp(): void {
    this.#countOwed(0)
    this.#behind?.resolve()
    this.#behind = undefined
  }

  #handOver(): void {
    while (this.#listener && !this.#paused) {
      const message = this.#waiting.shift()
      if (!message) break
      this.#listener.message(message.data, message.binary)
    }
    this.#tellClosed()
  }

  /** After the last message, however long that had to wait. */
  #tellClosed(): void {
    if (!this.#closed || !this.#listener || this.#waiting.length > 0) return
    const listener = this.#listener
    this.#listener = undefined
    listener.closed(this.#closed.code, this.#closed.reason)
  }
}

/** Codes that say what happened, and cannot be sent (RFC 6455, 7.4.1). */
function sendable(code: number): number {
  return code === 1004 || code === 1015 ? 1011 : code
}

/** The beginning of a text that fits into so many bytes: bytes that were no UTF-8 have grown when they were decoded. */
function cutTo(most: number, text: string): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length <= most) return bytes
  let end = most
  // Not in the middle of a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}
