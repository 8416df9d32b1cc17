import type { Standing } from './quota.ts'

/**
 * The member's windows as Codex reads them from a WebSocket (`codex.rate_limits`): used percent of settled spend, length
 * in minutes, reset in unix seconds. Undefined where no window is limited.
 */
export function limitEvent(standing: Standing): string | undefined {
  const windows = new Map(
    standing.windows
      .filter(({ limit }) => limit > 0n)
      .map((window) => [
        window.name === '5h' ? 'primary' : 'secondary',
        {
          used_percent: Number((window.settled * 10_000n) / window.limit) / 100,
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
