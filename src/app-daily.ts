/** Composition root, continued: the daily comparison of the ledger with OpenAI's books. */
import { OpenAiBooks } from './adapters/openai/books.ts'
import type { Store } from './adapters/store/store.ts'
import { reconcile, type BothBooks, type Reconciliation } from './admin/reconcile.ts'
import { isExplained } from './admin/reconcile-form.ts'
import type { Config } from './config.ts'
import { driftOf } from './core/drift.ts'
import { DAY_MS } from './core/reconcile.ts'
import type { EpochMs } from './core/units.ts'
import type { Clock, DueDay, Log } from './ports.ts'

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
  /** Where it is written down how far the days are compared. */
  readonly dueDay: DueDay
  readonly settings: Config['reconcile']
  readonly log: Log
  readonly now: Clock
}

/**
 * Compares the newest day that is final, and those before it which were not compared, once a day: also those at whose
 * time no gateway ran. What goes wrong is
 * told in the log and ends nothing. The ledger's sums are made beside the calls, in the thread of reports.
 */
export class DailyReconciliation {
  readonly #options: DailyOptions
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()

  /** That of a serving gateway, which has the books to itself. */
  static on(store: Store, config: Config, log: Log): DailyReconciliation {
    const { adminKeys, registry, ledgerSums, dueDay } = store
    const both = { adminKeys, registry, ledgerSums, books: booksOn(store, config) }
    return new DailyReconciliation({ both, dueDay, settings: config.reconcile, log, now: Date.now })
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
    const { both, dueDay, settings, log, now } = this.#options
    const at = now()
    const settled = at - settings.settleMs
    const to = settled - (settled % DAY_MS)
    const { threshold, settleMs } = settings
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(DEADLINE_MS)])
    try {
      const due = Math.min((await dueDay.get()) ?? to - DAY_MS, to - DAY_MS)
      const from = Math.max(due, to - MOST_DAYS * DAY_MS)
      if (from > due) log.warn('days not reconciled', { from: dayOf(due), to: dayOf(from - DAY_MS) })
      // Before it is tried: whatever ends the gateway meanwhile, the next one begins with this day.
      await dueDay.set(from)
      report(await reconcile(both, { days: { from, to }, now: at, settleMs, threshold, signal }), log)
      await dueDay.set(to)
    } catch (cause) {
      if (!this.#stopping.signal.aborted) log.error('books not reconciled', { cause: String(cause) })
    }
  }
}

function report({ days, rows, drift, threshold, lost }: Reconciliation, log: Log): void {
  const worst = worstDay(rows)
  const several = days.to - days.from > DAY_MS
  const fields = {
    from: dayOf(days.from),
    to: dayOf(days.to - DAY_MS),
    drift_percent: Math.round(worst.percent * 100) / 100,
    ...(several && worst.percent > 0 && { worst_day: dayOf(worst.day) }),
    threshold_percent: threshold,
    requests: drift.booked.requests,
    drift_input_tokens: drift.drift.input,
    drift_output_tokens: drift.drift.output,
    explained: isExplained(drift),
    keys_not_compared: lost.length,
  }
  if (worst.percent > threshold) log.error('ledger and books drift apart', fields)
  else log.info('ledger and books agree', fields)
}

/** Each day is judged by itself, as it would have been in its time: beside many days that are right a wrong one is small. */
function worstDay(rows: Reconciliation['rows']): { readonly day: EpochMs; readonly percent: number } {
  return Array.from(
    Map.groupBy(rows, ({ day }) => day),
    ([day, own]) => ({ day, percent: driftOf(own).percent }),
  ).reduce((worst, one) => (one.percent > worst.percent ? one : worst), { day: 0, percent: 0 })
}

function dayOf(at: EpochMs): string {
  return new Date(at).toISOString().slice(0, 10)
}
