import type { Socket as Connection } from 'node:net'
import type { WebSocket } from 'ws'
import { Refusal } from '../../core/refusal.ts'
import type { Room } from '../../ports.ts'
import type { RoomQueue } from './room-queue.ts'
import { Unfinished } from './unfinished.ts'

/** What keeps a socket from taking more memory than there is. */
export interface Bounds {
  readonly room: Room
  /** How long a message may make no progress before it is whole. */
  readonly idleMs: number
  /** What becomes of a message that there is no room for: it waits, or is refused in a frame. */
  readonly full: { readonly queue: RoomQueue } | { readonly refusal: (cause: Error) => string }
}

/** How often whoever waits for room looks for it. */
const LOOK_MS = 50
/** Besides the payload of a small frame (RFC 6455, 5.2): with a mask what comes from a client, without what comes to one. */
const FRAME_BYTES = { masked: 6, plain: 2 }

/** What one side sends, as far as it is no whole message yet: how much room it takes, and for how long. */
export class Intake {
  readonly #ws: WebSocket
  readonly #bounds: Bounds
  readonly #unfinished: Unfinished
  readonly #on: { readonly room: () => void; readonly none: (cause: Error) => void }
  readonly #queue: RoomQueue | undefined
  #ended = false
  #hurried = false
  #idle: NodeJS.Timeout | undefined
  #waiting: NodeJS.Timeout | undefined

  /** `on.none` is called when a message can have no more room, `on.room` when reading may go on after it had to wait. */
  constructor(
    ws: WebSocket,
    connection: Connection,
    bounds: Bounds,
    on: { readonly room: () => void; readonly none: (cause: Error) => void },
  ) {
    this.#ws = ws
    this.#bounds = bounds
    this.#on = on
    const upstream = 'queue' in bounds.full
    this.#queue = 'queue' in bounds.full ? bounds.full.queue : undefined
    this.#unfinished = new Unfinished(bounds.room, upstream ? FRAME_BYTES.plain : FRAME_BYTES.masked)
    // Behind the listener of `ws`: what it made of a read is known by then.
    connection.on('data', (chunk: Buffer) => this.#read(chunk.length))
    const control = (payload: Buffer): void => this.#unfinished.control(payload.length)
    ws.on('ping', control).on('pong', control)
  }

  /** Whether reading has to wait for room. */
  get waits(): boolean {
    return this.#waiting !== undefined
  }

  /** Whether a message that is counted is on its way, or waits for its room. */
  get receives(): boolean {
    return this.waits || this.#idle !== undefined
  }

  /** A message is whole: whoever gets it holds it. */
  whole(): void {
    clearTimeout(this.#idle)
    this.#idle = undefined
    this.#queue?.leave(this)
    this.#unfinished.whole()
  }

  /** Nothing that comes is wanted any more: room for it is not waited for. */
  hurry(): void {
    this.#hurried = true
    clearInterval(this.#waiting)
    this.#waiting = undefined
    this.#queue?.leave(this)
  }

  /** Nothing is kept any more of what comes. */
  end(): void {
    this.#ended = true
    this.hurry()
    clearTimeout(this.#idle)
    this.#unfinished.release()
  }

  #read(bytes: number): void {
    if (this.#ended || !this.#unfinished.read(bytes)) return
    try {
      this.#unfinished.take(false)
    } catch (cause) {
      if (!this.#queue || this.#hurried) return this.#on.none(cause as Error)
      this.#wait(this.#queue)
    }
    if (!this.#unfinished.counts) return
    this.#idle ??= setTimeout(() => this.#stands(), this.#bounds.idleMs)
    this.#idle.refresh()
  }

  #stands(): void {
    // Who is not read from makes no progress.
    if (this.#ws.isPaused) this.#idle?.refresh()
    else
      this.#on.none(new Refusal('invalid_request', `The message made no progress for ${this.#bounds.idleMs / 1000} s.`))
  }

  #wait(queue: RoomQueue): void {
    queue.join(this)
    if (queue.isFirst(this)) return this.#unfinished.take(true)
    this.#ws.pause()
    this.#waiting ??= setInterval(() => {
      try {
        this.#unfinished.take(queue.isFirst(this))
      } catch {
        // There is no room yet.
        return
      }
      clearInterval(this.#waiting)
      this.#waiting = undefined
      this.#on.room()
    }, LOOK_MS)
  }
}
