/** What the gateway asks of the world. Adapters implement these; tests fake them. */
import type { HeaderList } from './core/headers.ts'
import type { Outcome, Pulse } from './core/health.ts'
import type { CallKind } from './core/intent.ts'
import type { Hold, QuotaWindow, Standing, Verdict } from './core/quota.ts'
import type { Precision, Usage } from './core/usage.ts'
import type { CallId, EpochMs, GatewayKeyId, KeyHash, MemberId, NanoCredits, UpstreamId } from './core/units.ts'

export type { HeaderList, Hold, Outcome, Pulse, QuotaWindow, Standing, Verdict }

// ---------------------------------------------------------------------------------------------------- Directory

/** A person or a machine that spends. Quotas in nanocredits, 0 = unlimited; `maxConcurrent` calls at once, 0 = unlimited. */
export interface Member {
  readonly id: MemberId
  readonly name: string
  readonly enabled: boolean
  readonly weight: number
  readonly maxConcurrent: number
  readonly fiveHourQuota: NanoCredits
  readonly weeklyQuota: NanoCredits
  /** Models the member may use; undefined = all. */
  readonly models: readonly string[] | undefined
}

/** A member's key, without its secret: only the hash is known. `prefix` finds it for people. */
export interface GatewayKey {
  readonly id: GatewayKeyId
  readonly member: MemberId
  readonly prefix: string
  readonly enabled: boolean
  readonly expiresAt: EpochMs | undefined
  readonly createdAt: EpochMs
  readonly lastUsedAt: EpochMs | undefined
}

/** One API key of the administrator's at OpenAI (or a compatible API). */
export interface Upstream {
  readonly id: UpstreamId
  readonly name: string
  readonly enabled: boolean
  /** Changes with every change an administrator makes: what was learned about an older version no longer counts. */
  readonly version: number
  readonly http: boolean
  readonly ws: boolean
  readonly weight: number
  readonly maxConcurrent: number
  /** As labelled by the administrator, else as learned from upstream's reply headers. */
  readonly organization: string | undefined
  readonly project: string | undefined
  /** Models this key serves; undefined = all. */
  readonly models: readonly string[] | undefined
  /** Overrides `[upstream] http_base_url`. */
  readonly baseUrl: string | undefined
}

export interface Holder {
  readonly member: Member
  readonly key: GatewayKey
}

/** Who exists. Answers from memory: nothing here waits for I/O. Follows the registry within a second. */
export interface Directory {
  /** The key with this hash and its member, enabled or not, expired or not. */
  holderOf(hash: KeyHash): Holder | undefined
  upstreams(): readonly Upstream[]
}

/** Hands out upstream secrets to the adapter that sends them, and to nothing else. */
export interface Vault {
  /** The secret in clear; throws when it cannot be decrypted. */
  secretOf(upstream: UpstreamId): string
}

// ------------------------------------------------------------------------------------------------------- Ledger

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
  /** The member's windows, the shorter first. */
  readonly windows: readonly QuotaWindow[]
  /** False for warm-ups: they count in windows that are open, but open none. */
  readonly opensWindows: boolean
}

/** What became of one try at one upstream. */
export interface AttemptOutcome {
  readonly upstream: UpstreamId
  readonly status: number | undefined
  /** A class of core/fault.ts; undefined when it succeeded. */
  readonly errorClass: string | undefined
  /** Whether the request may have reached upstream. */
  readonly sent: boolean
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
  /** The tier that was really used. */
  readonly serviceTier: string | undefined
  readonly usage: Usage
  readonly precision: Precision
  /** In `message` charging: the price of the message, taken only if the call is the first of its turn to be charged. */
  readonly credits: NanoCredits
  readonly charging: 'tokens' | 'message'
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

/** Who made a thread's ciphertext. */
export interface ThreadOwner {
  readonly upstream: UpstreamId
  readonly organization: string | undefined
}

/**
 * What was spent: the only truth about money.
 *
 * Every method rejects with `LedgerUnavailable` when the store cannot write.
 */
export interface Ledger {
  /**
   * In one transaction: finds the member's current windows at `now`, judges them by core/quota.ts, and, when the
   * call is admitted, opens the windows that it opens and writes the call with what it holds and which instance
   * runs it. A call that is not admitted leaves no trace. Resolves once committed.
   */
  open(call: OpenCall, heldBefore: readonly Hold[], now: EpochMs): Promise<Verdict>
  /** Names the upstream of the next try; resolves once committed, and only then may the request go. */
  attempt(call: CallId, upstream: UpstreamId, now: EpochMs): Promise<void>
  /** Closes the call and adds it to its windows' running totals. Resolves once committed; a call that is settled stays as it is. */
  settle(entry: Entry): Promise<Standing>
  /** Writes a row for a call that was refused before it was opened. */
  refuse(call: RefusedCall): Promise<void>
  /** The member's windows as they stand: no call, no change. */
  standing(member: MemberId, windows: readonly QuotaWindow[], now: EpochMs): Promise<Standing>
  /** The upstream and organization that last answered in this thread (else this session) of the member. */
  ownerOf(member: MemberId, threadId: string): Promise<ThreadOwner | undefined>
  /** Writes and rolls back, to show that the store can write; rejects when it cannot. */
  probe(): Promise<void>
}

/** The store cannot write or does not answer. */
export class LedgerUnavailable extends Error {
  override readonly name = 'LedgerUnavailable'
}

// ----------------------------------------------------------------------------------------------------- Registry

export interface NewMember {
  readonly name: string
  readonly weight: number
  readonly maxConcurrent: number
  readonly fiveHourQuota: NanoCredits
  readonly weeklyQuota: NanoCredits
  readonly models: readonly string[] | undefined
}

export interface NewUpstream {
  readonly name: string
  /** In clear, on its way to be encrypted. */
  readonly secret: string
  readonly http: boolean
  readonly ws: boolean
  readonly weight: number
  readonly maxConcurrent: number
  readonly organization: string | undefined
  readonly project: string | undefined
  readonly models: readonly string[] | undefined
  readonly baseUrl: string | undefined
}

/** What was asked for cannot be done as asked: the sentence says what is wrong and what would be right. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError'
  readonly code: 'unknown' | 'duplicate' | 'invalid'

  constructor(code: RegistryError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** A change: only the fields that are present change; `undefined` as a value clears (models, labels, base URL). */
export type Change<T> = { readonly [K in keyof T]?: T[K] }

/** How administrators change who exists; the request path never sees it. Each method is one transaction, under 50 ms. */
export interface Registry {
  addMember(member: NewMember): Promise<Member>
  setMember(name: string, change: Change<Omit<NewMember, 'name'>> & { readonly enabled?: boolean }): Promise<Member>
  members(): Promise<readonly Member[]>
  addGatewayKey(key: {
    readonly member: string
    readonly hash: KeyHash
    readonly prefix: string
    readonly expiresAt: EpochMs | undefined
  }): Promise<GatewayKey>
  /** `prefix` may be any leading part that is unique among the keys. */
  setGatewayKey(prefix: string, change: { readonly enabled: boolean }): Promise<GatewayKey>
  gatewayKeys(): Promise<readonly (GatewayKey & { readonly memberName: string })[]>
  addUpstream(upstream: NewUpstream): Promise<Upstream>
  setUpstream(
    name: string,
    change: Change<Omit<NewUpstream, 'name'>> & { readonly enabled?: boolean },
  ): Promise<Upstream>
  upstreams(): Promise<readonly Upstream[]>
  /** Remembers labels read from upstream's replies where the administrator gave none. */
  learn(upstream: UpstreamId, organization: string | undefined, project: string | undefined): Promise<void>
}

// ------------------------------------------------------------------------------------------------------ Reports

export interface MemberUsage {
  readonly name: string
  readonly credits: NanoCredits
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly outputTokens: number
  readonly totalTokens: number
  readonly requests: number
  readonly messages: number
  readonly wsConnections: number
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
  readonly precision: Precision | undefined
  readonly credits: NanoCredits
  readonly responseId: string | undefined
  readonly threadId: string | undefined
  readonly sessionId: string | undefined
  readonly startedAt: EpochMs
  readonly durationMs: number | undefined
  /** How many tries went upstream. */
  readonly attempts: number
}

export interface Reports {
  /** Settled calls that started in [from, to), summed per member, by name; members without calls are left out. Refusals are no requests. */
  usage(from: EpochMs, to: EpochMs): Promise<readonly MemberUsage[]>
  /** Newest first. */
  calls(filter: { readonly member: string | undefined; readonly limit: number }): Promise<readonly CallRow[]>
}

// -------------------------------------------------------------------------------------------------- Coordinator

/** A wish for a place. */
export interface Claim {
  readonly call: CallId
  readonly member: Member
  /** What the call holds; 0 where the member has no limited window. */
  readonly hold: NanoCredits
}

/** A place of the member, held while its scope lives. */
export interface Place extends AsyncDisposable {
  /** What calls placed before this one hold on the same member, now: one sum for each instant of admission. */
  heldBefore(): readonly Hold[]
  /** Resolves when one of them has gone; rejects with the signal's reason. */
  changed(signal: AbortSignal): Promise<void>
  /**
   * Tells that the ledger admitted the call, and when the last of the windows open to it was opened: its hold counts
   * only in windows that were open then. Calls of the same windows share this instant.
   */
  admitted(at: EpochMs): void
}

/** Which upstream key is wanted. */
export interface Wish {
  readonly call: CallId
  /** Hard constraints are already applied: any of these will do. */
  readonly candidates: readonly Upstream[]
  readonly model: string | undefined
  readonly serviceTier: string | undefined
  /** Soft: the conversation goes back to the key it had, if that is free and healthy. */
  readonly sticky: string | undefined
}

export interface Seat extends AsyncDisposable {
  readonly upstream: Upstream
}

/** No candidate can ever be had without an administrator: each is disabled by its own trouble. */
export class NoSeat extends Error {
  override readonly name = 'NoSeat'
}

/** What is in flight. Safe to lose. */
export interface Coordinator {
  /** Takes a place of the member and places its hold, or waits in the member's queue; rejects with the signal's reason. */
  admit(claim: Claim, signal: AbortSignal): Promise<Place>
  /**
   * Then takes the best free candidate, or waits until one is free and healthy; rejects with the signal's reason,
   * or at once with `NoSeat`. Nobody who waits for room of its own holds an upstream place.
   */
  seat(wish: Wish, signal: AbortSignal): Promise<Seat>
  /** Tells what came of a try: cools, disables or heals the key and whatever shares its limits. */
  report(upstream: Upstream, outcome: Outcome): void
  /** How long until one of the candidates may be free of its cooldown, in ms; undefined when nothing cools. */
  soonest(wish: Wish): number | undefined
  survey(): ReadonlyMap<UpstreamId, Pulse>
}

// ----------------------------------------------------------------------------------------------------- Upstream

export interface UpstreamRequest {
  readonly method: string
  /** With its query, as it came. */
  readonly path: string
  /** Already without what must not go upstream (core/headers.ts); the adapter adds only the authorization. */
  readonly headers: HeaderList
  readonly body: Uint8Array | undefined
  /** How long to wait for the response head, in ms. */
  readonly headTimeoutMs: number
}

/** Upstream's answer from its head on. */
export interface Reply {
  readonly status: number
  readonly headers: HeaderList
  /**
   * Pushes every chunk of the body into `sink`, in order, until the end. When `sink` returns false, reading stops
   * until `drained()` resolves. Resolves at the clean end; rejects when upstream breaks off, when nothing comes
   * for `idleMs` (IdleTimeout), or when `drained()` rejects. Called once at most.
   */
  pump(sink: (chunk: Uint8Array) => boolean, drained: () => Promise<void>): Promise<void>
  /** Ends the exchange at once; upstream sees the connection close. Harmless after the end. */
  cancel(): void
}

/** An attempt that got no response head. */
export class NoReply extends Error {
  override readonly name = 'NoReply'
  readonly reason: 'refused' | 'reset' | 'timeout' | 'unreachable' | 'aborted' | 'tls' | 'bad-response'
  /** Whether bytes of the request may have reached upstream. */
  readonly sent: boolean

  constructor(reason: NoReply['reason'], sent: boolean, cause?: unknown) {
    super(`no reply from upstream: ${reason}`, { cause })
    this.reason = reason
    this.sent = sent
  }
}

/** Upstream sent nothing for too long in the middle of its answer. */
export class IdleTimeout extends Error {
  override readonly name = 'IdleTimeout'
}

/** One attempt at one upstream. */
export interface UpstreamClient {
  /** Resolves at the response head; rejects with `NoReply` when there is none. */
  open(request: UpstreamRequest, upstream: Upstream, signal: AbortSignal): Promise<Reply>
}

// ------------------------------------------------------------------------------------------------------- Client

/** A request body, whole, as it came. */
export interface Body {
  /** The bytes as they came; empty after `release()`. */
  readonly bytes: Uint8Array
  /** The bytes without their content-encoding (the same bytes where there is none). */
  readonly plain: Uint8Array
  /** Lets the bytes go: they are needed no more once the response head is there. */
  release(): void
}

/** The side that called. `signal` aborts when it leaves. */
export interface Client {
  readonly signal: AbortSignal
  readonly method: string
  /** With its query. */
  readonly path: string
  /** Name, value, name, value, as they came. */
  readonly headers: HeaderList
  /** The whole body, once; throws a Refusal past the limits or when it cannot be decoded. */
  read(): Promise<Body>
  begin(status: number, headers: HeaderList): void
  /** False when the client is behind: wait for `drained` before the next write. */
  write(chunk: Uint8Array): boolean
  /** Resolves when the client has taken what was written; rejects at once if it has left or takes nothing for too long. */
  drained(): Promise<void>
  end(): void
  /** Ends the connection so that what was sent cannot pass for the whole. */
  cut(): void
}

// ---------------------------------------------------------------------------------------------------------- Log

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

/** One structured line per event. Fields are an allow-list chosen by the caller; secrets and bodies never enter. */
export interface Log {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

export type Clock = () => EpochMs
