import type { RateCard } from '../core/price.ts'
import { isChange, repriced } from '../core/reprice.ts'
import type { NanoCredits } from '../core/units.ts'
import type { Adjustment, BookedCall, CallMark, CallSpan, RateBook } from '../ports.ts'

/** What other prices make of the calls of one member to one model. */
export interface Difference {
  readonly model: string
  readonly member: string
  /** Those that change. */
  readonly calls: number
  readonly before: NanoCredits
  readonly after: NanoCredits
}

export interface Repricing {
  readonly differences: readonly Difference[]
  /** Calls that say nothing to price them by: they keep what they have. */
  readonly kept: number
}

/** Read and written at a time: a transaction of so many takes a few milliseconds, and calls go on between two. */
const BATCH = 200

/** What pricing the calls of `span` again would change; changes nothing. */
export async function weighRepricing(book: RateBook, span: CallSpan, card: RateCard): Promise<Repricing> {
  const sums = new Map<string, Difference>()
  let kept = 0
  for await (const calls of pages(book, span)) {
    kept += calls.filter((call) => repriced(call, card) === undefined).length
    for (const { call, after } of changesIn(calls, card)) add(sums, call, after)
  }
  const differences = [...sums.values()].toSorted(
    (one, other) => one.model.localeCompare(other.model, 'en') || one.member.localeCompare(other.member, 'en'),
  )
  return { differences, kept }
}

/** Prices the calls of `span` again, batch by batch, and resolves with how many it changed. */
export async function applyRepricing(
  book: RateBook,
  span: CallSpan,
  card: RateCard,
  reason: { readonly who: string; readonly why: string },
): Promise<number> {
  let changed = 0
  for await (const calls of pages(book, span)) {
    const adjustments = changesIn(calls, card).map(({ call, after, rate }): Adjustment => ({
      call: call.id,
      before: call.credits,
      after,
      rate,
    }))
    if (adjustments.length > 0) changed += await book.adjust(adjustments, reason)
  }
  return changed
}

async function* pages(book: RateBook, span: CallSpan): AsyncGenerator<readonly BookedCall[]> {
  let mark: CallMark | undefined
  for (;;) {
    const calls = await book.booked(span, mark, BATCH)
    if (calls.length > 0) yield calls
    mark = calls.at(-1)
    if (calls.length < BATCH) return
  }
}

interface Change {
  readonly call: BookedCall
  readonly after: NanoCredits
  readonly rate: string
}

function changesIn(calls: readonly BookedCall[], card: RateCard): readonly Change[] {
  return calls.flatMap((call): Change[] => {
    const to = repriced(call, card)
    return to && isChange(call, to, card) ? [{ call, after: to.credits, rate: to.rate }] : []
  })
}

function add(sums: Map<string, Difference>, call: BookedCall, after: NanoCredits): void {
  const model = call.model ?? '(none named)'
  const key = JSON.stringify([model, call.member])
  const sum = sums.get(key) ?? { model, member: call.member, calls: 0, before: 0n, after: 0n }
  sums.set(key, {
    ...sum,
    calls: sum.calls + 1,
    before: sum.before + call.credits,
    after: sum.after + after,
  })
}
