import { visible } from './lines.ts'

/** One column of a CSV file: its name in the first line, and what stands in it. */
export interface CsvColumn<T> {
  readonly name: string
  readonly of: (row: T) => string | number | undefined
}

/** A line of names, then one for each row (RFC 4180, but with plain line ends); absent values are empty. */
export function csv<T>(columns: readonly CsvColumn<T>[], rows: readonly T[]): string {
  return csvHead(columns) + rows.map((row) => csvLine(columns, row)).join('')
}

export function csvHead<T>(columns: readonly CsvColumn<T>[]): string {
  return `${columns.map(({ name }) => name).join(',')}\n`
}

export function csvLine<T>(columns: readonly CsvColumn<T>[], row: T): string {
  return `${columns.map((column) => cell(column.of(row))).join(',')}\n`
}

/** Callers choose model names and ids: a spreadsheet must not take one for a formula. */
function cell(value: string | number | undefined): string {
  if (value === undefined) return ''
  if (typeof value === 'number') return String(value)
  const text = visible(value)
  const shown = /^[=+\-@]/.test(text) && !/^-?\d+(?:\.\d+)?$/.test(text) ? `'${text}` : text
  return /[",\s]/.test(shown) ? `"${shown.replaceAll('"', '""')}"` : shown
}
