import { dayAt, dayOf } from './calendar.ts'
import { undated } from './model.ts'
import type { Dated } from './rates.ts'
import type { EpochMs } from './units.ts'

/** A model's row at an instant: by its exact name, then without the date of a snapshot (`-YYYY-MM-DD`), then by an alias. */
export function rowOf<Row extends Dated>(
  model: string,
  at: EpochMs,
  rows: ReadonlyMap<string, readonly Row[]>,
  aliases: ReadonlyMap<string, string>,
): Row | undefined {
  const plain = undated(model)
  const day = dayAt(at)
  for (const name of [model, plain, aliases.get(model), aliases.get(plain)]) {
    const row = name === undefined ? undefined : rows.get(name)?.findLast((each) => inForce(each, day))
    if (row) return row
  }
  return undefined
}

/** Whether a row counts on a day. */
export function inForce(row: Dated, day: number): boolean {
  const from = row.from === undefined ? -Infinity : dayOf(row.from)
  const to = row.to === undefined ? Infinity : dayOf(row.to)
  return from !== undefined && to !== undefined && from <= day && day <= to
}

/** Rows by model, in their order. Throws a RangeError that names the model when a date is none. */
export function byModel<Row extends Dated>(rows: readonly Row[]): Map<string, readonly Row[]> {
  for (const row of rows) {
    for (const date of [row.from, row.to]) {
      if (date !== undefined && dayOf(date) === undefined) {
        throw new RangeError(`rate of ${row.model}: ${date} is no date, expected YYYY-MM-DD`)
      }
    }
  }
  return Map.groupBy(rows, (row) => row.model)
}
