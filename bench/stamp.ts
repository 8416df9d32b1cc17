/** The instant at which an event left upstream, which it carries with it. */

/** Where it stands: behind this, in so many digits. */
const MARK = Buffer.from('"obfuscation":"')
export const STAMP_DIGITS = 16

/** Microseconds of the clock that all processes of the machine share. */
function sharedMicros(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

/** A copy with the present instant in it, where it has room for one; else the event itself. */
export function stamped(event: Buffer): Buffer {
  const mark = event.indexOf(MARK)
  if (mark === -1) return event
  const copy = Buffer.from(event)
  copy.write(String(sharedMicros()).padStart(STAMP_DIGITS, '0'), mark + MARK.length, 'latin1')
  return copy
}

/** How many microseconds ago the events of a chunk left. A stamp that is cut between two chunks is left out. */
export function ages(chunk: Buffer): number[] {
  const now = sharedMicros()
  const found: number[] = []
  for (let mark = chunk.indexOf(MARK); mark !== -1; mark = chunk.indexOf(MARK, mark + 1)) {
    const from = mark + MARK.length
    if (from + STAMP_DIGITS > chunk.length) break
    found.push(now - Number(chunk.toString('latin1', from, from + STAMP_DIGITS)))
  }
  return found
}
