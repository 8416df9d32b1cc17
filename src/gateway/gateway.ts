import type { Estimator } from '../core/estimate.ts'
import type { QuotaRules } from '../core/quota.ts'
import type { RateCard } from '../core/price.ts'
import type {
  Alerts,
  Clock,
  Coordinator,
  Directory,
  Ledger,
  Log,
  Metrics,
  Quotas,
  Upstream,
  UpstreamClient,
} from '../ports.ts'
import type { ChargedTurns } from '../core/charged-turns.ts'
import type { GentleReader } from './gentle-reader.ts'
import type { Notices } from './notices.ts'
import type { Owners } from './owners.ts'
import type { Patience } from './patience.ts'
import type { Sessions } from './sessions.ts'
import type { SocketTrouble } from './socket-trouble.ts'

/** What the life of a call needs of the world. */
export interface Gateway {
  readonly directory: Directory
  readonly ledger: Ledger
  /** What members see of their quotas. */
  readonly quotas: Pick<Quotas, 'view' | 'usedBy'>
  readonly coordinator: Coordinator
  readonly upstream: UpstreamClient
  readonly owners: Owners
  readonly chargedTurns: ChargedTurns
  readonly reader: GentleReader
  readonly sessions: Sessions
  /** What an administrator changes may end their waits. */
  readonly waiting: Set<Patience>
  readonly socketTrouble: SocketTrouble
  readonly rates: RateCard
  readonly estimator: Estimator
  readonly settings: Settings
  readonly log: Log
  readonly alerts: Alerts
  readonly metrics: Metrics
  readonly notices: Notices
  readonly now: Clock
  /** Aborts when the gateway is told to stop at once: calls are cut, and settled as far as that is possible. */
  readonly stop: AbortSignal
  /** Aborts when the gateway is asked to stop: what runs may end, and conversations end between their turns. */
  readonly draining: AbortSignal
  /** Remembers labels that upstream's replies showed and the administrator did not give. */
  readonly learn: (upstream: Upstream, organization: string | undefined, project: string | undefined) => void
}

/** Limits of a WebSocket. */
export interface SocketSettings {
  /** Without a turn. */
  readonly idleMs: number
  readonly maxAgeMs: number
  /** Both ways together. */
  readonly maxMessages: number
  readonly pingIntervalMs: number
}

/** Routes that the administrator may switch. */
export interface Switches {
  readonly search: boolean
  readonly webrtc: boolean
}

export interface ReadOn {
  readonly ms: number
  readonly bytes: number
}

export interface Settings {
  readonly routes: Switches
  readonly socket: SocketSettings
  /** How long a call may wait for a place, for room, for a key or for the ledger before it is refused. */
  readonly queueMs: number
  /** The same for Codex, which waits for a response head as long as it takes. */
  readonly codexQueueMs: number
  /** How long a streamed answer's head may take. */
  readonly headTimeoutMs: number
  /** How long a unary answer's head may take: it comes after all the work. */
  readonly unaryTimeoutMs: number
  /** How long an answer may say nothing while it is read from. */
  readonly idleTimeoutMs: number
  /** How long a WebSocket handshake may take: Codex waits for 15 s. */
  readonly handshakeTimeoutMs: number
  /** How far an answer is read on whose client has left; undefined: it is called off. */
  readonly readOn: ReadOn | undefined
  /** Tries of one call that may have run upstream. */
  readonly retryAttempts: number
  readonly charging: 'tokens' | 'message'
  /** Whether calls of members who have spent a quota are refused, or only noted. */
  readonly enforcement: 'hard' | 'shadow'
  readonly quota: QuotaRules
  /** Price of a whole answer that stated no usage, in nanocredits. */
  readonly unknownUsageCredits: bigint
}
