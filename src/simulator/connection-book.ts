/** A WebSocket connection from its handshake on. Times are milliseconds since 1970. */
export interface TrueConnection {
  /** Counted from 1. */
  readonly connection: number
  readonly path: string
  readonly key: string
  readonly openedAt: number
  /** undefined while it is open. */
  readonly closedAt: number | undefined
  /** What the other end's close frame said: 1005 when it had no code, 1006 when there was none. */
  readonly closeCode: number | undefined
  readonly closeReason: string | undefined
}

/** A message that came over WebSocket. */
export interface ReceivedFrame {
  readonly connection: number
  readonly at: number
  /** Of a binary one as base64. */
  readonly text: string
  readonly binary: boolean
}

type ConnectionRecord = { -readonly [Field in keyof TrueConnection]: TrueConnection[Field] }

/** What the frames of the book may hold together, in characters of text. */
const MEMORY_CHARACTERS = 64 * 1024 * 1024
/** Connections beyond these are forgotten, the oldest first. */
const MOST_CONNECTIONS = 20_000

/** Keeps WebSocket connections and the last frames that came over them. */
export class ConnectionBook {
  readonly #mostFrames: number
  #connections: ConnectionRecord[] = []
  #frames: ReceivedFrame[] = []
  #characters = 0
  #opened = 0

  constructor(mostFrames: number) {
    this.#mostFrames = mostFrames
  }

  open(path: string, key: string): ConnectionRecord {
    const opened: ConnectionRecord = {
      connection: ++this.#opened,
      path,
      key,
      openedAt: Date.now(),
      closedAt: undefined,
      closeCode: undefined,
      closeReason: undefined,
    }
    this.#connections.push(opened)
    if (this.#connections.length > MOST_CONNECTIONS) this.#connections.shift()
    return opened
  }

  receive(connection: number, bytes: Buffer, binary: boolean): void {
    if (this.#mostFrames === 0) return
    const text = bytes.toString(binary ? 'base64' : 'utf8')
    this.#frames.push({ connection, at: Date.now(), text, binary })
    this.#characters += text.length
    while (this.#frames.length > this.#mostFrames || this.#characters > MEMORY_CHARACTERS) {
      this.#characters -= this.#frames.shift()?.text.length ?? 0
    }
  }

  connections(): readonly TrueConnection[] {
    return this.#connections.map((one) => ({ ...one }))
  }

  frames(): readonly ReceivedFrame[] {
    return [...this.#frames]
  }

  /** Connections go on counting, so a number is never given twice. */
  clear(): void {
    this.#connections = []
    this.#frames = []
    this.#characters = 0
  }
}
