import type { KeyHash } from '../../core/units.ts'
import type { GatewayKey, Member, SetRate, Upstream } from '../../ports.ts'
import { keyOf } from './keys.ts'
import { listMembers } from './members.ts'
import { listRates } from './rates.ts'
import { directoryRevision } from './revision.ts'
import { bytes, sql, text, type Script } from './sql.ts'
import { upstreamOf } from './upstreams.ts'

/** All that the directory knows at one revision, with the upstream secrets still sealed. */
export interface Snapshot {
  readonly revision: number
  readonly members: readonly Member[]
  readonly keys: readonly { readonly hash: KeyHash; readonly key: GatewayKey }[]
  readonly upstreams: readonly { readonly upstream: Upstream; readonly secret: Uint8Array }[]
  readonly rates: readonly SetRate[]
}

/** Undefined when nothing changed since the revision that the caller has. */
export function* snapshotSince(known: number | undefined): Script<Snapshot | undefined> {
  const revision = yield* directoryRevision()
  if (revision === known) return undefined
  const members = yield* listMembers()
  const keys = yield sql`SELECT * FROM gateway_keys ORDER BY id`
  const upstreams = yield sql`SELECT * FROM upstreams ORDER BY id`
  return {
    revision,
    members,
    keys: keys.map((row) => ({ hash: text(row, 'hash') as KeyHash, key: keyOf(row) })),
    upstreams: upstreams.map((row) => ({ upstream: upstreamOf(row), secret: bytes(row, 'secret') })),
    rates: yield* listRates(),
  }
}
