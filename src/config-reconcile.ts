import { z } from 'zod'
import { clockTime, percentage, secs } from './config-kinds.ts'
import type { SettledConfig } from './config-shape.ts'

type NumberSetting = z.ZodDefault<z.ZodNumber>

/** The section `[reconcile]`. */
export const reconcile: z.ZodObject<
  { daily_at: z.ZodDefault<z.ZodString>; threshold_percent: NumberSetting; settle_secs: NumberSetting },
  z.core.$strict
> = z.strictObject({
  daily_at: clockTime(
    '',
    'When the serving gateway compares its ledger with OpenAI’s books each day, in UTC; empty: never',
  ),
  threshold_percent: percentage(
    2,
    'How far the two may be apart: more is an error in the log, and exit code 1 of `admin reconcile`',
  ),
  settle_secs: secs(14_400, 'How long after its end OpenAI may still add to a day: until then it is not judged'),
})

/** In the gateway's own units. */
export function reconcileOf(values: z.infer<typeof reconcile>): SettledConfig['reconcile'] {
  const [, hours, minutes] = /^(\d\d):(\d\d)$/.exec(values.daily_at) ?? []
  return {
    dailyAtMs: hours === undefined ? undefined : (Number(hours) * 60 + Number(minutes)) * 60_000,
    threshold: values.threshold_percent,
    settleMs: values.settle_secs * 1000,
  }
}
