/** The books' side of a reconciliation, worked out from the simulator's truth and the ledger's rows one by one. */
import { DAY_MS, NOTHING, plus, type Tally } from '../../src/core/reconcile.ts'
import { reconcile, type Reconciliation } from '../../src/admin/reconcile.ts'
import type { CallRow } from '../../src/ports.ts'
import type { TrueCall } from '../../src/simulator/simulator.ts'
import type { Ground } from './stand.ts'

const DATED = /-\d{4}-\d\d-\d\d$/

/** Compares yesterday to tomorrow as somebody would next week, when all of it is final. */
export function reconciled(on: Ground, threshold = 2): Promise<Reconciliation> {
  const today = Date.now() - (Date.now() % DAY_MS)
  const days = { from: today - DAY_MS, to: today + 2 * DAY_MS }
  const options = { days, now: today + 7 * DAY_MS, settleMs: 0, threshold, signal: new AbortController().signal }
  return on.admin((store) => reconcile(store, options))
}

/** Sums by key and model: of the calls that OpenAI booked, those that the ledger proves and those that it does not. */
export function truthByKey(
  truth: readonly TrueCall[],
  rows: readonly CallRow[],
): ReadonlyMap<string, { readonly proven: Tally; readonly rest: Tally }> {
  // A row without tokens proves nothing: its answer failed.
  const proof = rows.filter((row) => row.precision === 'exact' && row.inputTokens + row.outputTokens > 0)
  const ids = new Set(proof.map(({ responseId }) => responseId))
  const sums = new Map<string, { readonly proven: Tally; readonly rest: Tally }>()
  for (const call of truth.filter(isBooked)) {
    const name = `${call.key} ${call.model?.replace(DATED, '')}`
    const before = sums.get(name) ?? { proven: NOTHING, rest: NOTHING }
    const side = ids.has(call.id) ? 'proven' : 'rest'
    sums.set(name, { ...before, [side]: plus(before[side], tallyOf(call)) })
  }
  return sums
}

function isBooked({ inputTokens, failed, usageStated, realtime }: TrueCall): boolean {
  if (inputTokens === 0 || (realtime !== undefined && realtime.seconds > 0)) return false
  return usageStated || !failed
}

function tallyOf(call: TrueCall): Tally {
  return { requests: 1, input: call.inputTokens, cached: call.cachedInputTokens, output: call.outputTokens }
}
