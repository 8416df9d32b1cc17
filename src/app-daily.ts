/** Composition root, continued: the daily comparison of the ledger with OpenAI's books. */
import { OpenAiBooks } from './adapters/openai/books.ts'
import type { Store } from './adapters/store/store.ts'
import { reconcile, type BothBooks, type Reconciliation } from './admin/reconcile.ts'
import { isExplained } from './admin/reconcile-form.ts'
import type { Config } from './config.ts'
import { DAY_MS } from './core/reconcile.ts'
import type { EpochMs } from './core/units.ts'
import type { Clock, Log } from './ports.ts'

/** OpenAI's books, as the configuration reaches them. */
export function booksOn(store: Pick<Store, 'adminKeys' | 'vault'>, config: Config): OpenAiBooks {
  return new OpenAiBooks({
    baseUrl: config.upstream.httpBaseUrl,
    maxHeaderBytes: config.limits.maxHeaderBytes,
    connectTimeoutMs: config.upstream.connectTimeoutSecs * 1000,
    proxy: config.proxy,
    ca: config.ca,
    adminSecretOf: (key) => store.adminKeys.secretOf(key),
    vault: store.vault,
  })
}

/** Days that could not be compared are made up for, as many as these. */
const MOST_DAYS = 31
const DEADLINE_MS = 30 * 60_000

export interface DailyOptions {
  readonly both: BothBooks & { readonly books: AsyncDisposable }
  readonly settings: Config['reconcile']
  readonly log: Log
  readonly now: Clock
}

/**
 * Compares the newest day that is final, and those before it which could not be compared, once a day. What goes wrong is
 * told in the log and ends nothing. The ledger's sums are made beside the calls, in the thread of reports.
 */
export class DailyReconciliation {
  readonly #options: DailyOptions
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  /** The first day that was not compared yet. */
  #due: EpochMs | undefined

  /** That of a serving gateway, which has the books to itself. */
  static on(store: Store, config: Config, log: Log): DailyReconciliation {
    const { adminKeys, registry, ledgerSums } = store
    const both = { adminKeys, registry, ledgerSums, books: booksOn(store, config) }
    return new DailyReconciliation({ both, settings: config.reconcile, log, now: Date.now })
  }

  constructor(options: DailyOptions) {
    this.#options = options
    this.#wait()
  }

  /** Ends what is running, and closes the books. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#stopping.abort()
    await this.#running
    await this.#options.both.books[Symbol.asyncDispose]()
  }

  #wait(): void {
    const { settings, now } = this.#options
    if (settings.dailyAtMs === undefined || this.#stopping.signal.aborted) return
    const at = now()
    const today = at - (at % DAY_MS) + settings.dailyAtMs
    this.#timer = setTimeout(
      () => {
        this.#running = this.#run().finally(() => this.#wait())
      },
      (today > at ? today : today + DAY_MS) - at,
    )
    this.#timer.unref()
  }

  async #run(): Promise<void> {
    const { both, settings, log, now } = this.#options
    const at = now()
    const settled = at - settings.settleMs
    const to = settled - (settled % DAY_MS)
    const from = Math.max(Math.min(this.#due ?? to - DAY_MS, to - DAY_MS), to - MOST_DAYS * DAY_MS)
    const { threshold, settleMs } = settings
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(DEADLINE_MS)])
    try {
      report(await reconcile(both, { days: { from, to }, now: at, settleMs, threshold, signal }), log)
      this.#due = to
    } catch (cause) {
      this.#due = from
      if (!this.#stopping.signal.aborted) log.error('books not reconciled', { cause: String(cause) })
    }
  }
}

function report({ days, drift, over, threshold, lost }: Reconciliation, log: Log): void {
  const fields = {
    from: new Date(days.from).toISOString().slice(0, 10),
    to: new Date(days.to - 1).toISOString().slice(0, 10),
    drift_percent: Math.round(drift.percent * 100) / 100,
    threshold_percent: threshold,
    requests: drift.booked.requests,
    drift_input_tokens: drift.drift.input,
    drift_output_tokens: drift.drift.output,
    explained: isExplained(drift),
    keys_not_compared: lost.length,
  }
  if (over) log.error('ledger and books drift apart', fields)
  else log.info('ledger and books agree', fields)
}
