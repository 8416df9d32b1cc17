import type { EpochMs } from '../../src/core/units.ts'
import type { CardChange } from '../../src/core/price.ts'
import type { WindowMode } from '../../src/core/quota.ts'
import type { BookedCost, BookedUsage, LedgerSums } from '../../src/core/reconcile.ts'
import type { CallId } from '../../src/core/units.ts'
import type {
  BookedKeys,
  CallFilter,
  CallRow,
  CallSpan,
  CallStory,
  ConnectionRow,
  Days,
  MemberUsage,
  PastPageCall,
  Pruned,
  QuotaAdjustment,
  Quotas,
  QuotaView,
  Reports,
  TailMark,
  TailNews,
  UsageQuery,
  UsageSum,
} from '../../src/ports.ts'
import { runCommandLine } from '../../src/admin/cli.ts'
import { found, MemoryAdminKeys, MemoryRegistry, NOW } from './memory-registry.ts'
import { MemoryRateBook } from './rate-book.ts'
import type { Installation, World } from '../../src/admin/world.ts'
import { WrongUse } from '../../src/admin/wrong-use.ts'

export { NOW }

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
  usd: 49_200_001n,
  unpriced: 0,
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
  wouldRefuse: undefined,
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
  endedAt: undefined,
  durationMs: undefined,
  attempts: 1,
}

/** Everything that the command line can touch, in memory. */
export class FakeWorld {
  readonly registry: MemoryRegistry = new MemoryRegistry()
  readonly rateBook: MemoryRateBook = new MemoryRateBook()
  card: CardChange = {}
  quotaWindow: WindowMode = 'anchored'
  readonly adminKeys: MemoryAdminKeys = new MemoryAdminKeys()
  /** Why the store cannot write. */
  unwritable: string | undefined
  usage: readonly MemberUsage[] = []
  calls: readonly CallRow[] = []
  /** What is said of deleted calls, and the spans that were asked for. */
  pruned: Pruned = { calls: 0, before: 0 }
  readonly prunedAsked: CallSpan[] = []
  /** What the ledger says to OpenAI's books, and what these say. */
  sums: readonly LedgerSums[] = []
  /** Of them nothing is whole. */
  lostDays: readonly EpochMs[] = []
  booked: readonly BookedUsage[] = []
  bill: readonly BookedCost[] = []
  bookedKeys: BookedKeys = { projects: [], found: new Map() }
  readonly daysAsked: Days[] = []
  connections: readonly ConnectionRow[] = []
  usageAsked: readonly number[] = []
  quota: QuotaView | undefined
  past: readonly PastPageCall[] = []
  /** What the quotas were asked to change. */
  readonly wishes: object[] = []
  usageSums: readonly UsageSum[] = []
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
      user: 'root',
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
      load: (file) => this.#installation(file),
      sampleConfig: () => '[server]\n',
      simulate: async ({ port, paceMs }) => port + (paceMs ?? 0),
      demo: async ({ once }) => (once ? 0 : 1),
    }
  }

  async #probe(): Promise<void> {
    if (this.unwritable !== undefined) throw new Error(this.unwritable)
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
        return this.usageSums
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
      pruned: async (span) => {
        this.prunedAsked.push(span)
        return this.pruned
      },
      call: async (id) => this.stories.get(id),
      connections: async () => this.connections,
    }
    const adjusted = async (kind: QuotaAdjustment['kind'], wish: Parameters<Quotas['reset']>[0], credits: bigint) => {
      this.wishes.push(wish)
      const { window = '5h', who, why } = wish
      return [{ at: NOW, kind, window, credits, until: NOW + 1000, who, why }]
    }
    const quotas: Quotas = {
      view: async (name) => found(this.quota, name),
      usedBy: async () => [],
      past: async ({ after, limit }) => this.past.filter(({ seq }) => seq > after).slice(0, limit),
      reset: (wish) => adjusted('reset', wish, 40_000_000_000n),
      grant: (wish) => adjusted('grant', wish, wish.credits),
      revoke: (wish) => adjusted('revoke', wish, 5_000_000_000_000n),
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
        quotaWindow: this.quotaWindow,
      },
      card: this.card,
      reconcile: { threshold: 2, settleMs: 14_400_000 },
      initialize: async () => ({ keyFile: 'x.db.key', warnings: [] }),
      withStore: (use) =>
        use({
          registry: this.registry,
          reports,
          quotas,
          rateBook: this.rateBook,
          adminKeys: this.adminKeys,
          ledgerSums: async (days) => {
            this.daysAsked.push(days)
            const within = (day: number): boolean => day >= days.from && day < days.to
            return { sums: this.sums.filter(({ day }) => within(day)), lost: this.lostDays.filter(within) }
          },
          books: {
            usage: async () => this.booked,
            costs: async () => this.bill,
            keys: async () => this.bookedKeys,
          },
          probe: () => this.#probe(),
          warnings: [],
        }),
      backUp: async () => ({ bytes: 4096, keyFile: 'x.db.key', warnings: [] }),
      restore: async () => ({ aside: this.aside, keyFile: undefined, warnings: [] }),
      serve: async () => 5,
    }
  }
}
