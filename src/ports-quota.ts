/** What administrators do about quotas, and what members and they see of them. */
import type { WindowName, WindowStanding } from './core/quota.ts'
import type { PastCall } from './core/replay.ts'
import type { EpochMs, MemberId, NanoCredits } from './core/units.ts'

/** A change of what a member may spend: a row of its own with its date, never an edit. */
export interface QuotaAdjustment {
  readonly at: EpochMs
  /**
   * `reset`: what was spent in the window counts no more. `grant`: the window's limit is higher for a while. `revoke`: what
   * was granted before counts no more.
   */
  readonly kind: 'reset' | 'grant' | 'revoke'
  readonly window: WindowName
  /** What was granted, the spend that a reset took out of the window, or what was revoked of its limit. */
  readonly credits: NanoCredits
  /** The end of a grant; undefined of the others. */
  readonly until: EpochMs | undefined
  /** The user of the operating system who made it. */
  readonly who: string
  readonly why: string | undefined
}

/** A window as it stands, grants in its limit. */
export interface WindowView extends WindowStanding {
  /** Of the limit; unlimited windows have none. */
  readonly granted: NanoCredits
  /** What calls that are open hold in it. */
  readonly held: NanoCredits
  /** Since when what is in it was spent: it was opened then, or the oldest spend in it is of then. */
  readonly since: EpochMs | undefined
}

export interface QuotaView {
  readonly member: string
  readonly at: EpochMs
  readonly windows: readonly WindowView[]
  /** The newest first, a hundred at most. */
  readonly adjustments: readonly QuotaAdjustment[]
}

/** What a member used of one model. */
export interface ModelUsage {
  readonly model: string | undefined
  readonly credits: NanoCredits
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly outputTokens: number
  readonly requests: number
}

/** A part of the calls that have been, in the order in which they were opened. */
export interface PastPage {
  readonly since: EpochMs
  /** The number of the last call of the page before; 0 = the first page. */
  readonly after: number
  readonly limit: number
}

export interface PastPageCall extends PastCall {
  readonly seq: number
  readonly member: string
}

interface Asked {
  readonly member: string
  /** Undefined: every window that it can be done to. */
  readonly window: WindowName | undefined
  readonly who: string
  readonly why: string | undefined
}

export type ResetWish = Asked
export type RevokeWish = Asked

export interface GrantWish extends Asked {
  readonly credits: NanoCredits
  /** Undefined: to the end of the window, also by a reset; one that is not open yet is taken to open now. */
  readonly until: EpochMs | undefined
}

/** Each method is one transaction, and throws a RegistryError for a member who does not exist. */
export interface Quotas {
  view(member: string): Promise<QuotaView>
  /** Settled calls that started in [from, to), by model, the dearest first. */
  usedBy(member: MemberId, from: EpochMs, to: EpochMs): Promise<readonly ModelUsage[]>
  /** Settled calls of everybody that began since then; refusals are none. */
  past(page: PastPage): Promise<readonly PastPageCall[]>
  /** A running server judges by it from its next call on, and calls that wait for room too; those in flight settle where they were admitted. */
  reset(wish: ResetWish): Promise<readonly QuotaAdjustment[]>
  /** Throws a RegistryError for a window without a limit: there is nothing to add to. */
  grant(wish: GrantWish): Promise<readonly QuotaAdjustment[]>
  /** Takes back all that was granted and counts still. */
  revoke(wish: RevokeWish): Promise<readonly QuotaAdjustment[]>
}
