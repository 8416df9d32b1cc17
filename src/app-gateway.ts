/** Composition root, continued: the gateway out of the configuration and the store. */
import { memoryCoordinator } from './adapters/coordination/memory.ts'
import type { OpenAiHttp } from './adapters/openai/http.ts'
import { RoomQueue } from './adapters/openai/room-queue.ts'
import { connect, type WebSocketOptions } from './adapters/openai/websocket.ts'
import type { Store } from './adapters/store/store.ts'
import type { Config } from './config.ts'
import { cardChangeOf } from './config-rates.ts'
import { Estimator } from './core/estimate.ts'
import type { CardChange, RateCard } from './core/price.ts'
import { type SetRate, cardOf } from './core/set-rate.ts'
import { ChargedTurns } from './core/charged-turns.ts'
import type { Gateway, ReadOn, Settings } from './gateway/gateway.ts'
import { GentleReader } from './gateway/gentle-reader.ts'
import { Notices } from './gateway/notices.ts'
import { Owners } from './gateway/owners.ts'
import { Sessions } from './gateway/sessions.ts'
import { SocketTrouble } from './gateway/socket-trouble.ts'
import type { Log, Room, Upstream } from './ports.ts'

/** Codex waits for 15 s: the first that hangs is known by then, and another key has had its turn. */
const HANDSHAKE_MS = 8000

/** The gateway over its adapters. */
export function gatewayOn(
  store: Store,
  upstream: OpenAiHttp,
  config: Config,
  {
    log,
    alerts,
    metrics,
    stop,
    draining,
    room,
  }: Pick<Gateway, 'log' | 'alerts' | 'metrics' | 'stop' | 'draining'> & { readonly room: Room },
): Gateway {
  const { limits, credit } = config
  const card = cardFollowing(() => store.directory.rates(), cardChangeOf(credit))
  const sockets = { ...socketsOf(config), vault: store.vault, room, queue: new RoomQueue() }
  return {
    directory: store.directory,
    ledger: store.ledger,
    quotas: store.quotas,
    coordinator: memoryCoordinator({
      now: Date.now,
      maxFailures: config.upstream.maxFailuresBeforeCooldown,
      cooldownMs: config.upstream.cooldownSecs * 1000,
      maxQueued: limits.maxQueuedPerMember,
    }),
    upstream: {
      open: (request, key, signal) => upstream.open(request, key, signal),
      connect: (request, key, signal) => connect(request, key, signal, sockets),
    },
    owners: new Owners(store.ledger),
    chargedTurns: new ChargedTurns(),
    reader: new GentleReader(),
    sessions: new Sessions(),
    waiting: new Set(),
    socketTrouble: new SocketTrouble(),
    estimator: new Estimator(),
    get rates() {
      return card()
    },
    settings: settingsOf(config),
    log,
    alerts,
    metrics,
    notices: new Notices(log, Date.now),
    now: Date.now,
    stop,
    draining,
    learn: learnerOn(store, log),
  }
}

/** Tells whoever waits what administrators change meanwhile, until `over`. */
export async function followChanges(gateway: Gateway, over: AbortSignal): Promise<void> {
  const { coordinator, directory, waiting } = gateway
  while (!over.aborted) {
    const { revision } = directory
    // Before there are places for them.
    for (const patience of waiting) patience.check()
    coordinator.follow(directory)
    await directory.changedSince(revision, over).catch(() => undefined) // It is over.
  }
}

function settingsOf(config: Config): Settings {
  const { limits, credit } = config
  return {
    routes: config.routes,
    queueMs: limits.queueSecs * 1000,
    codexQueueMs: limits.codexQueueSecs * 1000,
    headTimeoutMs: config.upstream.timeoutSecs * 1000,
    unaryTimeoutMs: config.upstream.unaryTimeoutSecs * 1000,
    idleTimeoutMs: config.upstream.idleTimeoutSecs * 1000,
    handshakeTimeoutMs: HANDSHAKE_MS,
    socket: {
      idleMs: limits.wsIdleTimeoutSecs * 1000,
      maxAgeMs: limits.wsMaxConnectionSecs * 1000,
      maxMessages: limits.wsMaxMessagesPerConnection,
      pingIntervalMs: limits.wsUpstreamPingIntervalSecs * 1000,
    },
    readOn: readOnOf(config),
    retryAttempts: config.upstream.retryAttempts,
    charging: credit.accounting === 'token' ? 'tokens' : 'message',
    enforcement: config.quota.enforcement,
    quota: config.quota,
    unknownUsageCredits: credit.unknownUsageCredits,
  }
}

/** More than enough to know the models in use. */
const SAMPLES = 2000

/** Lets the estimator learn from the ledger what it knew before the gateway was started anew. */
export async function teach({ estimator, ledger }: Pick<Gateway, 'estimator' | 'ledger'>): Promise<void> {
  for (const { member, threadId, sessionId, usage, ...seen } of await ledger.samples(SAMPLES)) {
    const conversation = threadId ?? sessionId
    const thread = conversation === undefined ? undefined : `${member}:${conversation}`
    estimator.learn({ ...seen, thread, continues: seen.requestBytes === 0 }, usage)
  }
}

function readOnOf({ upstream }: Config): ReadOn | undefined {
  if (upstream.clientLeft === 'abort') return undefined
  return { ms: upstream.clientLeftSecs * 1000, bytes: upstream.clientLeftBytes }
}

function socketsOf({ upstream, limits, proxy, ca }: Config): Omit<WebSocketOptions, 'vault' | 'room' | 'queue'> {
  return {
    baseUrl: upstream.wsBaseUrl,
    connectTimeoutMs: upstream.connectTimeoutSecs * 1000,
    maxHeaderBytes: limits.maxHeaderBytes,
    proxy,
    ca,
    idleTimeoutMs: upstream.idleTimeoutSecs * 1000,
  }
}

/** The rate card, made anew when administrators have set other rates. */
function cardFollowing(rates: () => readonly SetRate[], change: CardChange): () => RateCard {
  let [known, card] = [rates(), cardOf(change, rates())]
  return () => {
    const now = rates()
    if (now !== known) [known, card] = [now, cardOf(change, now)]
    return card
  }
}

/** Writes a key's labels down once, however many replies show them at the same time. */
function learnerOn(store: Store, log: Log): Gateway['learn'] {
  const learning = new Set<number>()
  return (upstream: Upstream, organization, project) => {
    if (learning.has(upstream.id)) return
    learning.add(upstream.id)
    store.registry
      .learn(upstream.id, organization, project)
      .catch((cause: unknown) => log.warn('labels not learned', { upstream: upstream.name, cause: String(cause) }))
      .finally(() => learning.delete(upstream.id))
  }
}
