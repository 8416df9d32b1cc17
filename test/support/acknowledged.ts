import { FrameReader } from './frames.ts'
import type { Moment } from './syscalls.ts'

const COMPLETED = /"type":"response\.completed"[^]*?"id":"(resp_[^"]+)"/g
const TURN = /turn_id\\?":\\?"([0-9a-f-]{36})/g
const HEAD_END = '\r\n\r\n'

/** What a gateway has told the world by what it sent, and must be able to stand by from then on. */
export class Acknowledged {
  /** Responses whose end has gone to a client. */
  readonly completed: Set<string> = new Set()
  /** Turns that have gone upstream. */
  readonly sent: Set<string> = new Set()
  readonly #streams = new Map<string, Sent>()

  /** Whether there is something new. What is being sent counts as seen, whether the kernel is done with it or not. */
  follow({ at, call }: Moment): boolean {
    const { path, bytes, result = bytes.length } = call
    if (at === 'exit' || !path.startsWith('socket:') || result < 0) return false
    const stream = this.#streams.get(path) ?? new Sent()
    this.#streams.set(path, stream)
    const text = stream.readable(bytes.subarray(0, result))
    const before = this.completed.size + this.sent.size
    for (const [, id = ''] of text.matchAll(stream.toClient ? COMPLETED : TURN)) {
      ;(stream.toClient ? this.completed : this.sent).add(id)
    }
    return this.completed.size + this.sent.size > before
  }
}

/** All that went out over one socket. */
class Sent {
  #head = ''
  #text = ''
  #frames: FrameReader | undefined

  get toClient(): boolean {
    return this.#head.startsWith('HTTP/1.1 ')
  }

  /** What can be read of it by now. What goes upstream over WebSocket is masked. */
  readable(bytes: Buffer): string {
    if (this.#frames) {
      for (const { payload } of this.#frames.read(bytes)) this.#text += payload.toString('latin1')
      return this.#text
    }
    this.#text += bytes.toString('latin1')
    if (this.#head === '') this.#head = this.#text
    const end = this.#text.indexOf(HEAD_END)
    if (end === -1 || !this.#head.startsWith('GET ')) return this.#text
    this.#frames = new FrameReader()
    const rest = Buffer.from(this.#text.slice(end + HEAD_END.length), 'latin1')
    this.#text = ''
    return rest.length > 0 ? this.readable(rest) : ''
  }
}
