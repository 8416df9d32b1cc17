import type { Hold, QuotaWindow, Standing, Verdict } from '../../core/quota.ts'
import type { CallId, EpochMs, MemberId, UpstreamId } from '../../core/units.ts'
import type {
  CallFilter,
  CallRow,
  CallStory,
  ClosedConnection,
  ConnectionRow,
  Cutoffs,
  Entry,
  GatewayKey,
  Made,
  Member,
  MemberUsage,
  NewConnection,
  NewMember,
  NewUpstream,
  OpenCall,
  Page,
  PageMark,
  PageRange,
  RefusedCall,
  TailMark,
  TailNews,
  ThreadOwner,
  Upstream,
  UsageQuery,
  UsageSum,
} from '../../ports.ts'
import {
  beginAttempt,
  makerOf,
  openCall,
  ownerOf,
  probe,
  refuseCall,
  settleCall,
  standing,
  type Scribe,
} from './calls.ts'
import { connectionsReport, type ConnectionFilter } from './connection-report.ts'
import { closeConnection, openConnection } from './connections.ts'
import { addGatewayKey, listGatewayKeys, setGatewayKey, type NewGatewayKey, type OwnedKey } from './keys.ts'
import { addMember, listMembers, setMember, type MemberChange } from './members.ts'
import { callStory } from './call-story.ts'
import { callsPage, callsReport, callsTail } from './reports.ts'
import { prune } from './retention.ts'
import { snapshotSince, type Snapshot } from './snapshot.ts'
import type { Script } from './sql.ts'
import { usageBy, usageReport } from './usage-report.ts'
import { addUpstream, learn, listUpstreams, setUpstream, type Sealer, type UpstreamChange } from './upstreams.ts'

/** All that the store can be asked to do, each in one transaction. What goes in and comes out passes between threads. */
export interface Operations {
  readonly open: (call: OpenCall, heldBefore: readonly Hold[], now: EpochMs) => Script<Verdict>
  readonly attempt: (call: CallId, upstream: UpstreamId, now: EpochMs) => Script<void>
  readonly settle: (entry: Entry) => Script<Standing>
  readonly refuse: (call: RefusedCall) => Script<void>
  readonly standing: (member: MemberId, windows: readonly QuotaWindow[], now: EpochMs) => Script<Standing>
  readonly ownerOf: (member: MemberId, threadId: string) => Script<ThreadOwner | undefined>
  readonly makerOf: (member: MemberId, responseId: string) => Script<Made | undefined>
  readonly connected: (connection: NewConnection) => Script<void>
  readonly disconnected: (closed: ClosedConnection) => Script<void>
  readonly prune: (before: Cutoffs, most: number) => ReturnType<typeof prune>
  readonly probe: () => Script<void>
  readonly addMember: (member: NewMember, now: EpochMs) => Script<Member>
  readonly setMember: (name: string, change: MemberChange) => Script<Member>
  readonly listMembers: () => Script<readonly Member[]>
  readonly addGatewayKey: (key: NewGatewayKey, now: EpochMs) => Script<GatewayKey>
  readonly setGatewayKey: (prefix: string, change: { readonly enabled: boolean }) => Script<GatewayKey>
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
  readonly call: (id: string) => Script<CallStory | undefined>
  readonly connections: (filter: ConnectionFilter) => Script<readonly ConnectionRow[]>
}

export type OperationName = keyof Operations
export type Input<N extends OperationName> = Parameters<Operations[N]>
export type Output<N extends OperationName> = ReturnType<Operations[N]> extends Script<infer T> ? T : never

/** Those that change nothing, and so need no write lock. */
export const READS: ReadonlySet<OperationName> = new Set<OperationName>([
  'standing',
  'ownerOf',
  'makerOf',
  'listMembers',
  'listGatewayKeys',
  'listUpstreams',
  'snapshot',
  'usage',
  'usageBy',
  'calls',
  'tail',
  'page',
  'call',
  'connections',
])

export function operationsOf(scribe: Scribe, seal: Sealer): Operations {
  return {
    open: (call, heldBefore, now) => openCall(scribe, call, heldBefore, now),
    attempt: beginAttempt,
    settle: (entry) => settleCall(scribe, entry),
    refuse: (call) => refuseCall(scribe, call),
    standing: (member, windows, now) => standing(member, windows, scribe.time.at(now)),
    ownerOf,
    makerOf,
    connected: (connection) => openConnection(scribe, connection),
    disconnected: closeConnection,
    prune,
    probe,
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
    call: callStory,
    connections: connectionsReport,
  }
}
