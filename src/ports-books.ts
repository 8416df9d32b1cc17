/** OpenAI's own books of what its organizations used, and what the ledger has to say to them. */
import type { AdminKeyId, EpochMs, UpstreamId } from './core/units.ts'
import type { BookedCost, BookedUsage, LedgerSums } from './core/reconcile.ts'
import type { Upstream } from './ports-directory.ts'

/** A key that reads an organization's books and calls no model; its secret is sealed like an upstream key's. */
export interface AdminKey {
  readonly id: AdminKeyId
  /** As the administrator calls it. */
  readonly organization: string
  readonly enabled: boolean
  readonly createdAt: EpochMs
}

/** How administrators change the admin keys. Unknown organizations are a RegistryError. */
export interface AdminKeys {
  /** Adds the organization's key, or puts another secret in its place; either way it is enabled then. */
  set(organization: string, secret: string): Promise<AdminKey>
  switch(organization: string, enabled: boolean): Promise<AdminKey>
  remove(organization: string): Promise<AdminKey>
  /** By organization. */
  list(): Promise<readonly AdminKey[]>
  /** The secret in clear, for the adapter that sends it; throws when it cannot be decrypted. */
  secretOf(key: AdminKeyId): Promise<string>
}

/** Whom the books of an organization are about. */
export interface BookedKeys {
  readonly projects: readonly string[]
  /** Which of the upstream keys are which of the organization's, as far as that shows. */
  readonly found: ReadonlyMap<UpstreamId, { readonly apiKeyId: string; readonly project: string }>
}

/** Reads the books. Whole days, UTC, `to` exclusive. Every method rejects with BooksUnavailable. */
export interface Books {
  usage(key: AdminKey, days: Days, signal: AbortSignal): Promise<readonly BookedUsage[]>
  costs(key: AdminKey, days: Days, signal: AbortSignal): Promise<readonly BookedCost[]>
  keys(key: AdminKey, upstreams: readonly Upstream[], signal: AbortSignal): Promise<BookedKeys>
}

export interface Days {
  readonly from: EpochMs
  readonly to: EpochMs
}

/** OpenAI did not let its books be read, or not all of them. */
export class BooksUnavailable extends Error {
  override readonly name = 'BooksUnavailable'
}

/** What the ledger has of calls that began on some days. */
export interface LedgerDays {
  readonly sums: readonly LedgerSums[]
  /** Days of which calls were deleted by a gateway that kept nothing of them for the books. */
  readonly lost: readonly EpochMs[]
}

export type LedgerReport = (days: Days) => Promise<LedgerDays>

/** The first day that the daily comparison is yet to look at, kept through restarts; undefined before it has run. */
export interface DueDay {
  get(): Promise<EpochMs | undefined>
  set(day: EpochMs): Promise<void>
}
