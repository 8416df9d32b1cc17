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
  const day = dayAt(at)
  for (const name of namesOf(model, aliases)) {
    const row = rows.get(name)?.findLast((each) => inForce(each, day))
    if (row) return row
  }
  return undefined
}

/** The names by which a model is looked for, one after the other. */
export function namesOf(model: string, aliases: ReadonlyMap<string, string>): readonly string[] {
  const plain = undated(model)
  return [model, plain, aliases.get(model), aliases.get(plain)].filter((name) => name !== undefined)
}

/** The one name of a model that has several: without the date of a snapshot, and of an alias what it stands for. */
export function oneName(model: string, aliases: ReadonlyMap<string, string>): string {
  const plain = undated(model)
  return aliases.get(model) ?? aliases.get(plain) ?? plain
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
