/** What a script binds: `undefined` is NULL, booleans are 0 and 1. */
export type Value = string | number | bigint | boolean | Uint8Array | undefined

/** SQL text with its values apart. The engine renders the placeholders, and may cache by `parts`: one per place in the source. */
export interface Statement {
  readonly parts: TemplateStringsArray
  readonly params: readonly Value[]
  /** Whether it was built by `change`. */
  readonly isChange?: true
}

/** One row by column name, as the engine gave it: read it with the readers below. */
export type Row = Readonly<Record<string, unknown>>

/**
 * An operation on the store: yields statements, receives the rows of each, returns its result. It neither waits nor
 * knows which engine runs it. An engine runs a whole script inside one transaction.
 */
export type Script<T> = Generator<Statement, T, readonly Row[]>

/** Builds a statement; each `${value}` becomes a parameter, never text. */
export function sql(parts: TemplateStringsArray, ...params: readonly Value[]): Statement {
  return { parts, params }
}

/**
 * A statement that stores its numbers in columns or compares them with columns, and calculates with none of them: the
 * columns make integers of them, and an engine may bind them by a cheaper way. In place of rows it gives what it has done,
 * for `inserted`.
 */
export function change(parts: TemplateStringsArray, ...params: readonly Value[]): Statement {
  return { parts, params, isChange: true }
}

/** Runs a change that inserts a row: the number that it got, or undefined where it was there before. */
export function* inserted(statement: Statement): Script<number | undefined> {
  const done = yield* only(statement)
  return int(done, 'changes') === 0 ? undefined : int(done, 'lastInsertRowid')
}

const spliced = new WeakMap<TemplateStringsArray, WeakMap<TemplateStringsArray, TemplateStringsArray>>()

/**
 * The statement with `condition` in place of its parameter number `at`, for what several statements have in common. The
 * same two always give the same parts.
 */
export function withCondition(statement: Statement, at: number, condition: Statement): Statement {
  let known = spliced.get(statement.parts)
  if (!known) spliced.set(statement.parts, (known = new WeakMap()))
  let parts = known.get(condition.parts)
  if (!parts) known.set(condition.parts, (parts = splice(statement.parts, at, condition.parts)))
  return { parts, params: [...statement.params.slice(0, at), ...condition.params, ...statement.params.slice(at + 1)] }
}

function splice(outer: TemplateStringsArray, at: number, inner: TemplateStringsArray): TemplateStringsArray {
  const [first = '', ...rest] = inner
  const texts = [...outer.slice(0, at), (outer[at] ?? '') + first, ...rest]
  texts[texts.length - 1] += outer[at + 1] ?? ''
  const all = [...texts, ...outer.slice(at + 2)]
  return Object.assign(all, { raw: all })
}

const PAIR = sql`${undefined}, ${undefined}`

/** Parts of a statement with commas between them; the same ones always give the same parts. Throws a TypeError when there are none. */
export function listOf(items: readonly Statement[]): Statement {
  return items.reduce((list, item) => withCondition(withCondition(PAIR, 1, item), 0, list))
}

/** Runs a statement which gives one row at most. */
export function* one(statement: Statement): Script<Row | undefined> {
  const rows = yield statement
  return rows[0]
}

/** Runs a statement which always gives a row. */
export function* only(statement: Statement): Script<Row> {
  const rows = yield statement
  if (!rows[0]) throw new Error(`no row from: ${statement.parts.join('?')}`)
  return rows[0]
}

export function text(row: Row, column: string): string {
  const value = row[column]
  return typeof value === 'string' ? value : wrong(column, 'text', value)
}

export function maybeText(row: Row, column: string): string | undefined {
  return absent(row, column) ? undefined : text(row, column)
}

/** A whole number that fits a double exactly. */
export function int(row: Row, column: string): number {
  const value = Number(big(row, column))
  return Number.isSafeInteger(value) ? value : wrong(column, 'an integer below 2^53', value)
}

export function maybeInt(row: Row, column: string): number | undefined {
  return absent(row, column) ? undefined : int(row, column)
}

export function big(row: Row, column: string): bigint {
  const value = row[column]
  if (typeof value === 'bigint') return value
  return Number.isSafeInteger(value) ? BigInt(Number(value)) : wrong(column, 'an integer', value)
}

export function maybeBig(row: Row, column: string): bigint | undefined {
  return absent(row, column) ? undefined : big(row, column)
}

export function real(row: Row, column: string): number {
  const value = row[column]
  return typeof value === 'number' ? value : Number(big(row, column))
}

export function flag(row: Row, column: string): boolean {
  return big(row, column) !== 0n
}

export function bytes(row: Row, column: string): Uint8Array {
  const value = row[column]
  return value instanceof Uint8Array ? value : wrong(column, 'bytes', value)
}

/** A list of words, kept as JSON. */
export function maybeWords(row: Row, column: string): readonly string[] | undefined {
  if (absent(row, column)) return undefined
  const value: unknown = JSON.parse(text(row, column))
  return Array.isArray(value) ? value.map(String) : wrong(column, 'a JSON list', value)
}

/** The form in which `maybeWords` finds them. */
export function wordsText(words: readonly string[] | undefined): string | undefined {
  return words && JSON.stringify(words)
}

function absent(row: Row, column: string): boolean {
  const value = row[column]
  if (value === undefined) return wrong(column, 'in the row', value)
  return value === null
}

/** The value itself stays out of the message: it may be a secret. */
function wrong(column: string, expected: string, value: unknown): never {
  throw new TypeError(`column ${column} should be ${expected} but is ${value === null ? 'NULL' : typeof value}`)
}
