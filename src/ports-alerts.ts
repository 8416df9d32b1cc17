/** How the administrator hears of what should not wait until the log is read. */
import type { DueWarning } from './core/quota.ts'

export interface AlertEvent {
  /** The same whenever the event is told again. */
  readonly id: string
  readonly type: string
}

export interface Alerts {
  /** Waits for nothing and never throws; `facts` are for JSON, and carry no secrets. */
  send(event: AlertEvent, facts: Readonly<Record<string, unknown>>): void
  /** Whether this process has sent it, and may still hear of it from the outbox. */
  hasSent(id: string): boolean
}

/**
 * Warnings that were due and of which nobody knows yet that they were delivered. They are put into it by the transaction
 * that settles the call which brought them about, and so survive the process.
 */
export interface Outbox {
  /** The oldest first. */
  due(): Promise<readonly DueWarning[]>
  /** It was delivered, or given up. */
  crossOff(id: string): Promise<void>
}
