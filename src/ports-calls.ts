/** Calls as administrators look at them. */
import type { Choice } from './core/choice.ts'
import type { CallKind } from './core/intent.ts'
import type { WindowName } from './core/quota.ts'
import type { EpochMs, NanoCredits } from './core/units.ts'
import type { CallRow, Ending } from './ports-ledger.ts'
import type { CallSpan } from './ports-rates.ts'

/** Which calls are wanted; what is absent does not matter. */
export interface CallFilter {
  readonly member?: string | undefined
  readonly model?: string | undefined
  /** The name of the upstream key that answered. */
  readonly upstream?: string | undefined
  readonly kind?: CallKind | undefined
  /** From the first to the last of these. */
  readonly status?: { readonly from: number; readonly to: number } | undefined
  readonly ending?: Ending | 'open' | undefined
  /** Started in [since, until). */
  readonly since?: EpochMs | undefined
  readonly until?: EpochMs | undefined
}

/** How far somebody who watches the ledger has come. */
export interface TailMark {
  /** All calls up to this one in the ledger's own order have been seen, */
  readonly seen: number
  /** but for these, which were open. */
  readonly open: readonly number[]
}

/** What has happened since a mark. */
export interface TailNews {
  readonly mark: TailMark
  /** Calls that were settled meanwhile. */
  readonly calls: readonly CallRow[]
}

/** One try at one upstream. */
export interface AttemptRow {
  readonly number: number
  readonly upstream: string
  readonly startedAt: EpochMs
  readonly status: number | undefined
  readonly errorClass: string | undefined
  /** Whether the request may have reached upstream; undefined while nobody knows. */
  readonly sent: boolean | undefined
  readonly durationMs: number | undefined
  /** Why this upstream; undefined where nobody chose, and of old tries. */
  readonly chosen: Choice | undefined
}

/** That a settled call was priced again. */
export interface Repricing {
  readonly at: EpochMs
  readonly before: NanoCredits
  readonly after: NanoCredits
  readonly rateBefore: string | undefined
  readonly rate: string
  readonly who: string
  readonly why: string
}

/** A window that a call counts in. */
export interface CallWindow {
  readonly name: WindowName
  readonly openedAt: EpochMs
  readonly resetsAt: EpochMs
  /** What has been settled in it until now. */
  readonly settled: NanoCredits
}

/** All that the ledger knows of a call. */
export interface CallStory {
  readonly call: CallRow
  readonly askedTier: string | undefined
  readonly turnId: string | undefined
  readonly admittedAt: EpochMs
  readonly hold: NanoCredits
  /** None where the member's windows roll. */
  readonly windows: readonly CallWindow[]
  readonly organization: string | undefined
  readonly tries: readonly AttemptRow[]
  readonly charging: 'tokens' | 'message' | undefined
  readonly message: boolean
  readonly rate: string | undefined
  /** In the order in which they were made. */
  readonly repricings: readonly Repricing[]
}

/** Where somebody who reads the ledger from its beginning has come to. */
export interface PageMark {
  readonly startedAt: EpochMs
  readonly seq: number
}

export interface PageRange {
  readonly since: EpochMs
  readonly until: EpochMs
}

export interface Page {
  readonly calls: readonly CallRow[]
  /** Where the next page begins; undefined when there was none left. */
  readonly mark: PageMark | undefined
}

/** How many calls of a span were deleted because they were old; refused ones are not counted. */
export interface Pruned {
  readonly calls: number
  /** They started before this; 0 where there are none. */
  readonly before: EpochMs
}

/** Calls of a long ledger, piece by piece. */
export interface CallReports {
  /** Newest first. */
  calls(filter: CallFilter & { readonly limit: number }): Promise<readonly CallRow[]>
  /** Calls settled since the mark; undefined = from now on. */
  tail(mark: TailMark | undefined): Promise<TailNews>
  /** Calls that started in [since, until) and come after the mark, in the order in which they started. */
  page(range: PageRange, after: PageMark | undefined, limit: number): Promise<Page>
  /** What is missing in all of the above; throws a RegistryError for a member who does not exist. */
  pruned(span: CallSpan): Promise<Pruned>
  /** The call of this id, or whose id alone begins so; undefined when there is none, or more than one. */
  call(id: string): Promise<CallStory | undefined>
}
