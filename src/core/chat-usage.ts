import { LINE_FEED, CARRIAGE_RETURN, OPEN_BRACE } from './ascii.ts'
import { JsonScanner } from './scan.ts'
import type { Position } from './watch.ts'

/**
 * The body of a streamed chat completion with `stream_options.include_usage` set; every other byte stays.
 * `streamOptions` is where the option stands in the body, if it does.
 */
export function withIncludeUsage(body: Uint8Array, streamOptions: Position | undefined): Uint8Array {
  const encoder = new TextEncoder()
  if (!streamOptions) {
    const after = body.indexOf(OPEN_BRACE) + 1
    return joined(
      body.subarray(0, after),
      encoder.encode('"stream_options":{"include_usage":true},'),
      body.subarray(after),
    )
  }
  const text = new TextDecoder().decode(body.subarray(streamOptions.from, streamOptions.to))
  const options: unknown = JSON.parse(text)
  const changed = { ...(typeof options === 'object' ? options : {}), include_usage: true }
  return joined(
    body.subarray(0, streamOptions.from),
    encoder.encode(JSON.stringify(changed)),
    body.subarray(streamOptions.to),
  )
}

/** Beyond this an event is no usage chunk. */
const MAX_USAGE_EVENT_BYTES = 65_536

/**
 * Takes out of a stream of chat completion chunks the one that states the usage (`"choices":[]` and a `usage`).
 * Keeps back at most one event that is not whole yet; every other byte passes unchanged and in order.
 */
export class ChatUsageStrip {
  #kept: Uint8Array = new Uint8Array(0)
  /** An event too long to be the usage chunk is passing. */
  #passing = false

  push(chunk: Uint8Array): readonly Uint8Array[] {
    const bytes = this.#kept.length === 0 ? chunk : joined(this.#kept, chunk)
    const out: Uint8Array[] = []
    let start = 0
    for (let end = endOfEvent(bytes, start); end !== -1; end = endOfEvent(bytes, start)) {
      const event = bytes.subarray(start, end)
      if (this.#passing || !statesUsage(event)) out.push(event)
      this.#passing = false
      start = end
    }
    const rest = bytes.subarray(start)
    if (rest.length > MAX_USAGE_EVENT_BYTES) this.#passing = true
    if (this.#passing && rest.length > 2) {
      // The last bytes may be the beginning of the event's end.
      out.push(rest.subarray(0, -2))
      this.#kept = rest.slice(-2)
    } else {
      this.#kept = rest.slice()
    }
    return out
  }

  end(): readonly Uint8Array[] {
    const rest = this.#kept
    this.#kept = new Uint8Array(0)
    return rest.length === 0 ? [] : [rest]
  }
}

/** The position after the empty line that ends the event which begins at `start`; -1 when it is not there yet. */
function endOfEvent(bytes: Uint8Array, start: number): number {
  for (let at = bytes.indexOf(LINE_FEED, start); at !== -1; at = bytes.indexOf(LINE_FEED, at + 1)) {
    if (bytes[at + 1] === LINE_FEED) return at + 2
    if (bytes[at + 1] === CARRIAGE_RETURN && bytes[at + 2] === LINE_FEED) return at + 3
  }
  return -1
}

function statesUsage(event: Uint8Array): boolean {
  let choices = true
  let usage = false
  const lines = new TextDecoder().decode(event).split(/\r?\n/)
  const data = lines.flatMap((line) => (line.startsWith('data:') ? [line.slice('data:'.length)] : [])).join('\n')
  if (data === '') return false
  const scanner = new JsonScanner({ choices: { '*': 'presence' }, usage: 'presence' }, (place) => {
    if (place === 'usage') usage = true
    else choices = false
  })
  scanner.feed(new TextEncoder().encode(data))
  return scanner.end() && choices && usage
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
