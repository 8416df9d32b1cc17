import type { Reason } from './cooldown.ts'
import type { EpochMs } from './units.ts'

/** What one try says about the key that made it. */
export type Outcome =
  | {
      readonly kind: 'ok'
      readonly organization: string | undefined
      readonly project: string | undefined
      readonly model: string | undefined
    }
  /**
   * A good response head: its limits and its host let the key through, and others need not wait for the end of what
   * may be a long stream. Failures in a row are forgotten only when an answer comes whole.
   */
  | { readonly kind: 'answering' }
  /** Says nothing about the key (a client's bad request, a client that left). */
  | { readonly kind: 'neutral' }
  /** A small penalty; several in a row cool the key. */
  | { readonly kind: 'penalty' }
  /** A rate limit of the key's project for this model. */
  | { readonly kind: 'cool'; readonly model: string | undefined; readonly forMs: number | undefined }
  /** The whole upstream host is overloaded: a short pause for all of its keys. */
  | { readonly kind: 'overloaded'; readonly forMs: number | undefined }
  /** The key's project cannot serve this model (or this tier of it). */
  | { readonly kind: 'exclude'; readonly model: string | undefined; readonly serviceTier: string | undefined }
  /** 401: one more confirms it. */
  | { readonly kind: 'unauthorized' }
  /** Billing or region: everything of the organization (or project) is out until a slow probe succeeds. */
  | { readonly kind: 'disable'; readonly scope: 'organization' | 'project'; readonly reason: 'billing' | 'region' }

/** A key's health as people see it. */
export interface Pulse {
  readonly state: 'healthy' | 'cooling' | 'probing' | 'disabled'
  /** Why it is not healthy: a stable word such as `rate_limit`, `failures`, `unauthorized`, `billing`, `region`, `overloaded`. */
  readonly reason: string | undefined
  readonly until: EpochMs | undefined
  readonly inFlight: number
  readonly failuresInRow: number
}

/** What a call wants of a key. */
export interface Want {
  readonly model: string | undefined
  readonly serviceTier: string | undefined
}

export interface HealthSettings {
  /** Penalties in a row that cool a key. */
  readonly maxFailures: number
  /** For how long they do. */
  readonly cooldownMs: number
  /** How often a probe tries what needs an administrator. */
  readonly slowProbeMs?: number
  /** How long a probe may keep others waiting before it counts as lost. */
  readonly probeMs?: number
}

/** Whether a key can be used for a call now. */
export interface Fitness {
  /** `disabled`: it cannot be waited for. */
  readonly state: 'fit' | 'cooling' | 'disabled'
  /** When it may be tried next; 0 when it is fit. */
  readonly until: EpochMs
  /** From when nothing but its own failures speaks against it: then it is used when there is nothing better. */
  readonly lastResortFrom: EpochMs
  /** What disables it; undefined when nothing does. */
  readonly disabledBy: Reason | undefined
}
