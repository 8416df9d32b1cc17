import type { EpochMs, UpstreamId } from './units.ts'

/** Why something is out: a stable word for people and metrics. */
export type Reason =
  | 'rate_limit'
  | 'failures'
  | 'overloaded'
  | 'unauthorized'
  | 'billing'
  | 'region'
  | 'model_not_found'
  | 'service_tier'

/** Whether it heals by itself soon, or needs an administrator (and is only probed slowly). */
const HEALS: Readonly<Record<Reason, boolean>> = {
  rate_limit: true,
  failures: true,
  overloaded: true,
  unauthorized: false,
  billing: false,
  region: false,
  model_not_found: false,
  service_tier: false,
}

/** Once over for this long, what heals by itself needs no probe any more. */
const FORGOTTEN_MS = 600_000
/** Callers choose the names of models and tiers, so there might be any number of cooldowns for these reasons. */
const OF_NAMES: ReadonlySet<Reason> = new Set<Reason>(['model_not_found', 'service_tier'])
/** Whoever makes names up does not ask for them again. */
const NAME_FORGOTTEN_MS = 3_600_000

/**
 * Something that is out until an instant, and then lets one probe through at a time until one of them succeeds.
 *
 * Probes are named by the key that makes them. A probe that never reports stands in the way until its deadline.
 */
export class Cooldown {
  readonly reason: Reason
  /** The key, project, organization or host that is out. */
  readonly scope: string
  /** How often a probe found it still out: lengthens what grows. */
  level = 0
  /** When the time it is out is over, whatever probes do. */
  ends: EpochMs
  #probe: { readonly by: UpstreamId; readonly deadline: EpochMs } | undefined

  constructor(reason: Reason, scope: string, ends: EpochMs) {
    this.reason = reason
    this.scope = scope
    this.ends = ends
  }

  /** False when it needs an administrator, and is only probed slowly. */
  get heals(): boolean {
    return HEALS[this.reason]
  }

  /** Whether it is one of any number, by a name that a caller chose. */
  get isOfName(): boolean {
    return OF_NAMES.has(this.reason)
  }

  /** Whether it has been over for so long that it counts for nothing. */
  isForgotten(now: EpochMs): boolean {
    if (this.isOfName) return now - this.until > NAME_FORGOTTEN_MS
    return this.heals && now - this.until > FORGOTTEN_MS
  }

  /** When somebody may next go through. */
  get until(): EpochMs {
    return Math.max(this.ends, this.#probe?.deadline ?? 0)
  }

  /** Whether a probe may go through now. */
  halfOpen(now: EpochMs): boolean {
    return now >= this.until
  }

  probing(now: EpochMs): boolean {
    return this.#probe !== undefined && now < this.#probe.deadline
  }

  /** The later of two ends counts. Whatever was probing has its answer. */
  extend(ends: EpochMs): void {
    this.ends = Math.max(this.ends, ends)
    this.#probe = undefined
  }

  /** Lets `by` through as the probe. */
  enter(by: UpstreamId, deadline: EpochMs): void {
    this.#probe = { by, deadline }
  }

  isProbedBy(by: UpstreamId): boolean {
    return this.#probe?.by === by
  }

  /** The probe has gone without an answer: another may go. */
  leave(): void {
    this.#probe = undefined
  }
}
