/** Compares the ledger with OpenAI's own books. There are no ids of single calls in those: sums are compared. */
import { modelOfLine } from './bill-line.ts'
import { oneName } from './rate-lookup.ts'
import { ALIASES } from './rates.ts'
import type { EpochMs, UpstreamId } from './units.ts'
import type { NanoUsd } from './usd.ts'

export const DAY_MS = 86_400_000

/** What was used; `cached` is a part of `input`. Differences of two may be negative. */
export interface Tally {
  readonly requests: number
  readonly input: number
  readonly cached: number
  readonly output: number
}

export const NOTHING: Tally = { requests: 0, input: 0, cached: 0, output: 0 }

export const MEASURES: readonly (keyof Tally)[] = ['requests', 'input', 'cached', 'output']

/** What OpenAI booked of one key and model on one day (UTC). */
export interface BookedUsage extends Tally {
  readonly day: EpochMs
  readonly project: string | undefined
  readonly apiKeyId: string | undefined
  /** Dated where the model has a date. */
  readonly model: string
}

/** One line of OpenAI's bill. */
export interface BookedCost {
  readonly day: EpochMs
  readonly project: string | undefined
  readonly apiKeyId: string | undefined
  /** Such as `gpt-5.5-2026-04-23, cached input`. */
  readonly lineItem: string
  readonly cost: PicoUsd
}

/** Money as OpenAI bills it: whole trillionths of a US dollar. */
export type PicoUsd = bigint

/** What the ledger has of one upstream key and model: calls that began on one day (UTC). */
export interface LedgerSums {
  readonly day: EpochMs
  readonly upstream: UpstreamId
  /** As it was asked for. */
  readonly model: string | undefined
  /** Of the calls whose usage OpenAI stated. */
  readonly proven: Tally
  /** Of those that were cut short, interrupted, or are open still; their tokens are estimates, or 0. */
  readonly unproven: Tally
  /** Tries that reached OpenAI, failed, and stated no usage: OpenAI may have booked them all the same. */
  readonly failed: number
  /** Calls that ended on a later day: OpenAI may have booked them on that one. */
  readonly overMidnight: number
  /** By the API's prices; undefined where they are not known. */
  readonly usd: { readonly proven: NanoUsd; readonly unproven: NanoUsd } | undefined
}

/** Upstream keys whose usage OpenAI's books tell from that of others, but not from each other's. */
export interface Account {
  /** Their names with `+` between. */
  readonly name: string
  readonly upstreams: readonly UpstreamId[]
  /** How it is found in the books: by the one key's id, or as what of its project is no other account's. */
  readonly by: { readonly apiKeyId: string } | { readonly project: string }
}

/**
 * Whether a day's books are closed: `open` until the day is over, `settling` while usage may still be added to it. `pruned`:
 * they are, but the ledger's side is not whole any more.
 */
export type DayState = 'final' | 'settling' | 'open' | 'pruned'

/** One account, model and day. */
export interface Comparison {
  readonly day: EpochMs
  readonly state: DayState
  readonly account: string
  /** Without its date; of an alias the model that it is a name of. */
  readonly model: string
  readonly booked: Tally
  readonly proven: Tally
  readonly unproven: Tally
  readonly failed: number
  readonly overMidnight: number
  /** What OpenAI bills for it. */
  readonly billed: PicoUsd
  /** What the ledger makes of it, its estimates included; undefined where it knows no price. */
  readonly priced: PicoUsd | undefined
  /** Booked beyond the ledger's figure, its estimates included. */
  readonly drift: Tally
  /** What of the drift the calls that cannot be proven do not explain. */
  readonly unexplained: Tally
}

export function stateOf(day: EpochMs, now: EpochMs, settleMs: number): DayState {
  const end = day + DAY_MS
  if (now < end) return 'open'
  return now < end + settleMs ? 'settling' : 'final'
}

/** Adds `b`, or takes it away. */
export function plus(a: Tally, b: Tally, factor: 1 | -1 = 1): Tally {
  return {
    requests: a.requests + factor * b.requests,
    input: a.input + factor * b.input,
    cached: a.cached + factor * b.cached,
    output: a.output + factor * b.output,
  }
}

export function isNothing(tally: Tally): boolean {
  return MEASURES.every((measure) => tally[measure] === 0)
}

/** Both sides of one comparison, before they are compared. */
type Sides = Pick<Comparison, 'booked' | 'proven' | 'unproven' | 'failed' | 'overMidnight' | 'billed' | 'priced'>

const EMPTY: Sides = {
  booked: NOTHING,
  proven: NOTHING,
  unproven: NOTHING,
  failed: 0,
  overMidnight: 0,
  billed: 0n,
  priced: 0n,
}

const PICO_PER_NANO = 1000n
const NAMES: ReadonlyMap<string, string> = new Map(ALIASES.map(({ name, model }) => [name, model]))

/** Both books and the bill, and the ledger, of the same days. */
export interface Reckoning {
  readonly books: readonly BookedUsage[]
  readonly bill: readonly BookedCost[]
  readonly ledger: readonly LedgerSums[]
}

/** OpenAI books a call under the model that took it up, whatever name it was asked for by. */
function nameIn(model: string): string {
  return oneName(model, NAMES)
}

/** The models that stand in a book of completions, or should: what is billed for others is not the ledger's to compare. */
function compared({ books, ledger }: Reckoning): ReadonlySet<string> {
  return new Set([...books, ...ledger].map(({ model }) => nameIn(model ?? '-')))
}

/** The model to which a line of the bill is compared; undefined of one for something else. */
function modelBilled({ lineItem }: BookedCost, models: ReadonlySet<string>): string | undefined {
  const model = modelOfLine(lineItem)
  if (model === undefined) return undefined
  const name = nameIn(model)
  return models.has(name) ? name : undefined
}

/**
 * By day, account and model. Usage of keys that are no account's is left out (`foreign` has it): an organization has
 * other users.
 */
export function compare(
  accounts: readonly Account[],
  reckoning: Reckoning,
  stateOfDay: (day: EpochMs) => DayState,
): readonly Comparison[] {
  const { books, bill, ledger } = reckoning
  const sides = new Map<string, { day: EpochMs; account: string; model: string } & Sides>()
  const add = (day: EpochMs, account: string, model: string, more: (before: Sides) => Partial<Sides>): void => {
    const name = JSON.stringify([day, account, model])
    const before = sides.get(name) ?? { day, account, model, ...EMPTY }
    sides.set(name, { ...before, ...more(before) })
  }
  for (const line of books) {
    const account = accountIn(accounts, line)
    if (account === undefined) continue
    add(line.day, account.name, nameIn(line.model), (before) => ({ booked: plus(before.booked, line) }))
  }
  const models = compared(reckoning)
  for (const line of bill) {
    const [account, model] = [accountIn(accounts, line), modelBilled(line, models)]
    if (account === undefined || model === undefined) continue
    add(line.day, account.name, model, (before) => ({ billed: before.billed + line.cost }))
  }
  const accountOf = new Map(accounts.flatMap(({ name, upstreams }) => upstreams.map((id) => [id, name] as const)))
  for (const sums of ledger) {
    const account = accountOf.get(sums.upstream)
    if (account === undefined) continue
    add(sums.day, account, nameIn(sums.model ?? '-'), (before) => ({
      proven: plus(before.proven, sums.proven),
      unproven: plus(before.unproven, sums.unproven),
      failed: before.failed + sums.failed,
      overMidnight: before.overMidnight + sums.overMidnight,
      priced: added(before.priced, sums.usd),
    }))
  }
  return Array.from(sides.values(), (one) => judged(one, stateOfDay(one.day))).toSorted(inOrder)
}

function added(before: PicoUsd | undefined, usd: LedgerSums['usd']): PicoUsd | undefined {
  return before === undefined || usd === undefined ? undefined : before + (usd.proven + usd.unproven) * PICO_PER_NANO
}

/** What is billed to the accounts beside the models that are compared: searches, transcriptions, storage. */
export function besides(accounts: readonly Account[], reckoning: Reckoning): PicoUsd {
  const models = compared(reckoning)
  return reckoning.bill
    .filter((line) => accountIn(accounts, line) !== undefined && modelBilled(line, models) === undefined)
    .reduce((sum, { cost }) => sum + cost, 0n)
}

/** Usage in the books that is no account's. */
export function foreign(accounts: readonly Account[], books: readonly BookedUsage[]): Tally {
  return books.filter((line) => accountIn(accounts, line) === undefined).reduce((sum, line) => plus(sum, line), NOTHING)
}

/** The account to which a line of the books belongs. */
export function accountIn(
  accounts: readonly Account[],
  { apiKeyId, project }: Pick<BookedUsage, 'apiKeyId' | 'project'>,
): Account | undefined {
  return (
    accounts.find(({ by }) => 'apiKeyId' in by && by.apiKeyId === apiKeyId) ??
    accounts.find(({ by }) => 'project' in by && by.project === project)
  )
}

function judged(sides: Pick<Comparison, 'day' | 'account' | 'model'> & Sides, state: DayState): Comparison {
  const { booked, proven, unproven, failed } = sides
  const drift = plus(plus(booked, proven, -1), unproven, -1)
  const explained = canBe(plus(booked, proven, -1), unproven.requests + failed)
  return { ...sides, state, drift, unexplained: explained ? NOTHING : drift }
}

/**
 * Whether what is booked beyond the proven calls can be that of so many which cannot be proven: no more requests, no
 * tokens without a request, and nothing less than was proven.
 */
function canBe(rest: Tally, calls: number): boolean {
  if (MEASURES.some((measure) => rest[measure] < 0)) return false
  return rest.requests === 0 ? isNothing(rest) : rest.requests <= calls
}

function inOrder(a: Comparison, b: Comparison): number {
  return a.day - b.day || order(a.account, b.account) || order(a.model, b.model)
}

function order(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}
