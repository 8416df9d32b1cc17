import { z } from 'zod'
import { days } from './config-kinds.ts'
import type { SettledConfig } from './config-shape.ts'

type NumberSetting = z.ZodDefault<z.ZodNumber>
type RetentionName = 'calls_days' | 'connections_days'

/** The section `[retention]`. */
export const retention: z.ZodObject<Readonly<Record<RetentionName, NumberSetting>>, z.core.$strict> = z.strictObject({
  calls_days: days(0, 'Days for which each call is kept (0 = for ever); sums for reports stay'),
  connections_days: days(0, 'Days for which each WebSocket is kept (0 = for ever); sums for reports stay'),
})

export function retentionOf(values: Readonly<Record<RetentionName, number>>): SettledConfig['retention'] {
  return { callsDays: values.calls_days, connectionsDays: values.connections_days }
}
