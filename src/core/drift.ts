import { MEASURES, NOTHING, plus, type Comparison, type PicoUsd, type Tally } from './reconcile.ts'

/** What all comparisons say together. */
export interface Drift {
  readonly booked: Tally
  readonly proven: Tally
  readonly unproven: Tally
  /** Summed over the comparisons regardless of sign: two errors do not make it right. */
  readonly drift: Tally
  readonly unexplained: Tally
  readonly billed: PicoUsd
  readonly priced: PicoUsd
  /** Of both, summed regardless of sign. What the ledger knows no price of is not in it. */
  readonly money: PicoUsd
  /** The largest of its measures and of the money, against what was booked. */
  readonly percent: number
}

/** Of the days that are final alone: the others' drift says nothing yet. */
export function driftOf(comparisons: readonly Comparison[]): Drift {
  const final = comparisons.filter(({ state }) => state === 'final')
  const sum = (of: (one: Comparison) => Tally): Tally => final.reduce((before, one) => plus(before, of(one)), NOTHING)
  const [booked, drift] = [sum((one) => one.booked), sum((one) => absolute(one.drift))]
  const known = final.filter(({ priced }) => priced !== undefined)
  const total = (of: (one: Comparison) => PicoUsd): PicoUsd => known.reduce((before, one) => before + of(one), 0n)
  const [billed, priced] = [total((one) => one.billed), total((one) => one.priced ?? 0n)]
  const money = total((one) => absoluteOf(one.billed - (one.priced ?? 0n)))
  return {
    booked,
    drift,
    billed,
    priced,
    money,
    proven: sum((one) => one.proven),
    unproven: sum((one) => one.unproven),
    unexplained: sum((one) => absolute(one.unexplained)),
    percent: Math.max(
      ...MEASURES.map((measure) => percentOf(drift[measure], booked[measure])),
      percentOf(Number(money), Number(billed)),
    ),
  }
}

function absoluteOf(amount: bigint): bigint {
  return amount < 0n ? -amount : amount
}

function absolute(tally: Tally): Tally {
  return {
    requests: Math.abs(tally.requests),
    input: Math.abs(tally.input),
    cached: Math.abs(tally.cached),
    output: Math.abs(tally.output),
  }
}

/** Of nothing, anything is all. */
function percentOf(part: number, whole: number): number {
  if (part === 0) return 0
  return whole === 0 ? 100 : (part / whole) * 100
}
