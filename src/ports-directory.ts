/** Who exists: what the request path reads from memory, and how administrators change it. */
import type { SetRate } from './core/set-rate.ts'
import type { WindowMode } from './core/quota.ts'
import type { EpochMs, GatewayKeyId, KeyHash, MemberId, NanoCredits, UpstreamId } from './core/units.ts'

/** What is said of a member's quotas beside their size; undefined = as configured under [quota]. */
export interface OwnRules {
  readonly dailyQuota?: NanoCredits | undefined
  readonly monthlyQuota?: NanoCredits | undefined
  readonly quotaWindow?: WindowMode | undefined
}

/** A person or a machine that spends. Quotas in nanocredits, 0 = unlimited; `maxConcurrent` calls at once, 0 = unlimited. */
export interface Member extends OwnRules {
  readonly id: MemberId
  readonly name: string
  readonly enabled: boolean
  readonly weight: number
  readonly maxConcurrent: number
  readonly fiveHourQuota: NanoCredits
  readonly weeklyQuota: NanoCredits
  /** Models the member may use; undefined = all. */
  readonly models: readonly string[] | undefined
}

/** A member's key, without its secret: only the hash is known. `prefix` finds it for people. */
export interface GatewayKey {
  readonly id: GatewayKeyId
  readonly member: MemberId
  readonly prefix: string
  readonly enabled: boolean
  readonly expiresAt: EpochMs | undefined
  readonly createdAt: EpochMs
  readonly lastUsedAt: EpochMs | undefined
}

/** To whom an upstream key belongs. */
export interface Labels {
  readonly organization: string | undefined
  readonly project: string | undefined
}

/** One API key of the administrator's at OpenAI (or a compatible API). */
export interface Upstream extends Labels {
  readonly id: UpstreamId
  readonly name: string
  readonly enabled: boolean
  /** Changes with every change an administrator makes: what was learned about an older version no longer counts. */
  readonly version: number
  readonly http: boolean
  readonly ws: boolean
  readonly weight: number
  readonly maxConcurrent: number
  /** `organization` and `project` are as labelled by the administrator, else as learned: as reply headers name them. */
  readonly learned: Labels
  /** Models this key serves; undefined = all. */
  readonly models: readonly string[] | undefined
  /** Overrides `[upstream] http_base_url`. */
  readonly baseUrl: string | undefined
  /** How OpenAI's books call it (`key_…`); absent where nobody said. */
  readonly apiKeyId?: string | undefined
}

export interface Holder {
  readonly member: Member
  readonly key: GatewayKey
}

/** Who exists. Answers from memory: nothing here waits for I/O. Follows the registry within a second. */
export interface Directory {
  /** The key with this hash and its member, enabled or not, expired or not. */
  holderOf(hash: KeyHash): Holder | undefined
  /** The member as it is now. */
  memberOf(id: MemberId): Member | undefined
  upstreams(): readonly Upstream[]
  /** What administrators set prices to; the same list until one changes. */
  rates(): readonly SetRate[]
  /** Another one after every change that an administrator made, also to what a member may spend; undefined before the first look. */
  readonly revision: number | undefined
  /** Resolves when the revision is another one than this; rejects with the signal's reason. */
  changedSince(revision: number | undefined, signal: AbortSignal): Promise<void>
}

/** Hands out upstream secrets to the adapter that sends them, and to nothing else. */
export interface Vault {
  /** The secret in clear; throws when it cannot be decrypted. */
  secretOf(upstream: UpstreamId): string
}

export interface NewMember extends OwnRules {
  readonly name: string
  readonly weight: number
  readonly maxConcurrent: number
  readonly fiveHourQuota: NanoCredits
  readonly weeklyQuota: NanoCredits
  readonly models: readonly string[] | undefined
}

export interface NewUpstream {
  readonly name: string
  /** In clear, on its way to be encrypted. */
  readonly secret: string
  readonly http: boolean
  readonly ws: boolean
  readonly weight: number
  readonly maxConcurrent: number
  readonly organization: string | undefined
  readonly project: string | undefined
  readonly models: readonly string[] | undefined
  readonly baseUrl: string | undefined
  readonly apiKeyId?: string | undefined
}

/** What was asked for cannot be done as asked: the sentence says what is wrong and what would be right. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError'
  readonly code: 'unknown' | 'duplicate' | 'invalid'

  constructor(code: RegistryError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** A change: only the fields that are present change; `undefined` as a value clears (models, labels, base URL). */
export type Change<T> = { readonly [K in keyof T]?: T[K] }

/** How administrators change who exists; the request path never sees it. Each method is one transaction, under 50 ms. */
export interface Registry {
  addMember(member: NewMember): Promise<Member>
  setMember(name: string, change: Change<Omit<NewMember, 'name'>> & { readonly enabled?: boolean }): Promise<Member>
  members(): Promise<readonly Member[]>
  addGatewayKey(key: {
    readonly member: string
    readonly hash: KeyHash
    readonly prefix: string
    readonly expiresAt: EpochMs | undefined
  }): Promise<GatewayKey>
  /** `name` is the key's hash, or any leading part of its prefix that is unique among the keys. */
  setGatewayKey(name: string, change: { readonly enabled: boolean }): Promise<GatewayKey>
  gatewayKeys(): Promise<readonly (GatewayKey & { readonly memberName: string })[]>
  addUpstream(upstream: NewUpstream): Promise<Upstream>
  setUpstream(
    name: string,
    change: Change<Omit<NewUpstream, 'name'>> & { readonly enabled?: boolean },
  ): Promise<Upstream>
  upstreams(): Promise<readonly Upstream[]>
  /** Remembers labels read from upstream's replies where the administrator gave none. */
  learn(upstream: UpstreamId, organization: string | undefined, project: string | undefined): Promise<void>
}
