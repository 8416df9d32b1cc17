import type { Standing, WindowName, WindowStanding } from './quota.ts'
import type { NanoCredits } from './units.ts'

/**
 * The member's windows as Codex reads them: used percent (of settled spend), length in minutes, reset in unix
 * seconds. Unlimited windows are left out; with none left, there is nothing to say.
 */
export function limitHeaders(standing: Standing): string[] {
  const limits: string[] = []
  for (const [place, window] of placed(standing)) {
    const family = `x-codex-${place}`
    limits.push(`${family}-used-percent`, String(usedPercent(window)))
    limits.push(`${family}-window-minutes`, String(window.lengthMs / 60_000))
    if (window.resetsAt !== undefined) limits.push(`${family}-reset-at`, String(Math.ceil(window.resetsAt / 1000)))
  }
  if (limits.length > 0) limits.push('x-codex-limit-name', 'codex')
  return limits
}

type Place = 'primary' | 'secondary'

/**
 * Codex has room for two windows: the one of 5 hours, or of a day where there is none, and that of a week, or else of a
 * month. It tells them by their lengths.
 */
function placed({ windows }: Standing): readonly (readonly [Place, WindowStanding])[] {
  const limited = (name: WindowName): WindowStanding | undefined =>
    windows.find((window) => window.name === name && window.limit > 0n)
  const [primary, secondary] = [limited('5h') ?? limited('daily'), limited('weekly') ?? limited('monthly')]
  return [
    ...(primary ? [['primary', primary] as const] : []),
    ...(secondary ? [['secondary', secondary] as const] : []),
  ]
}

/** Of the limit, with two decimals, rounded down, so that 100 means spent; never above 100. Not for an unlimited window. */
export function usedPercent(window: Pick<WindowStanding, 'settled' | 'limit'>): number {
  const hundredths = (window.settled * 10_000n) / window.limit
  return Number(hundredths > 10_000n ? 10_000n : hundredths) / 100
}

/**
 * The member's windows as Codex reads them from a WebSocket (`codex.rate_limits`): used percent of settled spend, length
 * in minutes, reset in unix seconds. Undefined where no window is limited.
 */
export function limitEvent(standing: Standing): string | undefined {
  const windows = new Map(
    placed(standing).map(([place, window]) => [
      place,
      {
        used_percent: usedPercent(window),
        window_minutes: window.lengthMs / 60_000,
        reset_at: window.resetsAt === undefined ? null : Math.ceil(window.resetsAt / 1000),
      },
    ]),
  )
  if (windows.size === 0) return undefined
  return JSON.stringify({
    type: 'codex.rate_limits',
    rate_limits: { primary: windows.get('primary') ?? null, secondary: windows.get('secondary') ?? null },
    metered_limit_name: 'codex',
  })
}

/** What is left for calls to come, those that are open taken off. */
export function leftIn({ limit, settled, held }: WindowStanding & { readonly held: NanoCredits }): NanoCredits {
  const left = limit - settled - held
  return left > 0n ? left : 0n
}
