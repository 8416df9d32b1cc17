import { accountsOf, type BookedKey } from '../core/accounts.ts'
import { driftOf, type Drift } from '../core/drift.ts'
import {
  besides,
  compare,
  DAY_MS,
  foreign,
  stateOf,
  type Account,
  type BookedCost,
  type BookedUsage,
  type Comparison,
  type DayState,
  type LedgerSums,
  type PicoUsd,
  type Tally,
} from '../core/reconcile.ts'
import type { EpochMs, UpstreamId } from '../core/units.ts'
import { BooksUnavailable, type AdminKeys, type Books, type Days } from '../ports.ts'
import type { LedgerDays, LedgerReport, Registry, Upstream } from '../ports.ts'
import { WrongUse } from './wrong-use.ts'

/** What reconciling needs of the world. */
export interface BothBooks {
  readonly adminKeys: Pick<AdminKeys, 'list'>
  readonly registry: Pick<Registry, 'upstreams'>
  readonly ledgerSums: LedgerReport
  readonly books: Books
}

export interface ReconcileOptions {
  readonly days: Days
  readonly now: EpochMs
  /** How long after a day's end its books may still grow. */
  readonly settleMs: number
  /** In percent. */
  readonly threshold: number
  readonly signal: AbortSignal
}

/** What came out. */
export interface Reconciliation {
  readonly days: Days
  readonly threshold: number
  readonly accounts: readonly Account[]
  readonly rows: readonly Comparison[]
  readonly drift: Drift
  /** Whether the drift of the days that are final is above the threshold. */
  readonly over: boolean
  /** Usage in the same organizations that is not the gateway's. */
  readonly foreign: Tally
  /** What the accounts are billed beside the models that are compared. */
  readonly besides: PicoUsd
  /** Upstream keys that were not compared: their names, and why. */
  readonly lost: readonly { readonly name: string; readonly why: string }[]
}

/**
 * Compares the ledger with the books of every organization that there is an admin key for. Throws WrongUse when there is
 * none, or no upstream key stands in those books, for no drift would be found then either; and BooksUnavailable when
 * one cannot be read: half of the books would show a drift that is none.
 */
export async function reconcile(both: BothBooks, options: ReconcileOptions): Promise<Reconciliation> {
  const { days, now, settleMs, threshold } = options
  const adminKeys = (await both.adminKeys.list()).filter(({ enabled }) => enabled)
  if (adminKeys.length === 0) throw new WrongUse('there is no enabled OpenAI admin key: give one with set-admin-key')
  const upstreams = await both.registry.upstreams()
  const read = await readBooks(both.books, adminKeys, upstreams, options)
  const { accounts, lost } = accountsOf(upstreams.map((upstream) => bookedKey(upstream, read)))
  const covered = accounts.filter((account) => isCovered(account, upstreams, read))
  const left = [
    ...lost.map(({ name }) => ({ name, why: 'its project is not known: give --api-key-id or --project' })),
    ...accounts
      .filter((account) => !covered.includes(account))
      .map(({ name }) => ({ name, why: 'no admin key reads the books of its organization' })),
  ]
  if (covered.length === 0) throw new WrongUse(`there is nothing to compare: ${whyNothing(left)}`)
  const { sums: ledger, lost: gone } = await sumsByDay(both, options)
  const stateOfDay = (day: EpochMs): DayState => (gone.includes(day) ? 'pruned' : stateOf(day, now, settleMs))
  const reckoning = { ...read, ledger }
  const rows = compare(covered, reckoning, stateOfDay)
  const drift = driftOf(rows)
  return {
    days,
    threshold,
    accounts: covered,
    rows,
    drift,
    over: drift.percent > threshold,
    foreign: foreign(covered, read.books),
    besides: besides(covered, reckoning),
    lost: left,
  }
}

function whyNothing(left: Reconciliation['lost']): string {
  return left.map(({ name, why }) => `${name}: ${why}`).join('; ') || 'no upstream key was added'
}

/** One day at a time: a year at once would keep the store's thread for a minute, and other reports from it. */
async function sumsByDay({ ledgerSums }: BothBooks, { days, signal }: ReconcileOptions): Promise<LedgerDays> {
  const [sums, lost]: [LedgerSums[], EpochMs[]] = [[], []]
  for (let day = days.from; day < days.to; day += DAY_MS) {
    signal.throwIfAborted()
    const found = await ledgerSums({ from: day, to: day + DAY_MS })
    sums.push(...found.sums)
    lost.push(...found.lost)
  }
  return { sums, lost }
}

/** All that was read of all organizations. */
interface ReadBooks {
  readonly books: readonly BookedUsage[]
  readonly bill: readonly BookedCost[]
  readonly projects: ReadonlySet<string>
  readonly found: ReadonlyMap<UpstreamId, { readonly apiKeyId: string; readonly project: string }>
}

async function readBooks(
  books: Books,
  adminKeys: Awaited<ReturnType<AdminKeys['list']>>,
  upstreams: readonly Upstream[],
  { days, signal }: ReconcileOptions,
): Promise<ReadBooks> {
  // An organization may have more lines than a call can have arguments.
  let [usage, bill]: [readonly BookedUsage[], readonly BookedCost[]] = [[], []]
  const projects = new Set<string>()
  const found = new Map<UpstreamId, { readonly apiKeyId: string; readonly project: string }>()
  for (const key of adminKeys) {
    try {
      const keys = await books.keys(key, upstreams, signal)
      for (const project of keys.projects) projects.add(project)
      for (const [id, one] of keys.found) found.set(id, one)
      usage = usage.concat(await books.usage(key, days, signal))
      bill = bill.concat(await books.costs(key, days, signal))
    } catch (cause) {
      if (!(cause instanceof BooksUnavailable)) throw cause
      throw new BooksUnavailable(`books of ${key.organization}: ${cause.message}`, { cause })
    }
  }
  return { books: usage, bill, projects, found }
}

function bookedKey({ id, name, apiKeyId, project }: Upstream, { found }: ReadBooks): BookedKey {
  const shown = found.get(id)
  return { id, name, apiKeyId: apiKeyId ?? shown?.apiKeyId, project: shown?.project ?? project }
}

/** Whether books that were read would have the account's usage if there was any. */
function isCovered(account: Account, upstreams: readonly Upstream[], read: ReadBooks): boolean {
  const { by } = account
  if ('project' in by) return read.projects.has(by.project)
  const own = upstreams.filter(({ id }) => account.upstreams.includes(id))
  return (
    own.some(({ id, project }) => read.found.has(id) || (project !== undefined && read.projects.has(project))) ||
    read.books.some(({ apiKeyId }) => apiKeyId === by.apiKeyId)
  )
}
