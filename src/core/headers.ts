/** Name, value, name, value, … as they stood on the wire: order, case and duplicates are kept. */
export type HeaderList = readonly string[]

/** The first value of a header; `name` in lower case. */
export function header(headers: HeaderList, name: string): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const candidate = headers[i]
    if (candidate?.length === name.length && candidate.toLowerCase() === name) return headers[i + 1]
  }
  return undefined
}
