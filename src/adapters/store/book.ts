import {
  judge,
  type Hold,
  type QuotaWindow,
  type Standing,
  type Verdict,
  type WindowStanding,
} from '../../core/quota.ts'
import type { EpochMs, MemberId, NanoCredits } from '../../core/units.ts'
import { reachedIn } from '../../core/warnings.ts'
import type { Scribe } from './calls.ts'
import type { KnownMember, WindowRow } from './memory.ts'
import { readRolls, Rolls, type KnownRolls } from './rolls.ts'
import type { Script } from './sql.ts'
import { anchoredStanding, besideOf } from './standing.ts'
import { openAt, recallMember, type OpenWindows } from './windows.ts'

/** Which windows a call was admitted in: their names, and when they were opened. */
export type AdmittedIn = readonly Pick<WindowStanding, 'name' | 'openedAt'>[]

/** The ledger can hold no more, and says so. */
const MOST_KEPT: NanoCredits = 2n ** 63n - 1n

/** What the database says of a member. */
export interface KnownBook {
  readonly known: KnownMember
  readonly rolls: KnownRolls | undefined
}

export function* readBook(
  { memory, quota }: Pick<Scribe, 'memory' | 'quota'>,
  member: MemberId,
  at: EpochMs,
): Script<KnownBook> {
  const known = yield* recallMember(memory, member, quota, at)
  return { known, rolls: yield* readRolls(member, known.quotas, at) }
}

/**
 * A member's windows as the database has them once everything that was promised is in it: by them a call is judged and
 * settled without asking. What is out of the ordinary it does not answer.
 */
export class Book {
  readonly #known: KnownMember
  readonly #rolls: Rolls | undefined
  readonly #warnAt: readonly number[]

  constructor({ known, rolls }: KnownBook, warnAt: readonly number[]) {
    this.#known = known
    this.#rolls = rolls && new Rolls(rolls)
    this.#warnAt = warnAt
  }

  /** Undefined unless the call may go and each of its windows is open: all else is for the ledger to say. */
  judge(quotas: readonly QuotaWindow[], heldBefore: readonly Hold[], at: EpochMs): Admitted | undefined {
    const open = openAt(this.#known, at)
    if (quotas.some(({ name }) => !open.windows.has(name))) return undefined
    const windows = all(quotas.map((quota) => this.#standing(quota, open, at, 0n)))
    const verdict = windows && judge({ windows }, heldBefore, at)
    return verdict?.state === 'admitted' ? verdict : undefined
  }

  /** The windows as they will stand once a call is charged so much; undefined where the ledger would tell more than that. */
  settled(call: AdmittedIn, credits: NanoCredits, at: EpochMs): Standing | undefined {
    const open = openAt(this.#known, at)
    const windows = all(
      this.#known.quotas.map((quota) => {
        const row = open.windows.get(quota.name)
        return this.#standing(quota, open, at, quota.rolling === true || (row && isIn(call, row)) ? credits : 0n)
      }),
    )
    if (!windows) return undefined
    const isDue = (window: WindowStanding): boolean => {
      const told = open.windows.get(window.name)?.warned
      return told !== undefined && reachedIn(window, told, this.#warnAt).length > 0
    }
    if (credits > MOST_KEPT || windows.some((window) => window.settled > MOST_KEPT || isDue(window))) return undefined
    return { windows, charged: credits, warnings: [] }
  }

  /** A call of the member's was charged. */
  charge(call: AdmittedIn, credits: NanoCredits): void {
    for (const row of this.#known.windows) if (isIn(call, row)) row.settled += credits
    this.#rolls?.add(credits)
  }

  /** So its windows stood when the ledger looked, which has told of all that they had reached. */
  told({ windows }: Standing): void {
    for (const window of windows) {
      const row = this.#known.windows.findLast(
        ({ name, openedAt }) => name === window.name && (window.rolling === true || openedAt === window.openedAt),
      )
      if (row) row.warned = reachedIn(window, row.warned, this.#warnAt).at(-1)?.percent ?? row.warned
    }
  }

  /** Once so much more is settled in it. */
  #standing(quota: QuotaWindow, open: OpenWindows, at: EpochMs, more: NanoCredits): WindowStanding | undefined {
    if (quota.rolling === true) return this.#rolls?.standing(quota, besideOf(quota, open), at, more)
    const before = anchoredStanding(quota, open)
    return { ...before, settled: before.settled + more }
  }
}

/** Undefined where any of them is. */
function all<T>(things: readonly (T | undefined)[]): readonly T[] | undefined {
  const known = things.filter((thing) => thing !== undefined)
  return known.length === things.length ? known : undefined
}

type Admitted = Extract<Verdict, { state: 'admitted' }>

function isIn(call: AdmittedIn, { name, openedAt }: WindowRow): boolean {
  return call.some((window) => window.name === name && window.openedAt === openedAt)
}
