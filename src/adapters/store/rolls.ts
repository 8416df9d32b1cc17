import type { QuotaWindow, WindowName, WindowStanding } from '../../core/quota.ts'
import type { EpochMs, MemberId, NanoCredits } from '../../core/units.ts'
import { lastGone, rolled, totalNow, type Beside } from './rolling.ts'
import { big, int, sql, type Script } from './sql.ts'

/**
 * So far ahead it is read what will leave a window. All of it was spent hours ago, for no window is shorter, and stays what it
 * is unless the member's calls are priced anew.
 */
const AHEAD_MS = 3_600_000

interface Total {
  readonly minute: EpochMs
  readonly credits: NanoCredits
}

/** A member's running totals, as far as its windows that roll need them until some instant. */
export interface KnownRolls {
  readonly total: NanoCredits
  /** Of each window the totals that were gone from it, or will be, the oldest first. */
  readonly leaving: ReadonlyMap<WindowName, readonly Total[]>
  readonly until: EpochMs
}

/** Undefined where no window of the member's rolls. */
export function* readRolls(
  member: MemberId,
  windows: readonly QuotaWindow[],
  now: EpochMs,
): Script<KnownRolls | undefined> {
  const rolling = windows.filter((window) => window.rolling === true)
  if (rolling.length === 0) return undefined
  const until = now + AHEAD_MS
  const leaving = new Map<WindowName, readonly Total[]>()
  for (const { name, lengthMs } of rolling) {
    const rows = yield sql`
      SELECT minute, total FROM spend
      WHERE member = ${member} AND minute <= ${lastGone(lengthMs, until)} AND minute >= COALESCE(
        (SELECT MAX(minute) FROM spend WHERE member = ${member} AND minute <= ${lastGone(lengthMs, now)}), 0)
      ORDER BY minute`
    leaving.set(
      name,
      rows.map((row) => ({ minute: int(row, 'minute'), credits: big(row, 'total') })),
    )
  }
  return { total: yield* totalNow(member), leaving, until }
}

/** Windows that roll, reckoned without the database. */
export class Rolls {
  readonly #known: KnownRolls
  #total: NanoCredits

  constructor(known: KnownRolls) {
    this.#known = known
    this.#total = known.total
  }

  /**
   * The window as it stands once `more` is spent. Undefined where the database has to say it: too much time has gone by, or the
   * window is spent, and only there it stands when it will not be any more.
   */
  standing(window: QuotaWindow, beside: Beside, at: EpochMs, more: NanoCredits): WindowStanding | undefined {
    const { name, lengthMs } = window
    const leaving = this.#known.leaving.get(name)
    if (!leaving || at > this.#known.until) return undefined
    const gone = leaving.findLast(({ minute }) => minute <= lastGone(lengthMs, at))?.credits ?? 0n
    const { limit, settled, isSpent } = rolled(window, beside, { total: this.#total + more, gone })
    if (isSpent) return undefined
    return { name, lengthMs, limit, settled, rolling: true, openedAt: undefined, resetsAt: undefined }
  }

  add(credits: NanoCredits): void {
    this.#total += credits
  }
}
