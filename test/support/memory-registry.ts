import type { AdminKeyId, GatewayKeyId, KeyHash, MemberId, UpstreamId } from '../../src/core/units.ts'
import {
  type AdminKey,
  type AdminKeys,
  type GatewayKey,
  type Member,
  type Registry,
  RegistryError,
  type Upstream,
} from '../../src/ports.ts'

export const NOW: number = Date.parse('2026-11-23T10:00:00Z')

export function found<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new RegistryError('unknown', `there is no ${name}`)
  return value
}

/** Keeps everything in lists; refuses what is unknown and what is there twice. */
export class MemoryRegistry implements Registry {
  readonly list: Member[] = []
  readonly keys: (GatewayKey & { readonly memberName: string; readonly hash: KeyHash })[] = []
  readonly pool: (Upstream & { readonly secret: string })[] = []
  /** Prefixes are refused as taken so many times. */
  collisions = 0

  async addMember(member: Parameters<Registry['addMember']>[0]): Promise<Member> {
    if (this.list.some(({ name }) => name === member.name)) throw new RegistryError('duplicate', 'taken')
    const added: Member = { ...member, id: (this.list.length + 1) as MemberId, enabled: true }
    this.list.push(added)
    return added
  }

  async setMember(name: string, change: object): Promise<Member> {
    const at = this.list.findIndex((member) => member.name === name)
    const changed = { ...found(this.list[at], name), ...change }
    this.list[at] = changed
    return changed
  }

  async members(): Promise<readonly Member[]> {
    return this.list
  }

  async addGatewayKey(key: Parameters<Registry['addGatewayKey']>[0]): Promise<GatewayKey> {
    if (this.collisions-- > 0) throw new RegistryError('duplicate', 'the prefix is taken')
    const member = found(
      this.list.find(({ name }) => name === key.member),
      key.member,
    )
    const id = (this.keys.length + 1) as GatewayKeyId
    const added = { id, enabled: true, createdAt: NOW, lastUsedAt: undefined, ...key, member: member.id }
    this.keys.push({ ...added, memberName: member.name })
    return added
  }

  async setGatewayKey(name: string, change: { readonly enabled: boolean }): Promise<GatewayKey> {
    const at = this.keys.findIndex((key) => key.prefix.startsWith(name) || key.hash === name)
    const changed = { ...found(this.keys[at], name), ...change }
    this.keys[at] = changed
    return changed
  }

  async gatewayKeys(): ReturnType<Registry['gatewayKeys']> {
    return this.keys
  }

  async addUpstream(upstream: Parameters<Registry['addUpstream']>[0]): Promise<Upstream> {
    const learned = { organization: undefined, project: undefined }
    const added = { ...upstream, id: (this.pool.length + 1) as UpstreamId, enabled: true, version: 1, learned }
    this.pool.push(added)
    return added
  }

  async setUpstream(name: string, change: object): Promise<Upstream> {
    const at = this.pool.findIndex((upstream) => upstream.name === name)
    const changed = { ...found(this.pool[at], name), ...change }
    this.pool[at] = changed
    return changed
  }

  async upstreams(): Promise<readonly Upstream[]> {
    return this.pool
  }

  async learn(): Promise<void> {}
}

/** Keeps admin keys in a list. */
export class MemoryAdminKeys implements AdminKeys {
  readonly keys: Map<string, AdminKey & { readonly secret: string }> = new Map()

  async set(organization: string, secret: string): Promise<AdminKey> {
    const id = (this.keys.get(organization)?.id ?? this.keys.size + 1) as AdminKeyId
    const key = { id, organization, enabled: true, createdAt: NOW, secret }
    this.keys.set(organization, key)
    return key
  }

  async switch(organization: string, enabled: boolean): Promise<AdminKey> {
    const key = { ...found(this.keys.get(organization), organization), enabled }
    this.keys.set(organization, key)
    return key
  }

  async remove(organization: string): Promise<AdminKey> {
    const key = found(this.keys.get(organization), organization)
    this.keys.delete(organization)
    return key
  }

  async list(): Promise<readonly AdminKey[]> {
    return [...this.keys.values()]
  }

  async secretOf(id: AdminKeyId): Promise<string> {
    return found(
      Array.from(this.keys.values()).find((key) => key.id === id),
      String(id),
    ).secret
  }
}
