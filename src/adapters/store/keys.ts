import type { EpochMs, GatewayKeyId, KeyHash, MemberId } from '../../core/units.ts'
import type { GatewayKey } from '../../ports.ts'
import { memberNamed } from './members.ts'
import { duplicate, invalid, shown, unknown } from './names.ts'
import { bumpRevision } from './revision.ts'
import { flag, int, maybeInt, one, only, sql, text, type Row, type Script } from './sql.ts'

export interface NewGatewayKey {
  readonly member: string
  readonly hash: KeyHash
  readonly prefix: string
  readonly expiresAt: EpochMs | undefined
}

export type OwnedKey = GatewayKey & { readonly memberName: string }

/** A prefix (or a hash) that is taken is refused as a duplicate: the caller makes another key. */
export function* addGatewayKey(key: NewGatewayKey, now: EpochMs): Script<GatewayKey> {
  if (!/^[\x21-\x7e]{1,64}$/.test(key.prefix)) {
    throw invalid('key prefix', shown(key.prefix), '1 to 64 visible characters')
  }
  if (!/^[0-9a-f]{64}$/.test(key.hash)) throw invalid('key hash', 'this text', '64 lower-case hex digits')
  if (key.expiresAt !== undefined && !(Number.isSafeInteger(key.expiresAt) && key.expiresAt > now)) {
    throw invalid('expiry', String(key.expiresAt), 'an instant in the future, in milliseconds since 1970')
  }
  const member = yield* memberNamed(key.member)
  const taken = yield* one(sql`SELECT id FROM gateway_keys WHERE prefix = ${key.prefix} OR hash = ${key.hash}`)
  if (taken) throw duplicate('gateway key', key.prefix)
  const row = yield* only(sql`
    INSERT INTO gateway_keys (member, hash, prefix, enabled, expires_at, created_at)
    VALUES (${member.id}, ${key.hash}, ${key.prefix}, 1, ${key.expiresAt}, ${now})
    RETURNING *`)
  yield* bumpRevision()
  return keyOf(row)
}

/** Finds the key by its hash, by its prefix, or by any leading part that no other key has. */
export function* setGatewayKey(name: string, change: { readonly enabled: boolean }): Script<GatewayKey> {
  const id = yield* keyIdOf(name)
  const row = yield* only(sql`UPDATE gateway_keys SET enabled = ${change.enabled} WHERE id = ${id} RETURNING *`)
  yield* bumpRevision()
  return keyOf(row)
}

/** By member name, then by age. */
export function* listGatewayKeys(): Script<readonly OwnedKey[]> {
  const rows = yield sql`
    SELECT k.*, m.name AS member_name FROM gateway_keys k JOIN members m ON m.id = k.member ORDER BY m.name, k.id`
  return rows.map((row) => ({ ...keyOf(row), memberName: text(row, 'member_name') }))
}

export function keyOf(row: Row): GatewayKey {
  return {
    id: int(row, 'id') as GatewayKeyId,
    member: int(row, 'member') as MemberId,
    prefix: text(row, 'prefix'),
    enabled: flag(row, 'enabled'),
    expiresAt: maybeInt(row, 'expires_at'),
    createdAt: int(row, 'created_at'),
    lastUsedAt: maybeInt(row, 'last_used_at'),
  }
}

const EVERY_KEY = 'sk-codex-gw-'

function* keyIdOf(prefix: string): Script<number> {
  const exact = yield* one(sql`SELECT id FROM gateway_keys WHERE prefix = ${prefix} OR hash = ${prefix}`)
  if (exact) return int(exact, 'id')
  if (EVERY_KEY.startsWith(prefix)) {
    throw invalid('key prefix', shown(prefix), `longer: every key begins with ${EVERY_KEY}`)
  }
  const found = yield sql`
    SELECT id, prefix FROM gateway_keys
    WHERE ${prefix} <> '' AND substr(prefix, 1, length(${prefix})) = ${prefix} ORDER BY prefix LIMIT 11`
  if (found[0] && found.length === 1) return int(found[0], 'id')
  if (found.length > 1) {
    const names = found.slice(0, 10).map((row) => text(row, 'prefix'))
    const more = found.length > 10 ? ' and more' : ''
    throw invalid('key prefix', shown(prefix), `longer: several keys begin with it (${names.join(', ')}${more})`)
  }
  const within = yield* one(
    sql`SELECT prefix FROM gateway_keys WHERE prefix = substr(${prefix}, 1, length(prefix)) ORDER BY length(prefix) DESC`,
  )
  if (within) {
    // Part of a secret, or one that was damaged on its way: which key it is of must be said by whoever can tell.
    const right = `${text(within, 'prefix')}, if that is the key: this is longer than its prefix, and not the whole key`
    throw invalid('key prefix', shown(prefix), right)
  }
  const known = yield sql`SELECT prefix FROM gateway_keys ORDER BY prefix LIMIT 11`
  throw unknown(
    'gateway key',
    prefix,
    known.map((row) => text(row, 'prefix')),
  )
}
