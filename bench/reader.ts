/** Reads HTTP answers off a connection, no further than it takes to know that they are right. */
export class AnswerReader {
  /** Bytes of body seen of the answer at hand. */
  bodyBytes = 0
  status = 0
  #state: 'head' | 'length' | 'size' | 'chunk' | 'trailer' = 'head'
  #kept = ''
  #missing = 0

  /** Makes ready for the next answer. */
  reset(): void {
    this.bodyBytes = 0
    this.status = 0
    this.#state = 'head'
    this.#kept = ''
  }

  /** True when the answer is whole. Throws when what comes is no answer that it understands. */
  feed(chunk: Buffer): boolean {
    let at = 0
    if (this.#state === 'head') {
      at = this.#head(chunk)
      if (at === -1) return false
    }
    if (this.#state !== 'length') return this.#chunked(chunk, at)
    this.bodyBytes += chunk.length - at
    return this.bodyBytes >= this.#missing
  }

  /** Where the body begins in this chunk; -1 when the head is not whole. */
  #head(chunk: Buffer): number {
    const before = this.#kept.length
    this.#kept += chunk.toString('latin1')
    const end = this.#kept.indexOf('\r\n\r\n')
    if (end === -1) return -1
    const head = this.#kept.slice(0, end)
    this.status = Number(head.slice(9, 12))
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)
    if (length) this.#missing = Number(length[1])
    else if (!/\r\ntransfer-encoding: *chunked/i.test(head)) throw new Error(`an answer without a length:\n${head}`)
    this.#state = length ? 'length' : 'size'
    this.#kept = ''
    return end + 4 - before
  }

  #chunked(chunk: Buffer, from: number): boolean {
    let at = from
    while (at < chunk.length) {
      if (this.#state === 'chunk') {
        at = this.#skip(chunk, at)
      } else {
        const feed = chunk.indexOf(0x0a, at)
        if (feed === -1) {
          this.#kept += chunk.toString('latin1', at)
          return false
        }
        const line = this.#kept + chunk.toString('latin1', at, feed)
        this.#kept = ''
        at = feed + 1
        if (this.#state === 'trailer') return true
        this.#size(line)
      }
    }
    return false
  }

  /** A chunk's data, and the line end behind it. */
  #skip(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#missing, chunk.length - at)
    this.bodyBytes += Math.min(taken, Math.max(0, this.#missing - 2))
    this.#missing -= taken
    if (this.#missing === 0) this.#state = 'size'
    return at + taken
  }

  #size(line: string): void {
    const size = Number.parseInt(line, 16)
    if (Number.isNaN(size)) throw new Error(`no size of a chunk: ${JSON.stringify(line)}`)
    this.#missing = size + 2
    this.#state = size === 0 ? 'trailer' : 'chunk'
  }
}
