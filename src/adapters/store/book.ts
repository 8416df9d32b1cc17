import {
  judge,
  type Hold,
  type QuotaWindow,
  type Standing,
  type Verdict,
  type WindowStanding,
} from '../../core/quota.ts'
import type { EpochMs, NanoCredits } from '../../core/units.ts'
import { reachedIn } from '../../core/warnings.ts'
import type { KnownMember, WindowRow } from './memory.ts'
import { anchoredStanding } from './standing.ts'
import { openAt } from './windows.ts'

/** Which windows a call was admitted in: their names, and when they were opened. */
export type AdmittedIn = readonly Pick<WindowStanding, 'name' | 'openedAt'>[]

/** The ledger can hold no more, and says so. */
const MOST_KEPT: NanoCredits = 2n ** 63n - 1n

/**
 * A member's windows as the database has them once everything that was promised is in it: by them a call is judged and
 * settled without asking. What is out of the ordinary it does not answer.
 */
export class Book {
  readonly #known: KnownMember
  readonly #warnAt: readonly number[]

  constructor(known: KnownMember, warnAt: readonly number[]) {
    this.#known = known
    this.#warnAt = warnAt
  }

  /** Undefined unless the call may go and each of its windows is open: all else is for the ledger to say. */
  judge(windows: readonly QuotaWindow[], heldBefore: readonly Hold[], at: EpochMs): Admitted | undefined {
    const open = openAt(this.#known, at)
    if (windows.some(({ name, rolling }) => rolling === true || !open.windows.has(name))) return undefined
    const standing = { windows: windows.map((window) => anchoredStanding(window, open)) }
    const verdict = judge(standing, heldBefore, at)
    return verdict.state === 'admitted' ? verdict : undefined
  }

  /** The windows as they will stand once a call is charged so much; undefined where the ledger would tell more than that. */
  settled(call: AdmittedIn, credits: NanoCredits, at: EpochMs): Standing | undefined {
    const open = openAt(this.#known, at)
    const { quotas } = this.#known
    if (quotas.some(({ rolling }) => rolling === true)) return undefined
    const windows = quotas.map((quota) => {
      const row = open.windows.get(quota.name)
      const before = anchoredStanding(quota, open)
      return row && isIn(call, row) ? { ...before, settled: before.settled + credits } : before
    })
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
  }

  /** So its windows stood when the ledger looked, which has told of all that they had reached. */
  told({ windows }: Standing): void {
    for (const window of windows) {
      const row = this.#known.windows.find(({ name, openedAt }) => name === window.name && openedAt === window.openedAt)
      if (row) row.warned = reachedIn(window, row.warned, this.#warnAt).at(-1)?.percent ?? row.warned
    }
  }
}

type Admitted = Extract<Verdict, { state: 'admitted' }>

function isIn(call: AdmittedIn, { name, openedAt }: WindowRow): boolean {
  return call.some((window) => window.name === name && window.openedAt === openedAt)
}
