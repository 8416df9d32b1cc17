/** Composition root: builds adapters from the configuration and hands them to whoever works with them. */
import { setFlagsFromString } from 'node:v8'
import { lineLog, type LogOptions } from './adapters/log/lines.ts'
import { OpenAiHttp } from './adapters/openai/http.ts'
import { socketOn } from './adapters/openai/socket.ts'
import { mustExist, openStore, type Store } from './adapters/store/store.ts'
import { alertsOn } from './app-alerts.ts'
import { DailyReconciliation, booksOn } from './app-daily.ts'
import { followChanges, gatewayOn, teach } from './app-gateway.ts'
import { metricsOn, type Counting } from './app-metrics.ts'
import { keepTidy } from './app-retention.ts'
import type { AdminStore, SimulatorOptions } from './admin/world.ts'
import { readSealingKey, type SealingKey } from './config-sealing-key.ts'
import { cardChangeOf } from './config-rates.ts'
import type { Config } from './config-shape.ts'
import { idleTierWarnings } from './core/idle-tiers.ts'
import { cardOf } from './core/set-rate.ts'
import { BodyBudget } from './edge/body-budget.ts'
import { Probes } from './edge/probes.ts'
import { listen } from './edge/server.ts'
import { converse } from './gateway/converse.ts'
import type { Gateway } from './gateway/gateway.ts'
import { relay } from './gateway/relay.ts'
import { CHARGED_AS_STANDARD, CHARGED_NOTHING, PRICED_BY_FALLBACK } from './gateway/tariff.ts'
import { tellNewWarnings, tellWarnings } from './gateway/warn.ts'
import type { Client, Log, SocketClient } from './ports.ts'
import { startSimulator } from './simulator/simulator.ts'

export { backUpStore, restoreStore } from './app-backup.ts'
export { runCommandLine } from './admin/cli.ts'
export { addGatewayKey } from './admin/gateway-keys.ts'
export type { DemoOptions, Installation, Terminal, World } from './admin/world.ts'
export { WrongUse } from './admin/wrong-use.ts'
export { startSimulator } from './simulator/simulator.ts'

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** Makes the key file and the database where they are missing. */
export async function initStore(
  config: Config,
): Promise<{ readonly keyFile: string | undefined; readonly warnings: readonly string[] }> {
  const sealing = readSealingKey(config, { create: true })
  const { path, durability } = config.database
  const options = { path, durability, create: true, sealingKey: sealing.key, log: SILENT }
  await using store = await openStore({ ...options, role: 'cli' })
  return { keyFile: sealing.file, warnings: [...sealing.warnings, ...store.warnings] }
}

/** Where there is no database there need not be a key: what is missing first is told. */
function keyOf(config: Config): SealingKey {
  mustExist(config.database.path)
  return readSealingKey(config, { create: false })
}

/** Lends the store to a command. */
export async function withStore<T>(config: Config, use: (store: AdminStore) => Promise<T>): Promise<T> {
  const sealing = keyOf(config)
  const { path, durability } = config.database
  const options = { path, durability, sealingKey: sealing.key, quota: config.quota, log: SILENT }
  await using store = await openStore({ ...options, role: 'cli' })
  const warnings = [...sealing.warnings, ...store.warnings]
  await using books = booksOn(store, config)
  const { registry, reports, rateBook, adminKeys, ledgerSums, quotas } = store
  const probe = (): Promise<void> => store.ledger.probe()
  return await use({ registry, reports, rateBook, adminKeys, ledgerSums, quotas, books, probe, warnings })
}

/** A gateway that serves. */
export interface RunningGateway extends AsyncDisposable {
  /** `http://127.0.0.1:8080`, with the port that was got. */
  readonly url: string
  /** Resolves, with the reason, when the gateway can serve no more: only a new process helps. */
  readonly lost: Promise<string>
  /** Closes the listener and waits for the running calls; once `cut` aborts, ends them. Then everything is settled and closed. */
  stop(cut: AbortSignal): Promise<void>
}

/** Opens the store, settles what a dead instance left open, and serves. */
export async function startGateway(config: Config, log: Log): Promise<RunningGateway> {
  const sealing = keyOf(config)
  const { path, durability } = config.database
  const options = { path, durability, sealingKey: sealing.key, quota: config.quota, log }
  await using opened = new AsyncDisposableStack()
  const store = opened.adopt(await openStore({ ...options, role: 'serve' }), (one) => one.close())
  const card = cardOf(cardChangeOf(config.credit), store.directory.rates())
  const warnings = [...config.warnings, ...sealing.warnings, ...store.warnings, ...idleTierWarnings(card)]
  for (const warning of warnings) log.warn(warning)
  const counting = opened.use(await metricsOn(config, log))
  const running = await serveOn(store, counting, config, log)
  // From now on they end when it stops.
  opened.move()
  return running
}

function upstreamOf({ vault }: Store, { upstream, limits, proxy, ca }: Config): OpenAiHttp {
  return new OpenAiHttp({
    baseUrl: upstream.httpBaseUrl,
    maxHeaderBytes: limits.maxHeaderBytes,
    connectTimeoutMs: upstream.connectTimeoutSecs * 1000,
    idleTimeoutMs: upstream.idleTimeoutSecs * 1000,
    proxy,
    ca,
    vault,
  })
}

function probesOn({ directory, ledger }: Store, { estimator, notices }: Gateway, draining: AbortSignal): Probes {
  return new Probes({
    directory,
    ledger,
    now: Date.now,
    draining: () => draining.aborted,
    estimates: () => estimator.error,
    unpriced: () => [...notices.recent(PRICED_BY_FALLBACK), ...notices.recent(CHARGED_NOTHING)],
    unknownTiers: () => notices.recent(CHARGED_AS_STANDARD),
  })
}

async function serveOn(store: Store, counting: Counting, config: Config, log: Log): Promise<RunningGateway> {
  const [stopping, draining, over] = [new AbortController(), new AbortController(), new AbortController()]
  const upstream = upstreamOf(store, config)
  const { limits } = config
  const budget = new BodyBudget(limits)
  const alerts = alertsOn(store.outbox, config, log)
  const signals = { stop: stopping.signal, draining: draining.signal }
  const { metrics } = counting
  const beside = { log, alerts, metrics, room: budget.roomOf(undefined), ...signals }
  const gateway = gatewayOn(store, upstream, config, beside)
  await teach(gateway)
  void followChanges(gateway, over.signal)
  // Those that the gateway before this one could not deliver.
  tellWarnings(await store.outbox.due(), gateway)
  store.onWarnings((warnings) => tellNewWarnings(warnings, gateway))
  const probes = probesOn(store, gateway, draining.signal)
  const relays = {
    relay: (client: Client) => relay(client, gateway),
    converse: (client: SocketClient) => converse(client, gateway),
  }
  const server = await listen(relays, probes, {
    socketOn,
    webSockets: config.routes.websocket,
    webRtc: config.routes.webrtc,
    host: config.server.host,
    port: config.server.port,
    limits: {
      maxHeaderBytes: limits.maxHeaderBytes,
      maxBodyBytes: limits.maxBodyBytes,
      maxDecompressedBytes: limits.maxDecompressedBytes,
      bodyIdleMs: limits.bodyIdleSecs * 1000,
      clientStallMs: limits.clientStallSecs * 1000,
    },
    budget,
    contact: config.quota.contact,
    log,
    metrics,
    now: Date.now,
  })
  const daily = DailyReconciliation.on(store, config, log)
  const tidy = keepTidy(store.retention, config.retention, { log, now: Date.now, stop: draining.signal })
  let stopped: Promise<void> | undefined
  const stop = async (cut: AbortSignal): Promise<void> => {
    draining.abort()
    if (cut.aborted) stopping.abort()
    else cut.addEventListener('abort', () => stopping.abort(), { once: true })
    await Promise.all([daily.stop(), server.drain(stopping.signal)])
    over.abort()
    // Metrics can be read until the last call is counted.
    await Promise.all([upstream.close(), alerts[Symbol.asyncDispose](), counting[Symbol.asyncDispose](), tidy])
    await store.close()
  }
  return {
    url: server.url,
    lost: store.lost,
    stop: (cut) => (stopped ??= stop(cut)),
    [Symbol.asyncDispose]: () => (stopped ??= stop(AbortSignal.abort())),
  }
}

/** A terminal that is closed asks for the same as whoever runs the service: without a listener it would cut running calls. */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** Ctrl-C reaches this process from the terminal and from its launcher: what comes that close is one signal. */
const SAME_SIGNAL_MS = 250

/** Standard output is for what was asked for; the log goes beside it. */
export function stderrLog(options: Omit<LogOptions, 'write'>): Log {
  return lineLog({ ...options, write: (line) => process.stderr.write(line) })
}

/** Serves until SIGTERM, SIGINT or SIGHUP, then lets running calls end; a second signal cuts them. */
export async function serve(config: Config): Promise<number> {
  // Bursts of streams leave the old generation full of garbage: collected earlier, 1,000 streams peak 60 MB lower.
  setFlagsFromString('--heap-growing-percent=50')
  const log = stderrLog(config.log)
  const gateway = await startGateway(config, log)
  // Whoever reads that it listens may stop it at once.
  const signalled = nextSignal()
  process.stdout.write(`listening on ${gateway.url}\n`)
  const lost = await Promise.race([signalled, gateway.lost])
  if (lost !== undefined) {
    // Whoever watches over the process starts it anew; the next one settles what is open.
    log.error('gateway lost its store', { cause: lost })
    await gateway.stop(AbortSignal.abort())
    return 1
  }
  log.info('stopping', { drain_secs: config.server.drainSecs })
  const cut = new AbortController()
  const deadline = setTimeout(() => cut.abort(), config.server.drainSecs * 1000)
  const heardAt = Date.now()
  const again = (): void => {
    if (Date.now() - heardAt > SAME_SIGNAL_MS) cut.abort()
  }
  for (const name of STOP_SIGNALS) process.on(name, again)
  await gateway.stop(cut.signal)
  clearTimeout(deadline)
  log.info('stopped')
  return 0
}

export async function simulate({ port, paceMs, tokensPerSecond, text, agent }: SimulatorOptions): Promise<number> {
  const plan = { port, eventDelayMs: paceMs, tokensPerSecond, text, agent: agent ? 'shell-and-edit' : 'none' } as const
  await using simulator = await startSimulator(plan).catch((cause: unknown) => {
    if (!isTaken(cause)) throw cause
    throw new Error(`cannot listen on 127.0.0.1:${port} (--port): something else listens there`, { cause })
  })
  process.stdout.write(`simulator listening on ${simulator.url}\n`)
  await nextSignal()
  return 0
}

function isTaken(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
}

/**
 * Resolves at the next signal to stop. What comes again at once is heard too, and ignored: without a listener it
 * would kill this process before it has cleaned up.
 */
async function nextSignal(): Promise<undefined> {
  return await new Promise((resolve) => {
    const heard = (): void => {
      resolve(undefined)
      setTimeout(() => {
        for (const name of STOP_SIGNALS) process.off(name, heard)
      }, SAME_SIGNAL_MS).unref()
    }
    for (const name of STOP_SIGNALS) process.on(name, heard)
  })
}
