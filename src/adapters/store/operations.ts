import type { Choice } from '../../core/choice.ts'
import type { DueWarning, Hold, QuotaWindow, Standing, Verdict } from '../../core/quota.ts'
import type { AdminKeyId, CallId, EpochMs, MemberId, UpstreamId } from '../../core/units.ts'
import type {
  Adjustment,
  AdminKey,
  BookedCall,
  CallMark,
  CallFilter,
  CallRow,
  CallSpan,
  CallStory,
  ClosedConnection,
  ConnectionRow,
  Days,
  Cutoffs,
  Entry,
  FallbackUse,
  GatewayKey,
  GrantWish,
  LedgerDays,
  Made,
  Member,
  MemberUsage,
  ModelUsage,
  NewConnection,
  NewMember,
  NewRate,
  NewUpstream,
  OpenCall,
  PastPage,
  PastPageCall,
  QuotaAdjustment,
  RateName,
  QuotaView,
  Page,
  PageMark,
  PageRange,
  Pruned,
  RefusedCall,
  ResetWish,
  RevokeWish,
  Sample,
  SetRate,
  TailMark,
  TailNews,
  ThreadOwner,
  Upstream,
  UsageQuery,
  UsageSum,
  TierUse,
} from '../../ports.ts'
import { applyRecords } from './apply.ts'
import { listAdminKeys, removeAdminKey, sealedAdminSecret, setAdminKey, switchAdminKey } from './admin-keys.ts'
import { beginAttempt } from './attempts.ts'
import { readBook, type KnownBook } from './book.ts'
import { makerOf, openCall, probe, probeRoom, refuseCall, standing, type Scribe } from './calls.ts'
import { connectionsReport, type ConnectionFilter } from './connection-report.ts'
import { closeConnection, openConnection } from './connections.ts'
import { addGatewayKey, listGatewayKeys, setGatewayKey, type NewGatewayKey, type OwnedKey } from './keys.ts'
import { ledgerSums } from './ledger-sums.ts'
import { ownerOf } from './owners.ts'
import { usedBy } from './member-usage.ts'
import { addMember, listMembers, setMember, type MemberChange } from './members.ts'
import { callStory } from './call-story.ts'
import { pastCalls } from './past-calls.ts'
import { prunedIn } from './pruned-sums.ts'
import { grantQuota, resetQuota, revokeGrants, viewQuota } from './quotas.ts'
import { crossOff, dueWarnings } from './outbox.ts'
import { fallbackUse, listRates, setRate, tierUse, unsetRate } from './rates.ts'
import { callsPage, callsReport, callsTail } from './reports.ts'
import { adjustCalls, bookedCalls } from './repricing.ts'
import { prune } from './retention.ts'
import { dueDay, setDueDay } from './due-day.ts'
import { foldFresh } from './rollups.ts'
import { samples } from './samples.ts'
import { areTaken, settleCall } from './settlement.ts'
import { snapshotSince, type Snapshot } from './snapshot.ts'
import type { Script } from './sql.ts'
import type { NamedTurn } from './taken-turns.ts'
import { usageBy, usageReport } from './usage-report.ts'
import { addUpstream, learn, listUpstreams, setUpstream, type Sealer, type UpstreamChange } from './upstreams.ts'

/** All that the store can be asked to do, each in one transaction. What goes in and comes out passes between threads. */
export interface Operations {
  readonly open: (call: OpenCall, heldBefore: readonly Hold[], now: EpochMs) => Script<Verdict>
  readonly attempt: (call: CallId, upstream: UpstreamId, now: EpochMs, chosen?: Choice) => Script<void>
  readonly settle: (entry: Entry) => Script<Standing>
  readonly refuse: (call: RefusedCall) => Script<void>
  /** Does what was promised in the journal, of which the first has that number. */
  readonly apply: (first: number, records: readonly string[]) => Script<readonly DueWarning[]>
  readonly book: (member: MemberId, now: EpochMs) => Script<KnownBook>
  readonly standing: (member: MemberId, windows: readonly QuotaWindow[], now: EpochMs) => Script<Standing>
  readonly ownerOf: (member: MemberId, threadId: string) => Script<ThreadOwner | undefined>
  readonly makerOf: (member: MemberId, responseId: string) => Script<Made | undefined>
  readonly areTaken: (turns: readonly NamedTurn[]) => Script<readonly boolean[]>
  readonly samples: (limit: number) => Script<readonly Sample[]>
  readonly connected: (connection: NewConnection) => Script<void>
  readonly disconnected: (closed: ClosedConnection) => Script<void>
  readonly dueWarnings: () => Script<readonly DueWarning[]>
  readonly crossOff: (warning: string) => Script<void>
  readonly prune: (before: Cutoffs, most: number) => ReturnType<typeof prune>
  readonly probe: () => Script<void>
  readonly probeRoom: () => Script<void>
  readonly fold: (most: number) => Script<number>
  readonly addMember: (member: NewMember, now: EpochMs) => Script<Member>
  readonly setMember: (name: string, change: MemberChange) => Script<Member>
  readonly listMembers: () => Script<readonly Member[]>
  readonly addGatewayKey: (key: NewGatewayKey, now: EpochMs) => Script<GatewayKey>
  readonly setGatewayKey: (name: string, change: { readonly enabled: boolean }) => Script<GatewayKey>
  readonly listGatewayKeys: () => Script<readonly OwnedKey[]>
  readonly addUpstream: (upstream: NewUpstream, now: EpochMs) => Script<Upstream>
  readonly setUpstream: (name: string, change: UpstreamChange) => Script<Upstream>
  readonly listUpstreams: () => Script<readonly Upstream[]>
  readonly learn: (upstream: UpstreamId, organization: string | undefined, project: string | undefined) => Script<void>
  readonly snapshot: (known: number | undefined) => Script<Snapshot | undefined>
  readonly usage: (from: EpochMs, to: EpochMs) => Script<readonly MemberUsage[]>
  readonly usageBy: (query: UsageQuery) => Script<readonly UsageSum[]>
  readonly calls: (filter: CallFilter & { readonly limit: number }) => Script<readonly CallRow[]>
  readonly tail: (mark: TailMark | undefined) => Script<TailNews>
  readonly page: (range: PageRange, after: PageMark | undefined, limit: number) => Script<Page>
  readonly pruned: (span: CallSpan) => Script<Pruned>
  readonly call: (id: string) => Script<CallStory | undefined>
  readonly connections: (filter: ConnectionFilter) => Script<readonly ConnectionRow[]>
  readonly setRate: (rate: NewRate, now: EpochMs) => Script<SetRate>
  readonly unsetRate: (rate: RateName, who: string, now: EpochMs) => Script<SetRate>
  readonly rates: () => Script<readonly SetRate[]>
  readonly booked: (span: CallSpan, after: CallMark | undefined, limit: number) => Script<readonly BookedCall[]>
  readonly adjust: (
    adjustments: readonly Adjustment[],
    reason: { readonly who: string; readonly why: string },
    now: EpochMs,
  ) => Script<number>
  readonly byFallback: (since: EpochMs) => Script<readonly FallbackUse[]>
  readonly byTier: (since: EpochMs) => Script<readonly TierUse[]>
  readonly setAdminKey: (organization: string, secret: string, now: EpochMs) => Script<AdminKey>
  readonly switchAdminKey: (organization: string, enabled: boolean) => Script<AdminKey>
  readonly removeAdminKey: (organization: string) => Script<AdminKey>
  readonly listAdminKeys: () => Script<readonly AdminKey[]>
  readonly sealedAdminSecret: (key: AdminKeyId) => Script<Uint8Array | undefined>
  readonly dueDay: () => Script<EpochMs | undefined>
  readonly setDueDay: (day: EpochMs) => Script<void>
  readonly ledgerSums: (days: Days) => Script<LedgerDays>
  readonly viewQuota: (member: string, now: EpochMs) => Script<QuotaView>
  readonly usedBy: (member: MemberId, from: EpochMs, to: EpochMs) => Script<readonly ModelUsage[]>
  readonly pastCalls: (page: PastPage) => Script<readonly PastPageCall[]>
  readonly resetQuota: (wish: ResetWish, now: EpochMs) => Script<readonly QuotaAdjustment[]>
  readonly grantQuota: (wish: GrantWish, now: EpochMs) => Script<readonly QuotaAdjustment[]>
  readonly revokeGrants: (wish: RevokeWish, now: EpochMs) => Script<readonly QuotaAdjustment[]>
}

export type OperationName = keyof Operations
export type Input<N extends OperationName> = Parameters<Operations[N]>
export type Output<N extends OperationName> = ReturnType<Operations[N]> extends Script<infer T> ? T : never

/** Those that change nothing, and so need no write lock. */
export const READS: ReadonlySet<OperationName> = new Set<OperationName>([
  'book',
  'standing',
  'ownerOf',
  'makerOf',
  'areTaken',
  'samples',
  'dueWarnings',
  'listMembers',
  'listGatewayKeys',
  'listUpstreams',
  'snapshot',
  'usage',
  'usageBy',
  'calls',
  'tail',
  'page',
  'pruned',
  'call',
  'connections',
  'rates',
  'booked',
  'byFallback',
  'byTier',
  'listAdminKeys',
  'sealedAdminSecret',
  'dueDay',
  'ledgerSums',
  'viewQuota',
  'usedBy',
  'pastCalls',
])

/** Those that keep the ledger's memory; after any other that changes something it is empty. */
export const REMEMBERED: ReadonlySet<OperationName> = new Set<OperationName>([
  ...READS,
  'open',
  'attempt',
  'settle',
  'refuse',
  'apply',
  'crossOff',
  'setDueDay',
  'connected',
  'disconnected',
  'fold',
  'probe',
  'probeRoom',
])

export function operationsOf(scribe: Scribe, seal: Sealer): Operations {
  return {
    open: (call, heldBefore, now) => openCall(scribe, call, heldBefore, now),
    attempt: (call, upstream, now, chosen) => beginAttempt(scribe.memory, call, { upstream, chosen, now }),
    settle: (entry) => settleCall(scribe, entry),
    refuse: (call) => refuseCall(scribe, call),
    apply: (first, records) => applyRecords(scribe, first, records),
    book: (member, now) => readBook(scribe, member, scribe.time.at(now)),
    standing: (member, windows, now) => standing(scribe, member, windows, now),
    ownerOf,
    makerOf,
    areTaken,
    samples,
    connected: (connection) => openConnection(scribe, connection),
    disconnected: closeConnection,
    dueWarnings: () => dueWarnings(),
    crossOff,
    prune,
    probe,
    probeRoom,
    fold: foldFresh,
    addMember,
    setMember,
    listMembers,
    addGatewayKey,
    setGatewayKey,
    listGatewayKeys,
    addUpstream: (upstream, now) => addUpstream(upstream, seal, now),
    setUpstream: (name, change) => setUpstream(name, change, seal),
    listUpstreams,
    learn,
    snapshot: snapshotSince,
    usage: usageReport,
    usageBy,
    calls: callsReport,
    tail: callsTail,
    page: callsPage,
    pruned: prunedIn,
    call: (id) => callStory(scribe.quota, id),
    connections: connectionsReport,
    setRate,
    unsetRate,
    rates: listRates,
    booked: bookedCalls,
    adjust: adjustCalls,
    byFallback: fallbackUse,
    byTier: tierUse,
    ...reconciling(seal),
    viewQuota: (member, now) => viewQuota(scribe.quota, member, scribe.time.at(now)),
    usedBy,
    pastCalls,
    resetQuota: (wish, now) => resetQuota(scribe.quota, wish, scribe.time.at(now)),
    grantQuota: (wish, now) => grantQuota(scribe.quota, wish, scribe.time.at(now)),
    revokeGrants: (wish, now) => revokeGrants(scribe.quota, wish, scribe.time.at(now)),
  }
}

type Reconciling =
  | 'setAdminKey'
  | 'switchAdminKey'
  | 'removeAdminKey'
  | 'listAdminKeys'
  | 'sealedAdminSecret'
  | 'dueDay'
  | 'setDueDay'
  | 'ledgerSums'

/** What the comparison with OpenAI's books needs. */
function reconciling(seal: Sealer): Pick<Operations, Reconciling> {
  return {
    setAdminKey: (organization, secret, now) => setAdminKey(organization, secret, seal, now),
    switchAdminKey,
    removeAdminKey,
    listAdminKeys,
    sealedAdminSecret,
    dueDay,
    setDueDay,
    ledgerSums,
  }
}
