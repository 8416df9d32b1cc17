import type { AdminKeyId, EpochMs } from '../../core/units.ts'
import type { AdminKey } from '../../ports.ts'
import * as names from './names.ts'
import type { SealedPlace } from './sealing.ts'
import { bytes, flag, int, one, only, sql, text, type Row, type Script } from './sql.ts'
import type { Sealer } from './upstreams.ts'

export function adminSecret(key: number): SealedPlace {
  return { table: 'admin_keys', row: key, column: 'secret' }
}

export function* setAdminKey(organization: string, secret: string, seal: Sealer, now: EpochMs): Script<AdminKey> {
  names.checkOrganization(organization)
  names.checkSecret(secret)
  const row = yield* only(sql`
    INSERT INTO admin_keys (organization, enabled, secret, created_at)
    VALUES (${organization}, 1, ${new Uint8Array()}, ${now})
    ON CONFLICT (organization) DO UPDATE SET enabled = 1, created_at = excluded.created_at
    RETURNING *`)
  const key = adminKeyOf(row)
  yield sql`UPDATE admin_keys SET secret = ${seal(adminSecret(key.id), secret)} WHERE id = ${key.id}`
  return key
}

export function* switchAdminKey(organization: string, enabled: boolean): Script<AdminKey> {
  const row = yield* one(sql`
    UPDATE admin_keys SET enabled = ${enabled} WHERE organization = ${organization} RETURNING *`)
  return row ? adminKeyOf(row) : yield* refuse(organization)
}

export function* removeAdminKey(organization: string): Script<AdminKey> {
  const row = yield* one(sql`DELETE FROM admin_keys WHERE organization = ${organization} RETURNING *`)
  return row ? adminKeyOf(row) : yield* refuse(organization)
}

/** By organization. */
export function* listAdminKeys(): Script<readonly AdminKey[]> {
  const rows = yield sql`SELECT * FROM admin_keys ORDER BY organization`
  return rows.map(adminKeyOf)
}

/** As it is sealed; undefined for a key that is gone. */
export function* sealedAdminSecret(key: AdminKeyId): Script<Uint8Array | undefined> {
  const row = yield* one(sql`SELECT secret FROM admin_keys WHERE id = ${key}`)
  return row && bytes(row, 'secret')
}

function adminKeyOf(row: Row): AdminKey {
  return {
    id: int(row, 'id') as AdminKeyId,
    organization: text(row, 'organization'),
    enabled: flag(row, 'enabled'),
    createdAt: int(row, 'created_at'),
  }
}

function* refuse(organization: string): Script<never> {
  const known = yield* listAdminKeys()
  throw names.unknown(
    'admin key of an organization',
    organization,
    known.map((key) => key.organization),
  )
}
