import type { WindowStanding } from './quota.ts'
import type { EpochMs } from './units.ts'

/** When a window is spent if the member goes on as it did so far; undefined when it lasts until its reset, or is spent. */
export function runsOutAt({ limit, settled, openedAt, resetsAt }: WindowStanding, now: EpochMs): EpochMs | undefined {
  if (openedAt === undefined || resetsAt === undefined || limit === 0n || settled === 0n || settled >= limit) {
    return undefined
  }
  const left = limit - settled
  const lastsMs = (left * BigInt(Math.max(1, now - openedAt)) + settled - 1n) / settled
  return lastsMs < BigInt(resetsAt - now) ? now + Number(lastsMs) : undefined
}
