/** Composition root, continued: what is counted, and who may read it. */
import type { Config } from './config.ts'
import type { Log, Metrics } from './ports.ts'

const UNCOUNTED: Metrics = { settled() {}, warned() {}, refused() {} }

export interface Counting extends AsyncDisposable {
  readonly metrics: Metrics
}

/** Metrics, and their listener where the configuration wants one: without it nothing is counted, or even loaded. */
export async function metricsOn({ metrics: { address }, quota }: Config, log: Log): Promise<Counting> {
  if (!address) return { metrics: UNCOUNTED, [Symbol.asyncDispose]: () => Promise.resolve() }
  const [{ PrometheusMetrics }, { listenForScrapes }] = await Promise.all([
    import('./adapters/metrics/prometheus.ts'),
    import('./adapters/metrics/listener.ts'),
  ])
  const metrics = new PrometheusMetrics({ warnAt: quota.warnAt, now: Date.now })
  const listener = await listenForScrapes(metrics, { ...address, log })
  log.info('metrics', { url: listener.url })
  return { metrics, [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose]() }
}
