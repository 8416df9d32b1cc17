import { parse, TomlError } from 'smol-toml'

export type TomlFile =
  | { readonly ok: true; readonly values: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly line: number; readonly problem: string }

export function readToml(text: string): TomlFile {
  try {
    return { ok: true, values: parse(text) }
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    // The message goes on with an excerpt of the file: one line is enough.
    const [problem = ''] = error.message.split('\n')
    return { ok: false, line: error.line, problem: problem.replace('Invalid TOML document: ', '') }
  }
}

/**
 * The line, counted from 1, where the value at `path` begins; undefined when it is not in the text.
 *
 * The parser tells no positions of what it accepts. So the text is read line by line longer: the value stands in the
 * piece that made it appear. That costs the square of the lines, and only in a file that has an error.
 */
export function lineOf(text: string, path: readonly string[]): number | undefined {
  const lines = text.split('\n')
  let begin = 0
  for (let end = 1; end <= lines.length; end++) {
    const part = readToml(lines.slice(0, end).join('\n'))
    if (!part.ok) continue
    if (has(part.values, path)) return firstSpoken(lines, begin, end)
    begin = end
  }
  return undefined
}

function has(values: unknown, path: readonly string[]): boolean {
  let at = values
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return false
    at = (at as Record<string, unknown>)[key]
  }
  return true
}

function firstSpoken(lines: readonly string[], begin: number, end: number): number {
  for (let at = begin; at < end; at++) {
    if (!/^\s*(?:#|$)/.test(lines[at] ?? '')) return at + 1
  }
  return end
}

/** Whether a value of the file is a table. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

/** A value of the file on one line, shortened, without a password. */
export function show(value: unknown): string {
  const text = JSON.stringify(withoutPassword(value)) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

/** The URL of a proxy may carry one. */
export function withoutPassword(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/^(https?:\/\/[^/@:]*):[^/@]*@/, '$1:***@') : value
}
