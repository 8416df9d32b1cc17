import { setImmediate } from 'node:timers/promises'
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import type { WindowName, WindowStanding } from '../../core/quota.ts'
import { REFUSAL_STATUS } from '../../core/refusal.ts'
import { NANO_PER_CREDIT, type NanoCredits } from '../../core/units.ts'
import type { Clock, CountedCall, Metrics } from '../../ports.ts'

/** What is known of a member who has had a call settled. */
interface Known {
  credits: NanoCredits
  windows: readonly WindowStanding[]
  /** Windows whose thresholds are shown. */
  readonly shown: Set<WindowName>
}

export interface PrometheusOptions {
  /** Percent of a limit that are warned of. */
  readonly warnAt: readonly number[]
  readonly now: Clock
}

/**
 * The gateway's metrics as Prometheus reads them, beside those of the process (`process_*`, `nodejs_*`).
 *
 * A call costs one counter and a look-up; what can be said later is said when somebody asks. Series are bounded by the
 * members and their windows: nothing that a client chooses is a label.
 */
export class PrometheusMetrics implements Metrics {
  readonly #registry = new Registry()
  readonly #members = new Map<string, Known>()
  readonly #options: PrometheusOptions
  readonly #warnings: Counter<'member' | 'window' | 'threshold'>
  readonly #calls: Counter<'kind' | 'ending' | 'precision'>
  readonly #refusals: Counter<'refusal'>

  constructor(options: PrometheusOptions) {
    this.#options = options
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry })
    this.#warnings = new Counter({
      name: 'codex_gateway_quota_warnings_total',
      help: 'Thresholds (percent of the limit) that members have reached, once in each window.',
      labelNames: ['member', 'window', 'threshold'],
      registers,
      collect: () => this.#showThresholds(),
    })
    const used: Gauge<'member' | 'window'> = new Gauge({
      name: 'codex_gateway_quota_used_ratio',
      help: 'Settled spend by limit, as of the member’s last settled call; 1 is spent, more is overdrawn.',
      labelNames: ['member', 'window'],
      registers,
      collect: () => this.#showUsed(used),
    })
    this.#calls = new Counter({
      name: 'codex_gateway_calls_total',
      help: 'Settled calls.',
      labelNames: ['kind', 'ending', 'precision'],
      registers,
    })
    const credits: Counter<'member'> = new Counter({
      name: 'codex_gateway_credits_total',
      help: 'Credits charged to the member by settled calls.',
      labelNames: ['member'],
      registers,
      collect: () => this.#showCredits(credits),
    })
    this.#refusals = new Counter({
      name: 'codex_gateway_refusals_total',
      help: 'How often the gateway itself said no, by its stable code.',
      labelNames: ['refusal'],
      registers,
    })
    // A series that begins at 1 has not risen for Prometheus, and no alert would see the first one.
    for (const refusal of Object.keys(REFUSAL_STATUS)) this.#refusals.inc({ refusal }, 0)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** All metrics in the text format; calls go on between one metric and the next. */
  async text(): Promise<string> {
    const parts: string[] = []
    for (const { name } of this.#registry.getMetricsAsArray()) {
      parts.push(await this.#registry.getSingleMetricAsString(name))
      await setImmediate()
    }
    return `${parts.join('\n\n')}\n`
  }

  settled({ member, kind, ending, precision, credits, windows }: CountedCall): void {
    this.#calls.inc({ kind, ending, precision })
    const known = this.#members.get(member)
    if (!known) this.#members.set(member, { credits, windows, shown: new Set() })
    else {
      known.credits += credits
      known.windows = windows
    }
  }

  warned(member: string, window: string, percent: number): void {
    this.#warnings.inc({ member, window, threshold: percent })
  }

  refused(refusal: string): void {
    this.#refusals.inc({ refusal })
  }

  /** Those not reached yet stand at 0, so that reaching them is a rise. */
  #showThresholds(): void {
    for (const [member, { name: window }, { shown }] of this.#limited()) {
      if (shown.has(window)) continue
      shown.add(window)
      for (const threshold of this.#options.warnAt) this.#warnings.inc({ member, window, threshold }, 0)
    }
  }

  #showUsed(gauge: Gauge<'member' | 'window'>): void {
    const now = this.#options.now()
    // A limit that was taken away has no ratio any more.
    gauge.reset()
    for (const [member, window] of this.#limited()) {
      const over = window.rolling !== true && window.resetsAt !== undefined && window.resetsAt <= now
      gauge.set({ member, window: window.name }, over ? 0 : Number(window.settled) / Number(window.limit))
    }
  }

  /** Money is summed in whole units; only what is shown is rounded. */
  #showCredits(counter: Counter<'member'>): void {
    counter.reset()
    for (const [member, { credits }] of this.#members) {
      counter.inc({ member }, Number(credits) / Number(NANO_PER_CREDIT))
    }
  }

  *#limited(): Generator<readonly [member: string, window: WindowStanding, known: Known]> {
    for (const [member, known] of this.#members) {
      for (const window of known.windows) if (window.limit > 0n) yield [member, window, known]
    }
  }
}
