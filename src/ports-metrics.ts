/** What is counted for whoever watches the gateway from outside. */
import type { CallKind } from './core/intent.ts'
import type { WindowName, WindowStanding } from './core/quota.ts'
import type { RefusalCode } from './core/refusal.ts'
import type { NanoCredits } from './core/units.ts'
import type { Precision } from './core/usage.ts'
import type { Ending } from './ports-ledger.ts'

/** A call as it stands in the ledger, and where it left its member. */
export interface CountedCall {
  readonly member: string
  readonly kind: CallKind
  readonly ending: Ending
  readonly precision: Precision
  readonly credits: NanoCredits
  readonly windows: readonly WindowStanding[]
}

/** Counts since the process began. Everything here is on the way of a call: nothing waits, nothing throws. */
export interface Metrics {
  settled(call: CountedCall): void
  /** A threshold of a quota, in percent of the limit, was reached. */
  warned(member: string, window: WindowName, percent: number): void
  /** Somebody was told no, a stranger or a member. */
  refused(code: RefusalCode): void
}
