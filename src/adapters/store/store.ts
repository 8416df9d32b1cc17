import { randomUUID } from 'node:crypto'
import type { DueWarning, QuotaRules } from '../../core/quota.ts'
import type { EpochMs } from '../../core/units.ts'
import type {
  AdminKeys,
  Clock,
  Directory,
  DueDay,
  Ledger,
  LedgerReport,
  Log,
  Outbox,
  Quotas,
  RateBook,
  Registry,
  Reports,
  Retention,
  Vault,
} from '../../ports.ts'
import { adminSecret } from './admin-keys.ts'
import { caughtUp } from './caught-up.ts'
import type { EngineOptions } from './engine.ts'
import type { Executor } from './executor.ts'
import { FollowedDirectory } from './followed-directory.ts'
import { unseal } from './sealing.ts'
import type { Durability } from './sqlite.ts'
import { inOwnThread, openThreads } from './threads.ts'

export { backUp, restore } from './backup.ts'
export { caughtUp } from './caught-up.ts'
export { mustExist } from './engine.ts'
export { StoreRefused } from './refused.ts'
export { fingerprintOf } from './sealing.ts'
export type { Durability }

export interface StoreOptions {
  /** The SQLite file. */
  readonly path: string
  /** Whether it is made when it is not there; else that is refused, for the path may be mistyped. */
  readonly create?: boolean
  readonly durability: Durability
  /**
   * 'serve' works in threads of its own, follows the changes of others, and is the only one of its kind on the file: it
   * settles what an earlier one left open. 'cli' works in the caller's thread and is ready sooner.
   */
  readonly role: 'serve' | 'cli'
  /** 32 bytes. */
  readonly sealingKey: Uint8Array
  readonly quota?: QuotaRules | undefined
  readonly now?: Clock
  readonly log: Log
  /** How often a 'serve' looks for changes that another process made to the directory, and whether the files are still its own. */
  readonly pollMs?: number
}

export interface Store extends AsyncDisposable {
  readonly directory: Directory
  readonly vault: Vault
  readonly registry: Registry
  readonly ledger: Ledger
  readonly reports: Reports
  readonly rateBook: RateBook
  readonly adminKeys: AdminKeys
  readonly ledgerSums: LedgerReport
  readonly dueDay: DueDay
  readonly quotas: Quotas
  readonly outbox: Outbox
  /** Hears of warnings as they become due where no settlement tells of them: of one the database may hear later. */
  onWarnings(act: (warnings: readonly DueWarning[]) => void): void
  readonly retention: Retention
  /** What the administrator should know, one line each. */
  readonly warnings: readonly string[]
  /** Resolves, with the reason, when the store has broken down for good and only a new process can help. */
  readonly lost: Promise<string>
  /** Carries out what was asked before, then lets the file go. */
  close(): Promise<void>
}

const POLL_MS = 250

/** Throws StoreRefused when the file is missing, is served by another, was made by a newer version, or has another sealing key. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const now = options.now ?? Date.now
  const { path, create = false, durability, role, sealingKey, log } = options
  const { quota, pollMs = POLL_MS } = options
  const instance = randomUUID()
  const engine: EngineOptions = { path, create, durability, role, sealingKey, quota, instance, now: now() }
  const behind = role === 'cli' ? await caughtUp(path) : []
  const { threads, warnings } = role === 'serve' ? await openThreads(engine, pollMs, log) : inOwnThread(engine)
  const { writer, reader } = threads
  const directory = new FollowedDirectory(threads.plain, sealingKey, log)
  try {
    await directory.refresh()
  } catch (cause) {
    await threads.close()
    throw cause
  }
  threads.start()
  if (role === 'serve') directory.follow(pollMs)
  const close = async (): Promise<void> => {
    directory.stop()
    await threads.close()
  }
  return {
    directory: directory.memory,
    vault: directory.memory,
    registry: registryOn(writer, directory, now),
    ledger: { ...ledgerOn(writer), ...threads.calls },
    reports: reportsOn(reader),
    retention: { prune: (before, most) => writer.request('prune', before, most) },
    rateBook: rateBookOn({ writer, reader }, directory, now),
    adminKeys: adminKeysOn(writer, sealingKey, now),
    ledgerSums: (days) => reader.request('ledgerSums', days),
    dueDay: { get: () => writer.request('dueDay'), set: (day) => writer.request('setDueDay', day) },
    quotas: quotasOn(writer, reader, now),
    outbox: { due: () => writer.request('dueWarnings'), crossOff: (id) => writer.request('crossOff', id) },
    onWarnings: (act) => threads.onWarnings(act),
    warnings: [...warnings, ...behind],
    lost: threads.lost,
    close,
    [Symbol.asyncDispose]: close,
  }
}

function ledgerOn(executor: Executor): Ledger {
  return {
    open: (call, heldBefore, now) => executor.request('open', call, heldBefore, now),
    attempt: (...attempt) => executor.request('attempt', ...attempt),
    settle: (entry) => executor.request('settle', entry),
    refuse: (call) => executor.request('refuse', call),
    standing: (member, windows, now) => executor.request('standing', member, windows, now),
    ownerOf: (member, threadId) => executor.request('ownerOf', member, threadId),
    makerOf: (member, responseId) => executor.request('makerOf', member, responseId),
    samples: (limit) => executor.request('samples', limit),
    connected: (connection) => executor.request('connected', connection),
    disconnected: (closed) => executor.request('disconnected', closed),
    probe: () => executor.request('probe'),
  }
}

/** A change is in this process's own directory when its promise resolves; others see it at their next look. */
function registryOn(executor: Executor, directory: FollowedDirectory, now: () => EpochMs): Registry {
  async function seen<T>(change: Promise<T>): Promise<T> {
    const result = await change
    await directory.look() // The change stands, seen here or not.
    return result
  }
  return {
    addMember: (member) => seen(executor.request('addMember', member, now())),
    setMember: (name, change) => seen(executor.request('setMember', name, change)),
    members: () => executor.request('listMembers'),
    addGatewayKey: (key) => seen(executor.request('addGatewayKey', key, now())),
    setGatewayKey: (name, change) => seen(executor.request('setGatewayKey', name, change)),
    gatewayKeys: () => executor.request('listGatewayKeys'),
    addUpstream: (upstream) => seen(executor.request('addUpstream', upstream, now())),
    setUpstream: (name, change) => seen(executor.request('setUpstream', name, change)),
    upstreams: () => executor.request('listUpstreams'),
    learn: (upstream, organization, project) => seen(executor.request('learn', upstream, organization, project)),
  }
}

function rateBookOn(
  { writer, reader }: { readonly writer: Executor; readonly reader: Executor },
  directory: FollowedDirectory,
  now: () => EpochMs,
): RateBook {
  async function seen<T>(change: Promise<T>): Promise<T> {
    const result = await change
    await directory.look()
    return result
  }
  return {
    set: (rate) => seen(writer.request('setRate', rate, now())),
    unset: (rate, who) => seen(writer.request('unsetRate', rate, who, now())),
    rates: () => writer.request('rates'),
    booked: (span, after, limit) => reader.request('booked', span, after, limit),
    adjust: (adjustments, reason) => writer.request('adjust', adjustments, reason, now()),
    byFallback: (since) => reader.request('byFallback', since),
    byTier: (since) => reader.request('byTier', since),
  }
}

function adminKeysOn(executor: Executor, sealingKey: Uint8Array, now: () => EpochMs): AdminKeys {
  return {
    set: (organization, secret) => executor.request('setAdminKey', organization, secret, now()),
    switch: (organization, enabled) => executor.request('switchAdminKey', organization, enabled),
    remove: (organization) => executor.request('removeAdminKey', organization),
    list: () => executor.request('listAdminKeys'),
    secretOf: async (key) => {
      const sealed = await executor.request('sealedAdminSecret', key)
      if (!sealed) throw new Error('the admin key has been removed')
      return unseal(sealingKey, adminSecret(key), sealed)
    },
  }
}

function reportsOn(executor: Executor): Reports {
  return {
    usage: (from, to) => executor.request('usage', from, to),
    usageBy: (query) => executor.request('usageBy', query),
    calls: (filter) => executor.request('calls', filter),
    tail: (mark) => executor.request('tail', mark),
    page: (range, after, limit) => executor.request('page', range, after, limit),
    pruned: (span) => executor.request('pruned', span),
    call: (id) => executor.request('call', id),
    connections: (filter) => executor.request('connections', filter),
  }
}

function quotasOn(executor: Executor, reader: Executor, now: () => EpochMs): Quotas {
  return {
    view: (member) => reader.request('viewQuota', member, now()),
    usedBy: (member, from, to) => reader.request('usedBy', member, from, to),
    past: (page) => reader.request('pastCalls', page),
    reset: (wish) => executor.request('resetQuota', wish, now()),
    grant: (wish) => executor.request('grantQuota', wish, now()),
    revoke: (wish) => executor.request('revokeGrants', wish, now()),
  }
}
