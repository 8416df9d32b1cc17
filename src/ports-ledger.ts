/** What was spent. */
import type { Choice } from './core/choice.ts'
import type { CallKind } from './core/intent.ts'
import type { Charging } from './core/reprice.ts'
import type { Hold, QuotaWindow, Standing, Verdict } from './core/quota.ts'
import type { CallId, EpochMs, GatewayKeyId, MemberId, NanoCredits, UpstreamId } from './core/units.ts'
import type { NanoUsd } from './core/usd.ts'
import type { Precision, Usage } from './core/usage.ts'
import type { CallReports } from './ports-calls.ts'
import type { UsageQuery, UsageSum } from './ports-usage.ts'

export type Transport = 'http' | 'sse' | 'ws'

/** How a call ended. */
export type Ending =
  | 'complete' // Upstream's answer, good or bad, reached the client whole.
  | 'client-left' // The client went away first.
  | 'upstream-broke' // Upstream's answer broke off.
  | 'upstream-failed' // No attempt gave an answer fit to pass on.
  | 'timed-out' // An idle or head time limit of the gateway ran out.
  | 'cut' // The gateway was told to stop and cut the call.
  | 'refused' // The gateway refused it; nothing went upstream.
  | 'interrupted' // The gateway died with the call open; settled at the next start.

/** What is known of a call when it is opened or refused. */
export interface CallFacts {
  readonly id: CallId
  readonly member: MemberId
  readonly key: GatewayKeyId
  readonly kind: CallKind
  readonly transport: Transport
  /** Without its query. */
  readonly path: string
  /** As asked for. */
  readonly model: string | undefined
  readonly serviceTier: string | undefined
  readonly sessionId: string | undefined
  readonly threadId: string | undefined
  /** Codex's turn id: calls of one turn are one message. */
  readonly turnId: string | undefined
  readonly startedAt: EpochMs
}

export interface OpenCall extends CallFacts {
  /** Credits the call holds while it runs. */
  readonly hold: NanoCredits
  /** Identity of the rate that says so; undefined where it holds nothing. */
  readonly rate: string | undefined
  /** What is charged. */
  readonly charging: Charging
  /** Whether it may come to be the message of its turn. */
  readonly message: boolean
  /** The member's windows, the shorter first. */
  readonly windows: readonly QuotaWindow[]
  /** False for warm-ups: they count in windows that are open, but open none. */
  readonly opensWindows: boolean
  /** It runs upstream already, unasked: it is written down whatever the windows say. */
  readonly unasked?: boolean
  /** It is let in whatever the windows say, and written down with how it would have been refused. */
  readonly shadow?: boolean
  /** The try that follows at once, where its upstream has been chosen already: it is named as by `attempt`. */
  readonly first?: FirstAttempt | undefined
}

export interface FirstAttempt {
  readonly upstream: UpstreamId
  readonly chosen: Choice
}

/** What became of one try at one upstream. */
export interface AttemptOutcome {
  readonly upstream: UpstreamId
  readonly status: number | undefined
  /** A class of core/fault.ts; undefined when it succeeded. */
  readonly errorClass: string | undefined
  /** Whether the request may have reached upstream. */
  readonly sent: boolean
  /** Why this upstream; undefined where nobody chose. */
  readonly chosen?: Choice | undefined
  readonly startedAt: EpochMs
  readonly durationMs: number
}

/** A call's settlement. */
export interface Entry {
  readonly call: CallId
  readonly ending: Ending
  /** What the client was answered; undefined when it left before the head. */
  readonly status: number | undefined
  /** The gateway's refusal code, when the call was opened and then refused (no upstream could be had). */
  readonly refusal: string | undefined
  /** The request id the client saw. */
  readonly requestId: string
  /** The upstream whose answer was passed on. */
  readonly upstream: UpstreamId | undefined
  /** The organization that answered (label or reply header): it owns the thread's ciphertext. */
  readonly organization: string | undefined
  readonly responseId: string | undefined
  /** Whether upstream keeps what it made under that id: only then `makerOf` finds it. */
  readonly stored: boolean
  /** The tier that was really used. */
  readonly serviceTier: string | undefined
  readonly usage: Usage
  /** Of the body; 0 where they do not tell the input's tokens. */
  readonly requestBytes: number
  /** Of the events that carried output. */
  readonly outputBytes: number
  readonly precision: Precision
  /** In `message` charging: the price of the message, taken only if the call is the first of its turn to be charged. */
  readonly credits: NanoCredits
  readonly charging: Charging
  /** Whether the call may count as a message of its turn (a turn's user input, not a warm-up, not a failure). */
  readonly message: boolean
  /** Identity of the rate row used, e.g. `gpt-5.5@2026-04-23`, or `fallback`. */
  readonly rate: string | undefined
  readonly attempts: readonly AttemptOutcome[]
  readonly endedAt: EpochMs
}

/** An authenticated caller's refusal before any call was opened: stands in the ledger at zero credits. */
export interface RefusedCall extends CallFacts {
  readonly requestId: string
  readonly status: number
  readonly refusal: string
  readonly endedAt: EpochMs
}

/** A WebSocket of a member's, from its handshake on. */
export interface NewConnection {
  readonly id: CallId
  readonly member: MemberId
  readonly key: GatewayKeyId
  readonly path: string
  readonly sessionId: string | undefined
  readonly threadId: string | undefined
  readonly upstream: UpstreamId | undefined
  readonly startedAt: EpochMs
}

/** How it ended. */
export interface ClosedConnection {
  readonly id: CallId
  /** The one that it had last. */
  readonly upstream: UpstreamId | undefined
  readonly endedAt: EpochMs
  /** Who or what ended it: `client left`, `upstream closed`, `idle`, … */
  readonly reason: string
  /** The code that it was closed with. */
  readonly code: number
  readonly clientMessages: number
  readonly upstreamMessages: number
}

/** A call whose usage was stated, and what was seen of it. */
export interface Sample {
  readonly member: MemberId
  readonly model: string | undefined
  readonly threadId: string | undefined
  readonly sessionId: string | undefined
  readonly requestBytes: number
  readonly outputBytes: number
  readonly usage: Usage
}

/** Where something is that upstream keeps: a stored response, a call over WebRTC. */
export interface Made {
  readonly upstream: UpstreamId
  readonly model: string | undefined
}

/** Who made a thread's ciphertext. */
export interface ThreadOwner {
  readonly upstream: UpstreamId
  readonly organization: string | undefined
}

/**
 * What was spent: the only truth about money.
 *
 * Safe is what outlives the process, and a power cut too where that is asked for. Every method rejects with `LedgerUnavailable` when the store cannot write.
 */
export interface Ledger {
  /**
   * In one step: finds the member's current windows at `now`, judges them by core/quota.ts, and, when the
   * call is admitted, opens the windows that it opens and writes the call with what it holds, which instance
   * runs it, and its first try where that is known. A call that is not admitted leaves no trace; one that runs already always is. Resolves once it is safe.
   */
  open(call: OpenCall, heldBefore: readonly Hold[], now: EpochMs): Promise<Verdict>
  /** Names the upstream of the next try that `open` did not name, and why it; resolves once that is safe, and only then may the request go. */
  attempt(call: CallId, upstream: UpstreamId, now: EpochMs, chosen?: Choice): Promise<void>
  /**
   * Closes the call and adds it to its windows' running totals. Resolves once that is safe; a call that is settled stays as it
   * is. Rejects with `NeverOpened` where there is none.
   */
  settle(entry: Entry): Promise<Standing>
  /** Writes a row for a call that was refused before it was opened. */
  refuse(call: RefusedCall): Promise<void>
  /** The member's windows as they stand: no call, no change. */
  standing(member: MemberId, windows: readonly QuotaWindow[], now: EpochMs): Promise<Standing>
  /** The upstream and organization that last answered in this thread (else this session) of the member. */
  ownerOf(member: MemberId, threadId: string): Promise<ThreadOwner | undefined>
  /** Where a stored response of this member's was made, or a call over WebRTC; undefined for one that is not this member's. */
  makerOf(member: MemberId, responseId: string): Promise<Made | undefined>
  /** The newest calls whose usage was stated, the oldest of them first: what estimates are learned from. */
  samples(limit: number): Promise<readonly Sample[]>
  /** Writes down that a WebSocket was accepted, and later how it ended. Turns are calls of their own. */
  connected(connection: NewConnection): Promise<void>
  disconnected(closed: ClosedConnection): Promise<void>
  /** Writes, to show that the store can take calls; rejects when it cannot. */
  probe(): Promise<void>
}

/** The store cannot write or does not answer. */
export class LedgerUnavailable extends Error {
  override readonly name = 'LedgerUnavailable'
  /** Where it did not answer in time: whether what was asked was done after all, once that is known. Never rejects. */
  readonly later: Promise<boolean> | undefined

  constructor(message: string, options: ErrorOptions & { readonly later?: Promise<boolean> } = {}) {
    super(message, options)
    this.later = options.later
  }
}

/** The ledger has no such call. */
export class NeverOpened extends Error {
  override readonly name = 'NeverOpened'
}

export interface MemberUsage {
  readonly name: string
  readonly credits: NanoCredits
  /** These two as in a `UsageSum`. */
  readonly usd: NanoUsd
  readonly unpriced: number
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly outputTokens: number
  readonly totalTokens: number
  readonly requests: number
  readonly messages: number
  readonly wsConnections: number
  /** Messages of those connections, both ways apart. */
  readonly wsClientMessages: number
  readonly wsUpstreamMessages: number
}

/** One WebSocket as `admin connections` shows it. */
export interface ConnectionRow {
  readonly id: CallId
  readonly member: string
  readonly keyPrefix: string
  /** The one that it had last. */
  readonly upstream: string | undefined
  readonly path: string
  readonly sessionId: string | undefined
  readonly threadId: string | undefined
  readonly startedAt: EpochMs
  /** Undefined while it is open. */
  readonly endedAt: EpochMs | undefined
  readonly reason: string | undefined
  readonly code: number | undefined
  /** Counted when it ends. */
  readonly clientMessages: number
  readonly upstreamMessages: number
}

/** One call as `admin calls` shows it. */
export interface CallRow extends Usage {
  readonly id: CallId
  readonly requestId: string | undefined
  readonly member: string
  readonly keyPrefix: string
  readonly upstream: string | undefined
  readonly kind: CallKind
  readonly transport: Transport
  readonly path: string
  readonly model: string | undefined
  readonly serviceTier: string | undefined
  readonly status: number | undefined
  /** Undefined while the call is open. */
  readonly ending: Ending | undefined
  readonly refusal: string | undefined
  /** How it would have been refused if quotas were enforced. */
  readonly wouldRefuse: string | undefined
  readonly precision: Precision | undefined
  readonly credits: NanoCredits
  readonly responseId: string | undefined
  readonly threadId: string | undefined
  readonly sessionId: string | undefined
  readonly startedAt: EpochMs
  /** Undefined while it is open. */
  readonly endedAt: EpochMs | undefined
  readonly durationMs: number | undefined
  /** How many tries went upstream. */
  readonly attempts: number
}

export interface Reports extends CallReports {
  /**
   * Settled calls that started in [from, to), both at the full hour, summed per member, by name; members without calls
   * are left out. Refusals are no requests.
   */
  usage(from: EpochMs, to: EpochMs): Promise<readonly MemberUsage[]>
  /** The same, summed by whatever is asked for. */
  usageBy(query: UsageQuery): Promise<readonly UsageSum[]>
  /** WebSockets, newest first. */
  connections(filter: {
    readonly member: string | undefined
    readonly limit: number
  }): Promise<readonly ConnectionRow[]>
}
