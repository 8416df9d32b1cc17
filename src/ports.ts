/** What the gateway asks of the world. Adapters implement these; tests fake them. */
import type { EpochMs } from './core/units.ts'

export type { HeaderList } from './core/headers.ts'
export type { Outcome, Pulse } from './core/health.ts'
export type { Hold, Standing, Verdict } from './core/quota.ts'
export * from './ports-alerts.ts'
export * from './ports-books.ts'
export * from './ports-calls.ts'
export * from './ports-coordinator.ts'
export * from './ports-directory.ts'
export * from './ports-exchange.ts'
export * from './ports-ledger.ts'
export * from './ports-metrics.ts'
export * from './ports-rates.ts'
export * from './ports-quota.ts'
export * from './ports-retention.ts'
export * from './ports-socket.ts'
export * from './ports-usage.ts'

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

/** One structured line per event. Fields are an allow-list chosen by the caller; secrets and bodies never enter. */
export interface Log {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

export type Clock = () => EpochMs
