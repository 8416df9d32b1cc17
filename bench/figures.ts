/** The value below which a share of the sorted values lies. */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** One figure of several rounds. */
export interface Figure {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** Throws a RangeError when there is no round. */
export function figureOf(values: readonly number[]): Figure {
  const sorted = Float64Array.from(values).toSorted()
  const [least] = sorted
  const most = sorted.at(-1)
  if (least === undefined || most === undefined) throw new RangeError('a figure needs at least one round')
  const half = Math.floor(sorted.length / 2)
  const upper = sorted[half] ?? least
  const median = sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? least) + upper) / 2
  return { median, least, most }
}
