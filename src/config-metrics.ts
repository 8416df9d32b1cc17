import { z } from 'zod'
import { parseAddress, text } from './config-kinds.ts'
import type { SettledConfig } from './config-shape.ts'

/** The section `[metrics]`. */
export const metrics: z.ZodObject<{ bind_addr: z.ZodDefault<z.ZodString> }, z.core.$strict> = z.strictObject({
  bind_addr: text(
    '',
    'Address and port at which Prometheus reads `GET /metrics` (docs/metrics.md), which names members: not for members; when empty, nothing is counted',
    'empty, or an address with a port, such as "127.0.0.1:9464"; port 0 takes a free one',
    (value) => value === '' || parseAddress(value) !== undefined,
  ),
})

export function metricsOf(values: z.infer<typeof metrics>): SettledConfig['metrics'] {
  return { address: parseAddress(values.bind_addr) }
}
