import { setTimeout as sleep } from 'node:timers/promises'
import type { CallId, MemberId, UpstreamId } from '../../src/core/units.ts'
import type { Claim, Coordinator, Member, Outcome, Upstream, Wish } from '../../src/ports.ts'

export interface CoordinatorSettings {
  readonly maxFailures: number
  readonly cooldownMs: number
  readonly slowProbeMs: number
}

/** A coordinator on the real clock, with nothing in flight. */
export interface TestCoordinator extends AsyncDisposable {
  readonly coordinator: Coordinator
}

export type MakeCoordinator = (settings: CoordinatorSettings) => Promise<TestCoordinator>

let calls = 0

export function callId(): CallId {
  return `00000000-0000-7000-8000-${String(++calls).padStart(12, '0')}` as CallId
}

export function claimOf(id: number, maxConcurrent: number, hold = 0n): Claim {
  const member: Member = {
    id: id as MemberId,
    name: `member ${id}`,
    enabled: true,
    weight: 1,
    maxConcurrent,
    fiveHourQuota: 0n,
    weeklyQuota: 0n,
    models: undefined,
  }
  return { call: callId(), member, hold }
}

export function upstream(id: number, rest: Partial<Upstream> = {}): Upstream {
  return {
    id: id as UpstreamId,
    name: `key ${id}`,
    enabled: true,
    version: 1,
    learned: { organization: undefined, project: undefined },
    http: true,
    ws: true,
    weight: 1,
    maxConcurrent: 1,
    organization: undefined,
    project: undefined,
    models: undefined,
    baseUrl: undefined,
    ...rest,
  }
}

export function wish(candidates: readonly Upstream[], rest: Partial<Wish> = {}): Wish {
  const member = { id: 1 as MemberId, weight: 1 }
  return { call: callId(), member, candidates, model: 'gpt-5.5', serviceTier: undefined, sticky: undefined, ...rest }
}

export const OK: Outcome = { kind: 'ok', organization: undefined, project: undefined, model: 'gpt-5.5' }
export const BILLING: Outcome = { kind: 'disable', scope: 'organization', reason: 'billing' }

export function cool(forMs: number): Outcome {
  return { kind: 'cool', model: 'gpt-5.5', forMs }
}

/** A signal that nobody aborts. */
export function patience(): AbortSignal {
  return new AbortController().signal
}

/** Whether it is still undecided after a while. */
export async function waits(promise: Promise<unknown>, ms = 30): Promise<boolean> {
  const decided = promise.then(
    () => false,
    () => false,
  )
  return Promise.race([decided, sleep(ms, true)])
}

/** Gives a place back. */
export async function free(disposable: AsyncDisposable): Promise<void> {
  await disposable[Symbol.asyncDispose]()
}

/** In which nothing happens by itself. */
export const SETTINGS: CoordinatorSettings = { maxFailures: 3, cooldownMs: 60_000, slowProbeMs: 60_000 }

/** Lets everything that is due happen. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
