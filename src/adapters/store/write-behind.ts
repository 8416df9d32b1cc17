import type { DueWarning } from '../../core/quota.ts'
import { LedgerUnavailable, type Log } from '../../ports.ts'
import type { Executor } from './executor.ts'
import { mayPass } from './fault.ts'
import type { Journal } from './journal.ts'
import { textOf, type LedgerRecord } from './records.ts'

/** Records wait so long for others, to go into the database by one commit. */
const GATHER_MS = 50
const MOST_AT_ONCE = 512
/** After the database could not be written. */
const AGAIN_MS = 250

/** Writes records into the journal at once, and into the database soon after, by their order. */
export class WriteBehind {
  readonly #executor: Executor
  readonly #journal: Journal
  readonly #log: Log
  /** The oldest first; what is on its way to the database is still among them. */
  readonly #texts: string[] = []
  #sending: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #failure: Error | undefined
  #onWarnings: (warnings: readonly DueWarning[]) => void = () => undefined
  #toldOfJournal = false
  #closed = false

  constructor(executor: Executor, journal: Journal, log: Log) {
    this.#executor = executor
    this.#journal = journal
    this.#log = log
  }

  /** Whether the record is in the journal, from where it finds its way into the database, whatever becomes of this process. */
  note(record: LedgerRecord): boolean {
    // While the database cannot be written, calls that begin hear of it. What has begun is promised all the same.
    if (this.#closed || (this.isFailing && ('open' in record || 'connected' in record))) return false
    const text = textOf(record)
    if (!this.#journal.append(text)) return this.#refuse()
    if (this.#toldOfJournal) this.#worksAgain()
    this.#texts.push(text)
    if (this.#timer === undefined) this.#plan(GATHER_MS)
    return true
  }

  /** Resolves when the database has all that was noted before; rejects with LedgerUnavailable when that failed just now. */
  async applied(): Promise<void> {
    const wanted = this.#journal.newest
    while (this.#first <= wanted) await this.#send()
  }

  /** Whether the database could not be written the last time. */
  get isFailing(): boolean {
    return this.#failure !== undefined
  }

  /** Whether all that was noted is in the database. */
  get isUpToDate(): boolean {
    return this.#texts.length === 0
  }

  /** Gives out warnings that became due when nobody expected it, as soon as the database says so. */
  onWarnings(act: (warnings: readonly DueWarning[]) => void): void {
    this.#onWarnings = act
  }

  /** Gives out the warnings of what the database does after its caller has given up. */
  hearLater({ later }: LedgerUnavailable): void {
    void later?.then((isDone) => (isDone ? this.#giveOutDue() : undefined))
  }

  /** After what was noted is in the database, if that can be done. */
  async close(): Promise<void> {
    this.#closed = true
    await this.applied().catch((cause: unknown) =>
      this.#log.error('ledger_left_in_journal', { message: String(cause) }),
    )
    clearTimeout(this.#timer)
  }

  /** The number of the oldest record that is not known to be in the database. */
  get #first(): number {
    return this.#journal.newest - this.#texts.length + 1
  }

  get #gatherMs(): number {
    return this.#texts.length < MOST_AT_ONCE ? GATHER_MS : 0
  }

  #send(): Promise<void> {
    this.#sending ??= this.#sendSome().finally(() => {
      this.#sending = undefined
      if (this.#texts.length > 0 && !this.#closed) this.#plan(this.#failure ? AGAIN_MS : this.#gatherMs)
    })
    return this.#sending
  }

  #plan(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#send().catch(() => undefined), ms)
  }

  async #sendSome(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const texts = this.#texts.slice(0, MOST_AT_ONCE)
    if (texts.length === 0) return
    try {
      await this.#apply(texts)
      this.#failure = undefined
    } catch (cause) {
      this.#failure = cause instanceof Error ? cause : new LedgerUnavailable(String(cause))
      throw cause
    }
  }

  async #apply(texts: readonly string[]): Promise<void> {
    try {
      const warnings = await this.#executor.request('apply', this.#first, texts)
      this.#done(texts.length)
      if (warnings.length > 0) this.#onWarnings(warnings)
    } catch (cause) {
      if (cause instanceof LedgerUnavailable) {
        this.hearLater(cause)
        throw cause
      }
      // Its client has seen it completed: it is lost only where it can never be done.
      if (mayPass(cause)) throw new LedgerUnavailable(`the database does not work: ${String(cause)}`, { cause })
      if (texts.length > 1) for (const text of texts) await this.#apply([text])
      else await this.#passOver(cause)
    }
  }

  /** What was applied late is not applied again, and says no more what it brought about; the outbox has it, and what is being told. */
  async #giveOutDue(): Promise<void> {
    const warnings = await this.#executor.request('dueWarnings').catch(() => [])
    if (warnings.length > 0) this.#onWarnings(warnings)
  }

  /** A record that can never be done must not hold up those behind it. */
  async #passOver(cause: unknown): Promise<void> {
    this.#log.error('ledger_record_lost', { record: this.#texts[0], message: String(cause) })
    await this.#executor.request('apply', this.#first, [''])
    this.#done(1)
  }

  #done(count: number): void {
    this.#texts.splice(0, count)
    this.#journal.moved(this.#first - 1)
  }

  #worksAgain(): void {
    this.#toldOfJournal = false
    this.#log.info('journal_works_again')
  }

  #refuse(): boolean {
    const { failure } = this.#journal
    if (failure !== undefined && !this.#toldOfJournal) {
      this.#toldOfJournal = true
      this.#log.error('journal_failed', { message: failure.message })
    }
    return false
  }
}
