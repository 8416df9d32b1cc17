import { exactCredits } from '../core/exact-json.ts'
import { usedPercent } from '../core/limits.ts'
import type { DueWarning } from '../core/quota.ts'
import { creditsText } from '../core/units.ts'
import type { Gateway } from './gateway.ts'

/** Warnings that nobody has told of: they are counted, too. */
export function tellNewWarnings(
  warnings: readonly DueWarning[],
  { metrics, ...told }: Pick<Gateway, 'log' | 'alerts' | 'metrics'>,
): void {
  for (const { member, window, percent } of warnings) metrics.warned(member, window, percent)
  tellWarnings(warnings, told)
}

/** Tells the administrator which thresholds a settled call has reached: in the log, and wherever alerts go. Waits for nothing. */
export function tellWarnings(warnings: readonly DueWarning[], { log, alerts }: Pick<Gateway, 'log' | 'alerts'>): void {
  for (const { id, at, member, window, percent, settled, limit, resetsAt: resets } of warnings) {
    const resetsAt = resets === undefined ? undefined : new Date(resets).toISOString()
    const facts = { member, window, percent, used_percent: usedPercent({ settled, limit }) }
    const money = { used: creditsText(settled), limit: creditsText(limit) }
    log.warn('quota warning', { event: id, ...facts, ...money, resets_at: resetsAt })
    alerts.send(
      { id, type: 'quota.warning' },
      {
        at: new Date(at).toISOString(),
        ...facts,
        used: exactCredits(settled),
        limit: exactCredits(limit),
        resets_at: resetsAt ?? null,
      },
    )
  }
}
