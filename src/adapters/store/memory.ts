import type { QuotaWindow } from '../../core/quota.ts'
import type { CallId, EpochMs, GatewayKeyId, MemberId, NanoCredits, UpstreamId } from '../../core/units.ts'

/** A call that is open, as far as settling it asks. */
export interface OpenedCall {
  readonly seq: number
  readonly member: MemberId
  readonly key: GatewayKeyId
  readonly kind: string
  readonly model: string | undefined
  readonly askedTier: string | undefined
  readonly startedAt: EpochMs
  readonly turnId: string | undefined
  readonly threadId: string | undefined
  readonly sessionId: string | undefined
  /** The windows that it was admitted in. */
  readonly windows: readonly number[]
  /** How many attempts stand in the ledger. */
  attempts: number
}

/** A row of `windows`. */
export interface WindowRow {
  readonly id: number
  readonly name: string
  readonly openedAt: EpochMs
  readonly resetsAt: EpochMs
  settled: NanoCredits
  /** The highest threshold that was told of, in percent; 0 = none. */
  warned: number
}

/** A row of `quota_adjustments`. */
export interface AdjustmentRow {
  readonly kind: string
  readonly window: string
  readonly credits: NanoCredits
  readonly until: EpochMs
  readonly endedWindow: number | undefined
  readonly resetTotal: NanoCredits | undefined
  /** Of a grant: whether a reset of its window ends it. */
  readonly withWindow: boolean
}

/** What the ledger says of a member's windows from some instant on, the oldest first. */
export interface KnownMember {
  readonly windows: WindowRow[]
  readonly adjustments: readonly AdjustmentRow[]
  /** By its quotas of today. */
  readonly quotas: readonly QuotaWindow[]
  /** The newest of its running totals (rolling.ts); undefined before it was asked for. */
  total: { readonly minute: EpochMs; credits: NanoCredits } | undefined
}

/** Whose key a conversation's last answer came from, as it stands in `owners`. */
export interface KnownOwner {
  readonly upstream: UpstreamId
  readonly organization: string | undefined
  readonly answeredAt: EpochMs
}

/** So many conversations are remembered, then none: those that go on are soon known again. */
const MOST_OWNERS = 10_000

/**
 * What was read or written last, so that a call need not read it again. It says the same as the database, or nothing: it is
 * emptied when another connection has written, when a transaction is taken back, and by operations that do not keep it.
 */
export class LedgerMemory {
  readonly calls: Map<CallId, OpenedCall> = new Map()
  readonly members: Map<MemberId, KnownMember> = new Map()
  /** When the last use of a gateway key was written. */
  readonly keyUses: Map<GatewayKeyId, EpochMs> = new Map()
  readonly #owners: Map<string, KnownOwner> = new Map()
  #version = -1
  #forgotten = 0

  /** At the beginning of a transaction, with the figure that changes whenever another connection has committed. */
  begin(version: number): void {
    if (version !== this.#version) this.forget()
    this.#version = version
  }

  /** How often it was emptied. */
  get forgotten(): number {
    return this.#forgotten
  }

  forget(): void {
    this.#forgotten += 1
    this.calls.clear()
    this.members.clear()
    this.keyUses.clear()
    this.#owners.clear()
  }

  owner(member: MemberId, namedBy: string, conversation: string): KnownOwner | undefined {
    return this.#owners.get(`${member} ${namedBy} ${conversation}`)
  }

  setOwner(member: MemberId, namedBy: string, conversation: string, owner: KnownOwner): void {
    if (this.#owners.size >= MOST_OWNERS) this.#owners.clear()
    this.#owners.set(`${member} ${namedBy} ${conversation}`, owner)
  }
}
