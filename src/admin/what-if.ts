import { windowsFor } from '../core/member-windows.ts'
import { NO_RULES, type WindowMode, type WindowName } from '../core/quota.ts'
import { Replay } from '../core/replay.ts'
import type { EpochMs, NanoCredits } from '../core/units.ts'
import type { Quotas } from '../ports.ts'
import { WrongUse } from './wrong-use.ts'

/** Limits to be tried on what has been; 0 = unlimited. */
export interface Trial {
  readonly fiveHourQuota: NanoCredits
  readonly dailyQuota: NanoCredits
  readonly weeklyQuota: NanoCredits
  readonly monthlyQuota: NanoCredits
  readonly quotaWindow: WindowMode
}

/** A stretch of time in which every call of a member would have been refused. */
export interface RefusedStretch {
  readonly member: string
  readonly window: WindowName
  /** Of the first and of the last call. */
  readonly from: EpochMs
  to: EpochMs
  calls: number
  /** What they did cost. */
  credits: NanoCredits
}

const PAGE = 5000

interface Tried {
  readonly replay: Replay
  stretch: RefusedStretch | undefined
}

/** Who would have been refused, and when, if every member had had these limits since then; the earliest stretch first. */
export async function whatIf(quotas: Quotas, trial: Trial, since: EpochMs): Promise<readonly RefusedStretch[]> {
  const windows = windowsFor(trial, NO_RULES)
  if (windows.every(({ limit }) => limit === 0n)) throw new WrongUse('nothing to try: give a limit above 0')
  const members = new Map<string, Tried>()
  const stretches: RefusedStretch[] = []
  for (let after = 0; ;) {
    const page = await quotas.past({ since, after, limit: PAGE })
    for (const call of page) {
      const { member, credits, admittedAt: at } = call
      const tried = members.get(member) ?? { replay: new Replay(windows), stretch: undefined }
      members.set(member, tried)
      const window = tried.replay.take(call)
      if (window === undefined) tried.stretch = undefined
      else if (tried.stretch?.window === window) {
        tried.stretch.to = at
        tried.stretch.calls += 1
        tried.stretch.credits += credits
      } else {
        tried.stretch = { member, window, from: at, to: at, calls: 1, credits }
        stretches.push(tried.stretch)
      }
    }
    const last = page.at(-1)
    if (!last || page.length < PAGE) return stretches
    after = last.seq
  }
}
