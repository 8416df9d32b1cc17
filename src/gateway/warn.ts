import { exactCredits } from '../core/exact-json.ts'
import { usedPercent } from '../core/limits.ts'
import { creditsText } from '../core/units.ts'
import type { Member, Standing } from '../ports.ts'
import type { Gateway } from './gateway.ts'

/** Tells the administrator which thresholds a settled call has reached: in the log, in the metrics, and wherever alerts go. Waits for nothing. */
export function tellWarnings(
  { name: member }: Member,
  { warnings = [] }: Standing,
  { log, alerts, metrics, now }: Pick<Gateway, 'log' | 'alerts' | 'metrics' | 'now'>,
): void {
  for (const { window, percent } of warnings) {
    const resetsAt = window.resetsAt === undefined ? undefined : new Date(window.resetsAt).toISOString()
    const [used, limit] = [window.settled, window.limit]
    const facts = { member, window: window.name, percent, used_percent: usedPercent(window) }
    log.warn('quota warning', { ...facts, used: creditsText(used), limit: creditsText(limit), resets_at: resetsAt })
    metrics.warned(member, window.name, percent)
    alerts.send('quota.warning', {
      at: new Date(now()).toISOString(),
      ...facts,
      used: exactCredits(used),
      limit: exactCredits(limit),
      resets_at: resetsAt ?? null,
    })
  }
}
