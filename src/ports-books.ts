/** OpenAI's own books of what its organizations used, and what the ledger has to say to them. */
import type { AdminKeyId, EpochMs } from './core/units.ts'
import type { LedgerSums } from './core/reconcile.ts'

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

/** Whole days, UTC, `to` exclusive. */
export interface Days {
  readonly from: EpochMs
  readonly to: EpochMs
}

/** What the ledger has of calls that began on those days. */
export type LedgerReport = (days: Days) => Promise<readonly LedgerSums[]>
