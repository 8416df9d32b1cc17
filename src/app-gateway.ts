/** Composition root, continued: the gateway out of the configuration and the store. */
import { memoryCoordinator } from './adapters/coordination/memory.ts'
import type { OpenAiHttp } from './adapters/openai/http.ts'
import { connect } from './adapters/openai/websocket.ts'
import type { Store } from './adapters/store/store.ts'
import type { Config } from './config.ts'
import { cardWith, type RateCard } from './core/price.ts'
import type { Gateway, Settings } from './gateway/gateway.ts'
import { GentleReader } from './gateway/gentle-reader.ts'
import { Notices } from './gateway/notices.ts'
import { Owners } from './gateway/owners.ts'
import { Sessions } from './gateway/sessions.ts'
import type { Log, Upstream } from './ports.ts'

/** Codex waits for 15 s. */
const HANDSHAKE_MS = 12_000

/** The gateway over its adapters. */
export function gatewayOn(
  store: Store,
  upstream: OpenAiHttp,
  config: Config,
  { log, alerts, stop, draining }: Pick<Gateway, 'log' | 'alerts' | 'stop' | 'draining'>,
): Gateway {
  const { limits, credit } = config
  const sockets = {
    baseUrl: config.upstream.wsBaseUrl,
    connectTimeoutMs: config.upstream.connectTimeoutSecs * 1000,
    maxHeaderBytes: limits.maxHeaderBytes,
    proxy: config.proxy,
    ca: config.ca,
    vault: store.vault,
  }
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
    reader: new GentleReader(),
    sessions: new Sessions(),
    rates: rateCardOf(credit),
    settings: settingsOf(config),
    log,
    alerts,
    notices: new Notices(log, Date.now),
    now: Date.now,
    stop,
    draining,
    learn: learnerOn(store, log),
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
    handshakeTimeoutMs: HANDSHAKE_MS,
    socket: {
      idleMs: limits.wsIdleTimeoutSecs * 1000,
      maxAgeMs: limits.wsMaxConnectionSecs * 1000,
      maxMessages: limits.wsMaxMessagesPerConnection,
      pingIntervalMs: limits.wsUpstreamPingIntervalSecs * 1000,
    },
    retryAttempts: config.upstream.retryAttempts,
    charging: credit.accounting === 'token' ? 'tokens' : 'message',
    enforcement: config.quota.enforcement,
    quota: config.quota,
    unknownUsageCredits: credit.unknownUsageCredits,
  }
}

/** Tiers are set as `tier` or `model/tier`. */
function rateCardOf(credit: Config['credit']): RateCard {
  const tiers: Record<string, bigint> = {}
  const modelTiers: Record<string, Record<string, bigint>> = {}
  for (const [name, tenths] of credit.tierTenths) {
    const slash = name.lastIndexOf('/')
    if (slash === -1) tiers[name] = tenths
    else (modelTiers[name.slice(0, slash)] ??= {})[name.slice(slash + 1)] = tenths
  }
  return cardWith({
    fallback: credit.unknownModelRate,
    unknownMessage: credit.unknownModelMessageCredits,
    tiers,
    modelTiers,
  })
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
