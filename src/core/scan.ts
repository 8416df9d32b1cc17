import { CLOSE_BRACE, CLOSE_BRACKET, COLON, COMMA, LETTER_N, OPEN_BRACE, OPEN_BRACKET, QUOTE } from './ascii.ts'
import { endOfString, plainString, textOf } from './json-text.ts'
import { SCALAR_STARTS, WHITE_SPACE, type Frame, type State } from './scan-state.ts'
import { TOO_LONG, type Found, type Watch } from './watch.ts'

/**
 * Reads the few watched values out of a JSON text in one pass, however the text is cut into chunks, without
 * building the rest. Memory is bounded by `keepBytes` for one watched value at a time.
 *
 * Escaped keys are understood, strings are skipped at memory speed. It checks the structure only along the watched
 * places: a text that it accepts need not be valid JSON everywhere, but every valid JSON text is accepted and read
 * as `JSON.parse` reads it, except that a watched key which stands twice in one object makes the text bad.
 */
export class JsonScanner {
  readonly #found: Found
  readonly #keepBytes: number
  readonly #root: Watch
  #state: State = 'value'
  #frames: Frame[] = []
  #depth = 0
  #escaped = false
  /** Where the value being captured begins in this chunk; -1 when nothing is captured. */
  #from = -1
  /** Where it begins in the whole text. */
  #began = 0
  /** Position in the whole text of this chunk's index 0. */
  #before = 0
  #kept: Uint8Array[] = []
  #keptBytes = 0
  #tooLong = false

  constructor(watch: Watch, found: Found, keepBytes = 65_536) {
    this.#root = watch
    this.#found = found
    this.#keepBytes = keepBytes
  }

  /** Whether one whole value has been read and nothing but white space after it. */
  get complete(): boolean {
    return this.#state === 'done'
  }

  get bad(): boolean {
    return this.#state === 'bad'
  }

  /** Ends a text: a number at the top level ends only here. True when the text was one whole value. */
  end(): boolean {
    if (this.#state === 'scalar' && this.#frames.length === 0) this.#state = 'done'
    return this.#state === 'done'
  }

  feed(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    if (this.#from !== -1) this.#from = start
    this.#before -= start
    let at = start
    while (at < end) at = this.#step(bytes, at, end)
    if (this.#from !== -1) {
      this.#keep(bytes.slice(this.#from, end))
      this.#from = end
    }
    this.#before += end
  }

  #step(bytes: Uint8Array, at: number, end: number): number {
    switch (this.#state) {
      case 'skip':
        return this.#skip(bytes, at, end)
      case 'skip-string':
      case 'string':
      case 'in-key':
        return this.#string(bytes, at, end)
      case 'scalar':
        return this.#scalar(bytes, at, end)
      case 'bad':
        return end
      default:
        return WHITE_SPACE.has(bytes[at] ?? 0) ? at + 1 : this.#token(bytes, at)
    }
  }

  #token(bytes: Uint8Array, at: number): number {
    const frame = this.#frames.at(-1)
    if (this.#state === 'value') return this.#begin(bytes[at] ?? 0, at)
    if (this.#state === 'after' && frame) return this.#afterValue(bytes, at, frame)
    if (this.#state === 'key' || this.#state === 'key-or-end') return this.#beginKey(bytes, at)
    this.#state = this.#state === 'colon' && bytes[at] === COLON ? 'value' : 'bad'
    return at + 1
  }

  #beginKey(bytes: Uint8Array, at: number): number {
    if (bytes[at] === CLOSE_BRACE && this.#state === 'key-or-end') return this.#close(at)
    this.#state = bytes[at] === QUOTE ? 'in-key' : 'bad'
    this.#from = at
    return at + 1
  }

  #afterValue(bytes: Uint8Array, at: number, frame: Frame): number {
    if (bytes[at] === (frame.array ? CLOSE_BRACKET : CLOSE_BRACE)) return this.#close(at)
    this.#state = bytes[at] === COMMA ? (frame.array ? 'value' : 'key') : 'bad'
    return at + 1
  }

  #begin(byte: number, at: number): number {
    const frame = this.#frames.at(-1)
    // An array that has nothing in it yet: the only place where a value may be missing.
    if (byte === CLOSE_BRACKET && frame?.array === true && frame.key === '') return this.#close(at)
    const watch = this.#watched()
    this.#meet(watch, byte, at)
    if (byte === QUOTE) this.#state = 'string'
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#open(byte === OPEN_BRACKET, watch)
    else this.#state = SCALAR_STARTS.has(byte) ? 'scalar' : 'bad'
    return at + 1
  }

  /** A value begins that may be watched. */
  #meet(watch: Watch | 'value' | 'presence' | undefined, byte: number, at: number): void {
    const told = watch === 'presence' ? byte !== LETTER_N : typeof watch === 'object' && byte === QUOTE
    if (told) this.#tell(this.#place(), undefined, at)
    if (watch === 'value') {
      this.#from = at
      this.#began = this.#before + at
    }
  }

  /** What is watched where the next value stands. */
  #watched(): Watch | 'value' | 'presence' | undefined {
    const frame = this.#frames.at(-1)
    if (!frame) return this.#root
    if (frame.array) {
      frame.key = '*'
      frame.index++
    }
    return frame.watch?.[frame.key]
  }

  #open(array: boolean, watch: Watch | 'value' | 'presence' | undefined): void {
    if (typeof watch !== 'object') {
      this.#state = 'skip'
      this.#depth = 1
      return
    }
    const met = array ? undefined : new Set<string>()
    const index = array ? -1 : (this.#frames.at(-1)?.index ?? -1)
    this.#frames.push({ array, watch, place: this.#place(), key: '', index, met })
    this.#state = array ? 'value' : 'key-or-end'
  }

  #close(at: number): number {
    this.#frames.pop()
    this.#state = this.#frames.length === 0 ? 'done' : 'after'
    return at + 1
  }

  #place(): string {
    const frame = this.#frames.at(-1)
    if (!frame) return ''
    return frame.place === '' ? frame.key : `${frame.place}.${frame.key}`
  }

  /** Inside a container that nobody watches: only strings and brackets matter. */
  #skip(bytes: Uint8Array, start: number, end: number): number {
    for (let at = start; at < end; at++) {
      const byte = bytes[at]
      if (byte === QUOTE) {
        at = endOfString(bytes, at + 1, end)
        if (at < end) continue
        this.#state = 'skip-string'
        this.#escaped = at > end
        return end
      }
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        this.#depth++
      } else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --this.#depth === 0) {
        this.#finish(bytes, at + 1)
        return at + 1
      }
    }
    return end
  }

  #string(bytes: Uint8Array, start: number, end: number): number {
    const at = endOfString(bytes, this.#escaped ? start + 1 : start, end)
    this.#escaped = at > end
    return at < end ? this.#endString(bytes, at + 1) : end
  }

  #endString(bytes: Uint8Array, at: number): number {
    if (this.#state === 'skip-string') this.#state = 'skip'
    else if (this.#state === 'in-key') this.#endKey(bytes, at)
    else this.#finish(bytes, at)
    return at
  }

  #endKey(bytes: Uint8Array, at: number): void {
    this.#state = 'colon'
    const key = this.#taken(bytes, at)
    const frame = this.#frames.at(-1)
    if (!frame) return
    frame.key = typeof key === 'string' ? key : ''
    if (this.#state !== 'colon' || frame.watch === undefined || !Object.hasOwn(frame.watch, frame.key)) {
      // Not watched: it must not be mistaken for a key that is, nor for something inherited.
      frame.key = ''
      return
    }
    if (frame.met?.has(frame.key) === true) this.#state = 'bad'
    frame.met?.add(frame.key)
  }

  #scalar(bytes: Uint8Array, start: number, end: number): number {
    for (let at = start; at < end; at++) {
      const byte = bytes[at] ?? 0
      if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || byte <= 0x20) {
        this.#finish(bytes, at)
        return at
      }
    }
    return end
  }

  /** A value has ended before `at`. */
  #finish(bytes: Uint8Array, at: number): void {
    const place = this.#from === -1 ? '' : this.#place()
    this.#state = this.#frames.length === 0 ? 'done' : 'after'
    if (this.#from === -1) return
    const value = this.#taken(bytes, at)
    if (!this.bad) this.#tell(place, value, at)
  }

  #tell(place: string, value: unknown, at: number): void {
    const to = this.#before + at
    this.#found(place, value, {
      index: this.#frames.at(-1)?.index ?? -1,
      from: value === undefined ? to : this.#began,
      to,
    })
  }

  /** The captured value, parsed; sets the state to bad when it is no JSON. */
  #taken(bytes: Uint8Array, end: number): unknown {
    const plain = this.#keptBytes === 0 ? plainString(bytes, this.#from, end) : undefined
    if (plain !== undefined) {
      this.#from = -1
      return plain
    }
    this.#keep(bytes.subarray(this.#from, end))
    const [kept, tooLong] = [this.#kept, this.#tooLong]
    this.#from = -1
    this.#kept = []
    this.#keptBytes = 0
    this.#tooLong = false
    if (tooLong) return TOO_LONG
    try {
      return JSON.parse(textOf(kept)) as unknown
    } catch {
      // The text is somebody else's: that it is no JSON is an answer, not a fault of ours.
      this.#state = 'bad'
      return undefined
    }
  }

  #keep(part: Uint8Array): void {
    this.#keptBytes += part.length
    if (this.#keptBytes > this.#keepBytes) {
      this.#tooLong = true
      this.#kept = []
    } else if (!this.#tooLong) {
      this.#kept.push(part)
    }
  }
}
