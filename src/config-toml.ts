import { parse, TomlError } from 'smol-toml'

export type TomlFile =
  | { readonly ok: true; readonly values: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly line: number; readonly problem: string }

export function readToml(text: string): TomlFile {
  try {
    return { ok: true, values: parse(text, { unsafeKeyBehaviour: 'throw' }) }
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    // The message goes on with an excerpt of the file: one line is enough.
    const [problem = ''] = error.message.split('\n')
    return { ok: false, line: error.line, problem: problem.replace('Invalid TOML document: ', '') }
  }
}

/**
 * Finds the line, counted from 1, where the value at a path begins; undefined when it is not in the text, which must be
 * valid TOML.
 *
 * The parser tells no positions of what it accepts. But each statement, a table's header or a key with its value, is
 * valid TOML by itself: so they are read one by one, each below the header that came last.
 */
export function lineFinder(text: string): (path: readonly string[]) => number | undefined {
  const statements = statementsIn(text)
  return (path) => statements.find(({ values }) => has(values, path))?.line
}

interface Statement {
  readonly line: number
  /** As the whole text would have them if there were nothing else. */
  readonly values: unknown
}

function statementsIn(text: string): readonly Statement[] {
  const lines = text.split(/\r?\n/)
  const statements: Statement[] = []
  let header: readonly string[] = []
  let begin = 0
  for (let end = 1; end <= lines.length; end++) {
    const part = readToml(lines.slice(begin, end).join('\n'))
    // A value over several lines: not whole yet.
    if (!part.ok) continue
    const isHeader = /^\s*\[/.test(lines[begin] ?? '')
    if (isHeader) header = pathTo(part.values)
    if (Object.keys(part.values).length > 0) {
      statements.push({ line: begin + 1, values: isHeader ? part.values : below(header, part.values) })
    }
    begin = end
  }
  return statements
}

/** The names in a header, which the parser has read as tables within each other. */
function pathTo(values: unknown): readonly string[] {
  const inner = Array.isArray(values) ? (values as readonly unknown[])[0] : values
  const [entry] = isTable(inner) ? Object.entries(inner) : []
  return entry ? [entry[0], ...pathTo(entry[1])] : []
}

function below(header: readonly string[], values: unknown): unknown {
  return header.reduceRight((inner, name) => ({ [name]: inner }), values)
}

function has(values: unknown, path: readonly string[]): boolean {
  let at = values
  for (const key of path) {
    if (!isTable(at) || !Object.hasOwn(at, key)) return false
    at = at[key]
  }
  return true
}

/** Whether a value of the file is a table. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

/** A value of the file on one line, shortened, without a password. */
export function show(value: unknown): string {
  // In JSON they would be null.
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  const text = quoted(withoutPassword(value))
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

/** As JSON; what would move a terminal's cursor or turn its text around is escaped, which JSON does with some of it only. */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}

/** The URL of a proxy or of a database may carry one. */
export function withoutPassword(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/^([a-z][\w+.-]*:\/\/[^/@:]*):.*@/i, '$1:***@') : value
}
