import { exactCredits } from '../core/exact-json.ts'
import { usedPercent } from '../core/limits.ts'
import type { DueWarning } from '../core/quota.ts'
import { creditsText } from '../core/units.ts'
import type { Gateway } from './gateway.ts'

/**
 * Tells of warnings for the first time: they are counted, too. Those that this process has told of are passed over: whoever does not
 * know whether anybody heard what a settlement brought about asks for all that is due.
 */
export function tellNewWarnings(
  due: readonly DueWarning[],
  { metrics, ...told }: Pick<Gateway, 'log' | 'alerts' | 'metrics'>,
): void {
  const warnings = due.filter(({ id }) => !told.alerts.hasSent(id))
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
