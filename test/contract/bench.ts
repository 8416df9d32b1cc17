import { randomUUID } from 'node:crypto'
import { windowsFor } from '../../src/core/member-windows.ts'
import { NO_RULES, type QuotaRules, type QuotaWindow } from '../../src/core/quota.ts'
import type { CallId, EpochMs, KeyHash } from '../../src/core/units.ts'
import { NO_USAGE } from '../../src/core/usage.ts'
import type {
  Clock,
  Entry,
  GatewayKey,
  Log,
  Member,
  NewMember,
  NewUpstream,
  OpenCall,
  Upstream,
} from '../../src/ports.ts'
import type { Store } from '../../src/adapters/store/store.ts'

/** One fresh database, removed at the end; stores are opened on it. */
export interface Database extends AsyncDisposable {
  open(options?: { role?: 'serve' | 'cli'; now?: Clock; log?: Log; quota?: QuotaRules }): Promise<Store>
  /** Every settled call that is no refusal, straight from the tables, once they have what was promised. */
  settled(): Promise<readonly SettledCall[]>
  /** Every window's running total beside the sum over the calls that name it, read likewise. */
  totals(): Promise<readonly { running: bigint; summed: bigint }[]>
  /** Looks into the tables past the store, at once: what the store has only promised is not there yet. */
  query(text: string): readonly Record<string, unknown>[]
}

/** What sums are made of; the columns of a call by their names. */
export type SettledCall = Readonly<Record<string, unknown>>

export type NewDatabase = () => Promise<Database>

/** 2027-01-15, ahead of every clock a test runs by. */
export const T0: EpochMs = 1_800_000_000_000

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

export interface World {
  readonly member: Member
  readonly key: GatewayKey
  readonly upstream: Upstream
}

let serial = 0

export function newMember(over: Partial<NewMember> = {}): NewMember {
  serial += 1
  const name = `member-${serial}`
  return { name, weight: 1, maxConcurrent: 4, fiveHourQuota: 100n, weeklyQuota: 0n, models: undefined, ...over }
}

export function newUpstream(over: Partial<NewUpstream> = {}): NewUpstream {
  serial += 1
  return {
    name: `upstream-${serial}`,
    secret: `sk-secret-${serial}`,
    http: true,
    ws: false,
    weight: 1,
    maxConcurrent: 8,
    organization: undefined,
    project: undefined,
    models: undefined,
    baseUrl: undefined,
    ...over,
  }
}

/** The hash of some key; no two are the same. */
export function newHash(): KeyHash {
  return `${randomUUID()}${randomUUID()}`.replaceAll('-', '') as KeyHash
}

/** A member with these quotas, with a key and an upstream to use. */
export async function populate(store: Store, over: Partial<NewMember> = {}, upstreamName?: string): Promise<World> {
  const member = await store.registry.addMember(newMember(over))
  const hash = newHash()
  const prefix = `sk-codex-gw-${hash.slice(0, 12)}`
  const key = await store.registry.addGatewayKey({ member: member.name, hash, prefix, expiresAt: undefined })
  const upstream = await store.registry.addUpstream(
    newUpstream(upstreamName === undefined ? {} : { name: upstreamName }),
  )
  return { member, key, upstream }
}

export function windowsOf(member: Member): readonly QuotaWindow[] {
  return windowsFor(member, NO_RULES)
}

export function newCall(world: World, at: EpochMs, over: Partial<OpenCall> = {}): OpenCall {
  return {
    id: randomUUID() as CallId,
    member: world.member.id,
    key: world.key.id,
    kind: 'turn',
    transport: 'sse',
    path: '/v1/responses',
    model: 'gpt-5.5',
    serviceTier: undefined,
    sessionId: undefined,
    threadId: undefined,
    turnId: undefined,
    startedAt: at,
    hold: 10n,
    rate: undefined,
    charging: 'tokens',
    message: false,
    windows: windowsOf(world.member),
    opensWindows: true,
    ...over,
  }
}

export function newEntry(call: CallId, endedAt: EpochMs, over: Partial<Entry> = {}): Entry {
  return {
    call,
    ending: 'complete',
    status: 200,
    refusal: undefined,
    requestId: `req_${call}`,
    upstream: undefined,
    organization: undefined,
    responseId: undefined,
    stored: false,
    serviceTier: undefined,
    usage: NO_USAGE,
    requestBytes: 0,
    outputBytes: 0,
    precision: 'exact',
    credits: 0n,
    charging: 'tokens',
    message: false,
    rate: undefined,
    attempts: [],
    endedAt,
    ...over,
  }
}
