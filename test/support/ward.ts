import { HealthBoard } from '../../src/core/health-board.ts'
import type { Fitness, Want } from '../../src/core/health.ts'
import type { KeyFacts } from '../../src/core/key-scopes.ts'
import type { Outcome } from '../../src/core/health.ts'
import type { UpstreamId } from '../../src/core/units.ts'

export const SETTINGS = { maxFailures: 3, cooldownMs: 60_000, slowProbeMs: 300_000, probeMs: 30_000 }
export const WANT: Want = { model: 'm', serviceTier: undefined }
export const OK: Outcome = { kind: 'ok', organization: undefined, project: undefined, model: 'm' }
export const BILLING: Outcome = { kind: 'disable', scope: 'organization', reason: 'billing' }

export function key(id: number, rest: Partial<KeyFacts> = {}): KeyFacts {
  return {
    id: id as UpstreamId,
    version: 1,
    organization: undefined,
    project: undefined,
    baseUrl: undefined,
    ...rest,
  }
}

/** A board with keys on it, and a clock. */
export class Ward {
  readonly board: HealthBoard = new HealthBoard(SETTINGS)
  now = 1_000_000

  say(from: KeyFacts, outcome: Outcome, random = 0): void {
    this.board.report(from, outcome, this.now, random)
  }

  state(of: KeyFacts, want: Want = WANT): Fitness['state'] {
    return this.board.fitness(of, want, this.now).state
  }

  /** How long it stays out from now. */
  left(of: KeyFacts, want: Want = WANT): number {
    return this.board.fitness(of, want, this.now).until - this.now
  }

  pass(ms: number): void {
    this.now += ms
  }
}

/** A rate limit on the model `m`. */
export const cool = (forMs: number | undefined): Outcome => ({ kind: 'cool', model: 'm', forMs })
