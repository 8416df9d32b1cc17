import type { CallId, GatewayKeyId, KeyHash, MemberId, UpstreamId } from '../../src/core/units.ts'
import {
  type CallFilter,
  type CallRow,
  type CallStory,
  type ConnectionRow,
  type GatewayKey,
  type Member,
  type MemberUsage,
  type Registry,
  RegistryError,
  type Reports,
  type TailMark,
  type TailNews,
  type Upstream,
  type UsageQuery,
  type UsageSum,
} from '../../src/ports.ts'
import { runCommandLine } from '../../src/admin/cli.ts'
import type { Installation, World } from '../../src/admin/world.ts'
import { WrongUse } from '../../src/admin/wrong-use.ts'

export const NOW: number = Date.parse('2026-11-23T10:00:00Z')

function found<T>(value: T | undefined, name: string): T {
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

  async setGatewayKey(prefix: string, change: { readonly enabled: boolean }): Promise<GatewayKey> {
    const at = this.keys.findIndex((key) => key.prefix.startsWith(prefix))
    const changed = { ...found(this.keys[at], prefix), ...change }
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

export const USAGE: MemberUsage = {
  name: 'alice',
  credits: 1_230_000_001n,
  inputTokens: 120_000,
  cachedInputTokens: 100_000,
  outputTokens: 2_000,
  totalTokens: 122_000,
  requests: 3,
  messages: 2,
  wsConnections: 0,
  wsClientMessages: 5,
  wsUpstreamMessages: 90,
}

export const CALL: CallRow = {
  id: '0199' as CallId,
  requestId: undefined,
  member: 'alice',
  keyPrefix: 'sk-codex-gw-abcd',
  upstream: undefined,
  kind: 'turn',
  transport: 'sse',
  path: '/v1/responses',
  model: 'gpt\u001B[2J\nroot: owned',
  serviceTier: undefined,
  status: undefined,
  ending: undefined,
  refusal: undefined,
  precision: undefined,
  credits: 4_375n,
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  responseId: undefined,
  threadId: undefined,
  sessionId: undefined,
  startedAt: NOW,
  durationMs: undefined,
  attempts: 1,
}

/** Everything that the command line can touch, in memory. */
export class FakeWorld {
  readonly registry: MemoryRegistry = new MemoryRegistry()
  usage: readonly MemberUsage[] = []
  calls: readonly CallRow[] = []
  connections: readonly ConnectionRow[] = []
  usageAsked: readonly number[] = []
  sums: readonly UsageSum[] = []
  usageQuery: UsageQuery | undefined
  callsAsked: CallFilter | undefined
  readonly stories: Map<string, CallStory> = new Map()
  tail: (mark: TailMark | undefined) => TailNews = () => ({ mark: { seen: 0, open: [] }, calls: [] })
  out = ''
  err = ''
  input = ''
  typed: string | undefined
  /** How often somebody was asked for a secret, or standard input for one. */
  asked = 0
  readonly unread: AbortController = new AbortController()
  watched = false
  aside: string | undefined
  interactive = false
  colour = false
  wrongConfig: string | undefined
  readonly loaded: (string | undefined)[] = []

  async run(...argv: readonly string[]): Promise<number> {
    this.out = ''
    this.err = ''
    return await runCommandLine(argv, this.#world())
  }

  #world(): World {
    const { typed } = this
    return {
      terminal: {
        print: (text) => void (this.out += text),
        complain: (text) => void (this.err += text),
        interactive: this.interactive,
        colour: this.colour,
        unread: this.unread.signal,
        watched: this.watched,
        taken: async () => undefined,
        readAll: async () => this.#answered(this.input),
        ask: typed === undefined ? undefined : async () => this.#answered(typed),
      },
      now: () => NOW,
      version: '1.2.3',
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
      load: (file) => this.#installation(file),
      sampleConfig: () => '[server]\n',
      simulate: async ({ port, paceMs }) => port + (paceMs ?? 0),
      demo: async ({ once }) => (once ? 0 : 1),
    }
  }

  #answered(secret: string): string {
    this.asked += 1
    return secret
  }

  #installation(file: string | undefined): Installation {
    this.loaded.push(file)
    if (this.wrongConfig !== undefined) throw new WrongUse(this.wrongConfig)
    const reports: Reports = {
      usage: async (from, to) => {
        this.usageAsked = [from, to]
        return this.usage
      },
      usageBy: async (query) => {
        this.usageQuery = query
        return this.sums
      },
      calls: async (filter) => {
        this.callsAsked = filter
        return this.calls
      },
      tail: async (mark) => this.tail(mark),
      page: async (_range, after) => ({
        calls: after ? [] : this.calls,
        mark: after ? undefined : { startedAt: NOW, seq: 1 },
      }),
      call: async (id) => this.stories.get(id),
      connections: async () => this.connections,
    }
    return {
      databaseUrl: 'sqlite://x.db',
      file,
      settings: [
        {
          key: 'log.level',
          variable: 'CODEX_GATEWAY_LOG_LEVEL',
          value: 'warn',
          default: 'info',
          source: 'environment',
        },
      ],
      warnings: ['careful'],
      defaults: {
        memberConcurrency: 4,
        memberFiveHourQuota: 7_000_000_000n,
        memberWeeklyQuota: 0n,
        upstreamConcurrency: 8,
      },
      initialize: async () => ({ keyFile: 'x.db.key', warnings: [] }),
      withStore: (use) => use({ registry: this.registry, reports, warnings: [] }),
      backUp: async () => ({ bytes: 4096, keyFile: 'x.db.key' }),
      restore: async () => ({ aside: this.aside, keyFile: undefined }),
      serve: async () => 5,
    }
  }
}
