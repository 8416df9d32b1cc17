import type { KeyHash, MemberId, UpstreamId } from '../../core/units.ts'
import type { Directory, Holder, Member, SetRate, Upstream, Vault } from '../../ports.ts'
import { unseal } from './sealing.ts'
import type { Snapshot } from './snapshot.ts'
import { upstreamSecret } from './upstreams.ts'

/** The directory in memory: a snapshot, replaced as a whole when the registry changed. */
export class MemoryDirectory implements Directory, Vault {
  readonly #sealingKey: Uint8Array
  #revision: number | undefined
  #holders: ReadonlyMap<KeyHash, Holder> = new Map()
  #members: ReadonlyMap<MemberId, Member> = new Map()
  #upstreams: readonly Upstream[] = []
  #secrets: ReadonlyMap<UpstreamId, () => string> = new Map()
  #rates: readonly SetRate[] = []
  readonly #watchers = new Set<() => void>()

  constructor(sealingKey: Uint8Array) {
    this.#sealingKey = sealingKey
  }

  get revision(): number | undefined {
    return this.#revision
  }

  holderOf(hash: KeyHash): Holder | undefined {
    return this.#holders.get(hash)
  }

  memberOf(id: MemberId): Member | undefined {
    return this.#members.get(id)
  }

  upstreams(): readonly Upstream[] {
    return this.#upstreams
  }

  rates(): readonly SetRate[] {
    return this.#rates
  }

  secretOf(upstream: UpstreamId): string {
    const secret = this.#secrets.get(upstream)
    if (!secret) throw new Error(`there is no upstream key with id ${upstream}`)
    return secret()
  }

  async changedSince(revision: number | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#revision !== revision) return
    await new Promise<void>((resolve, reject) => {
      const over = (): void => {
        this.#watchers.delete(over)
        signal.removeEventListener('abort', over)
        if (signal.aborted) reject(signal.reason as Error)
        else resolve()
      }
      this.#watchers.add(over)
      signal.addEventListener('abort', over)
    })
  }

  /** Snapshots may arrive out of order: an older one is left aside. */
  replace(snapshot: Snapshot): void {
    if (this.#revision !== undefined && snapshot.revision < this.#revision) return
    const members = new Map<MemberId, Member>(snapshot.members.map((member) => [member.id, member]))
    const holders = new Map<KeyHash, Holder>()
    for (const { hash, key } of snapshot.keys) {
      const member = members.get(key.member)
      if (member) holders.set(hash, { member, key })
    }
    this.#revision = snapshot.revision
    this.#holders = holders
    this.#members = members
    this.#upstreams = snapshot.upstreams.map(({ upstream }) => upstream)
    this.#rates = snapshot.rates
    this.#secrets = new Map(
      snapshot.upstreams.map(({ upstream, secret }) => [upstream.id, this.#opened(upstream, secret)]),
    )
    for (const over of this.#watchers) over()
  }

  /** One secret that cannot be decrypted must not take the others with it: it throws when it is asked for. */
  #opened(upstream: Upstream, sealed: Uint8Array): () => string {
    try {
      const secret = unseal(this.#sealingKey, upstreamSecret(upstream.id), sealed)
      return () => secret
    } catch (cause) {
      return () => {
        throw new Error(`the secret of upstream key ${upstream.name} cannot be decrypted: set it again`, { cause })
      }
    }
  }
}
