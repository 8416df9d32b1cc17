import { MINUTE_MS } from './calendar.ts'
import { judge, type QuotaWindow, type WindowName, type WindowStanding } from './quota.ts'
import type { EpochMs, NanoCredits } from './units.ts'

/** A call that has been, as far as quotas are concerned. */
export interface PastCall {
  readonly admittedAt: EpochMs
  readonly endedAt: EpochMs
  readonly credits: NanoCredits
  /** False for warm-ups. */
  readonly opensWindows: boolean
}

/** What was settled in a window so far, and when it ends; one that rolls keeps what may still leave it. */
interface Filling {
  settled: NanoCredits
  readonly openedAt: EpochMs
  readonly resetsAt: EpochMs
}

interface Settlement {
  readonly at: EpochMs
  readonly credits: NanoCredits
  readonly into: readonly Filling[]
}

/** Spend of a window that rolls, and when it leaves it. */
interface Leaving {
  readonly at: EpochMs
  readonly credits: NanoCredits
}

/** When enough has left a spent window for it to have room; undefined for another. */
function roomAgain(leaving: readonly Leaving[], settled: NanoCredits, limit: NanoCredits): EpochMs | undefined {
  if (settled < limit) return undefined
  let left = settled
  for (const { at, credits } of leaving) {
    left -= credits
    if (left < limit) return at
  }
  return undefined
}

/**
 * Goes once more through the calls of one member, in the order of their admission, under other limits. What would have
 * been refused would not have been spent. Calls that waited for room that others held count as admitted at once.
 */
export class Replay {
  readonly #windows: readonly QuotaWindow[]
  readonly #open = new Map<WindowName, Filling>()
  /** Of windows that roll: spend by the time at which it leaves them, the first first. */
  readonly #leaving = new Map<WindowName, Leaving[]>()
  /** Of calls that still run, the first to end last. */
  readonly #pending: Settlement[] = []

  constructor(windows: readonly QuotaWindow[]) {
    this.#windows = windows
  }

  /** The window that would have refused the call; undefined when it would have been let in. */
  take({ admittedAt: at, endedAt, credits, opensWindows }: PastCall): WindowName | undefined {
    this.#settleUntil(at)
    const verdict = judge({ windows: this.#windows.map((window) => this.#standing(window, at)) }, [], at)
    if (verdict.state === 'spent') return verdict.window.name
    const into = this.#windows.flatMap((window) => this.#filling(window, at, opensWindows) ?? [])
    this.#expect({ at: endedAt, credits, into })
    return undefined
  }

  #settleUntil(now: EpochMs): void {
    for (let next = this.#pending.at(-1); next && next.at <= now; next = this.#pending.at(-1)) {
      this.#pending.pop()
      for (const filling of next.into) filling.settled += next.credits
      for (const { name, lengthMs, rolling } of this.#windows) {
        if (rolling !== true) continue
        this.#rolling(name).settled += next.credits
        // With its minute, as where it is enforced.
        const minute = next.at - (next.at % MINUTE_MS)
        this.#leavingOf(name).push({ at: minute + lengthMs + MINUTE_MS, credits: next.credits })
      }
    }
  }

  #expect(settlement: Settlement): void {
    const at = this.#pending.findLastIndex((other) => other.at > settlement.at)
    this.#pending.splice(at + 1, 0, settlement)
  }

  #standing(window: QuotaWindow, now: EpochMs): WindowStanding {
    if (window.rolling === true) {
      const filling = this.#rolling(window.name)
      const leaving = this.#leavingOf(window.name)
      const gone = leaving.findIndex((spend) => spend.at > now)
      for (const { credits } of leaving.splice(0, gone === -1 ? leaving.length : gone)) filling.settled -= credits
      const { settled } = filling
      return { ...window, settled, openedAt: undefined, resetsAt: roomAgain(leaving, settled, window.limit) }
    }
    const filling = this.#open.get(window.name)
    const open = filling && filling.resetsAt > now ? filling : undefined
    return { ...window, settled: open?.settled ?? 0n, openedAt: open?.openedAt, resetsAt: open?.resetsAt }
  }

  /** The window that is open, or opens with this call. */
  #filling({ name, lengthMs, rolling }: QuotaWindow, at: EpochMs, opens: boolean): Filling | undefined {
    if (rolling === true) return undefined
    const filling = this.#open.get(name)
    if (filling && filling.resetsAt > at) return filling
    if (!opens) return undefined
    const opened = { settled: 0n, openedAt: at, resetsAt: at + lengthMs }
    this.#open.set(name, opened)
    return opened
  }

  #rolling(name: WindowName): Filling {
    const filling = this.#open.get(name) ?? { settled: 0n, openedAt: 0, resetsAt: 0 }
    this.#open.set(name, filling)
    return filling
  }

  #leavingOf(name: WindowName): Leaving[] {
    const leaving = this.#leaving.get(name) ?? []
    this.#leaving.set(name, leaving)
    return leaving
  }
}
