import type { EpochMs, NanoCredits } from './units.ts'

interface Paced {
  readonly limit: NanoCredits
  readonly settled: NanoCredits
  readonly lengthMs: number
  /** Since when what is in the window was spent. */
  readonly since: EpochMs | undefined
  readonly resetsAt: EpochMs | undefined
}

/**
 * When a window is spent if the member goes on as it did so far; undefined when it lasts until its reset (one that rolls:
 * until the first of its spend leaves it), or is spent.
 */
export function runsOutAt({ limit, settled, lengthMs, since, resetsAt }: Paced, now: EpochMs): EpochMs | undefined {
  if (since === undefined || limit === 0n || settled === 0n || settled >= limit) return undefined
  const left = limit - settled
  const lastsMs = (left * BigInt(Math.max(1, now - since)) + settled - 1n) / settled
  return lastsMs < BigInt((resetsAt ?? since + lengthMs) - now) ? now + Number(lastsMs) : undefined
}
