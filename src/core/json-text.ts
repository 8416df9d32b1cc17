/** The bytes of JSON texts: where strings end, and what short ones say. */

import { QUOTE, BACKSLASH } from './ascii.ts'

const PLAIN_CHARS = 40

/** A short string of plain ASCII, as nearly all names are, read without a copy; undefined for anything else. */
export function plainString(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (bytes[start] !== QUOTE || end - start > PLAIN_CHARS) return undefined
  let text = ''
  for (let at = start + 1; at < end - 1; at++) {
    const byte = bytes[at] ?? 0
    if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}

/** Up to here a loop is quicker than `indexOf`, which first has to leave JavaScript. */
const NEAR_BYTES = 64

/**
 * Where the string ends whose inside goes on at `start`: the index of its closing quote. `end` when that is not
 * before `end`, and `end + 1` when the byte before `end` escapes the next one.
 */
export function endOfString(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end) {
    const near = Math.min(end, at + NEAR_BYTES)
    while (at < near) {
      const byte = bytes[at]
      if (byte === QUOTE) return at
      at += byte === BACKSLASH ? 2 : 1
    }
    if (at >= end) return at
    const quote = bytes.indexOf(QUOTE, at)
    const stop = quote === -1 || quote > end ? end : quote
    if (!oddSlashes(bytes, at, stop)) return stop
    at = stop + 1
  }
  return at
}

/** Whether an odd number of backslashes stands right before `stop`, looking back to `start` at most. */
function oddSlashes(bytes: Uint8Array, start: number, stop: number): boolean {
  let at = stop - 1
  while (at >= start && bytes[at] === BACKSLASH) at--
  return (stop - 1 - at) % 2 === 1
}

/** The text of a value that came in parts, which may be cut inside of a character. */
export function textOf(parts: readonly Uint8Array[]): string {
  const decoder = new TextDecoder()
  let text = ''
  for (const part of parts) text += decoder.decode(part, { stream: true })
  return text + decoder.decode()
}
