import type { EpochMs } from '../../src/core/units.ts'
import {
  type Adjustment,
  type BookedCall,
  type CallMark,
  type CallSpan,
  type FallbackUse,
  type NewRate,
  type RateBook,
  type RateName,
  RegistryError,
  type SetRate,
  type TierUse,
} from '../../src/ports.ts'

const SET_AT: EpochMs = Date.parse('2026-11-20T09:00:00Z')

/** Keeps set rates and settled calls in lists. */
export class MemoryRateBook implements RateBook {
  readonly list: SetRate[] = []
  calls: BookedCall[] = []
  fallback: readonly FallbackUse[] = []
  tiers: readonly TierUse[] = []
  spans: CallSpan[] = []
  readonly since: EpochMs[] = []
  readonly reasons: { readonly who: string; readonly why: string }[] = []
  #serial = 0

  async set(rate: NewRate): Promise<SetRate> {
    const set = { ...rate, id: ++this.#serial, at: SET_AT, on: '2026-11-20' }
    this.#remove({ ...rate, of: 'message' in rate ? 'messages' : 'tokens' })
    this.list.push(set)
    return set
  }

  async unset(rate: RateName): Promise<SetRate> {
    const removed = this.#remove(rate)
    if (!removed) throw new RegistryError('unknown', `no set rate ${rate.model}`)
    return removed
  }

  async rates(): Promise<readonly SetRate[]> {
    return this.list
  }

  async booked(span: CallSpan, after: CallMark | undefined, limit: number): Promise<readonly BookedCall[]> {
    this.spans.push(span)
    const first = after === undefined ? 0 : this.calls.findIndex(({ seq }) => seq === after.seq) + 1
    return this.calls.slice(first, first + limit)
  }

  async adjust(
    adjustments: readonly Adjustment[],
    reason: { readonly who: string; readonly why: string },
  ): Promise<number> {
    this.reasons.push(reason)
    const after = new Map(adjustments.map((each) => [each.call, each]))
    this.calls = this.calls.map((call) => {
      const to = after.get(call.id)
      return to ? { ...call, credits: to.after, rate: to.rate } : call
    })
    return adjustments.length
  }

  async byFallback(since: EpochMs): Promise<readonly FallbackUse[]> {
    this.since.push(since)
    return this.fallback
  }

  async byTier(since: EpochMs): Promise<readonly TierUse[]> {
    this.since.push(since)
    return this.tiers
  }

  #remove({ model, from, of }: RateName): SetRate | undefined {
    const named = (each: SetRate): boolean => each.model === model && each.from === from
    const at = this.list.findIndex((each) => named(each) && 'message' in each === (of === 'messages'))
    return at === -1 ? undefined : this.list.splice(at, 1)[0]
  }
}
