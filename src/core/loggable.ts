const MOST_CHARS = 200
/** Beyond this, a message is not looked at. */
const LOOKED_AT_CHARS = 1000

/** What may be a credential: a key by its brand, a token by its name or beginning, whatever is long and has a digit in it. */
const SECRET = /\bsk-[\w*.-]+|\bbearer\s+\S+|\beyJ[\w.=-]+|\b(?=\w*\d)\w{24,}/gi

/** The beginning of a text of upstream's, for the log: on one line, without anything that may be a credential. */
export function loggable(text: string): string {
  const line = text.slice(0, LOOKED_AT_CHARS).replace(/\s+/g, ' ').trim()
  return line.replace(SECRET, '[redacted]').slice(0, MOST_CHARS)
}
