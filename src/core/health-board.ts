import { Cooldown } from './cooldown.ts'
import type { Reason } from './cooldown.ts'
import type { Fitness, HealthSettings, Outcome, Pulse, Want } from './health.ts'
import {
  hostScope,
  keyScope,
  nameOf,
  organizationScope,
  projectScope,
  type KeyFacts,
  type Place,
} from './key-scopes.ts'
import { LONGEST_WAIT_MS } from './retry-after.ts'
import type { EpochMs, UpstreamId } from './units.ts'

type OutcomeOf<Kind extends Outcome['kind']> = Extract<Outcome, { readonly kind: Kind }>

const FIT: Fitness = { state: 'fit', until: 0, lastResortFrom: 0, disabledBy: undefined }

const SLOW_PROBE_MS = 300_000
const PROBE_MS = 10_000
/** A 429 that does not say how long to wait is waited for between these. */
const SHORT_COOL_MS = 5000
const LEAST_COOL_MS = 100
const LONG_COOL_MS = 20_000
const HOST_BACKOFF_MS = 1000
const LONGEST_HOST_BACKOFF_MS = 30_000
const LONGEST_HOST_WAIT_MS = 60_000
/** A refused key is tried again after a minute at first, in case it was upstream's mistake. */
const UNAUTHORIZED_MS = 60_000
const LONGEST_UNAUTHORIZED_MS = 1_800_000
/** What a key lacks it lacks for long, once a second answer confirms it. */
const FIRST_EXCLUDED_MS = 60_000
const EXCLUDED_MS = 3_600_000
/** How often what nobody asks for any more is looked for. */
const SWEEP_MS = 60_000
const MOST_COOLDOWNS = 10_000

interface Row {
  readonly version: number
  readonly scopes: readonly string[]
  failures: number
  refusals: number
}

/**
 * What is known of the health of all keys, and of what they share: projects, organizations, hosts. No clock, no
 * randomness: both are arguments.
 *
 * Whatever is out lets one probe through once its time is over; an `ok` of the probing key heals it. A key whose
 * version rises is a new key: nothing learned before counts. A report about an older version counts for nothing.
 */
export class HealthBoard {
  readonly #settings: Required<HealthSettings>
  readonly #rows = new Map<UpstreamId, Row>()
  readonly #cooldowns = new Map<string, Cooldown>()
  #sweptAt = 0

  constructor(settings: HealthSettings) {
    this.#settings = { slowProbeMs: SLOW_PROBE_MS, probeMs: PROBE_MS, ...settings }
  }

  /** How many things are out, or were not yet proven to be well. */
  get size(): number {
    return this.#cooldowns.size
  }

  /** Takes note of a key as the directory has it. True when its version has risen, and all was forgotten. */
  meet(key: KeyFacts): boolean {
    const row = this.#rows.get(key.id)
    if (row && row.version >= key.version) return false
    const scopes = [keyScope(key), projectScope(key), organizationScope(key)]
    this.#rows.set(key.id, { version: key.version, scopes, failures: 0, refusals: 0 })
    if (!row) return false
    for (const [name, cooldown] of this.#cooldowns) {
      if (scopes.includes(cooldown.scope) || row.scopes.includes(cooldown.scope)) this.#cooldowns.delete(name)
    }
    return true
  }

  fitness(key: KeyFacts, want: Want, now: EpochMs): Fitness {
    if (this.#cooldowns.size === 0) return FIT
    let until = 0
    let disabledBy: Reason | undefined
    let lastResortFrom = 0
    for (const cooldown of this.#standing(key, want, now)) {
      if (cooldown.halfOpen(now)) continue
      until = Math.max(until, cooldown.until)
      if (!cooldown.heals) disabledBy ??= cooldown.reason
      if (cooldown.reason !== 'failures') lastResortFrom = Math.max(lastResortFrom, cooldown.until)
    }
    if (until === 0) return FIT
    return { state: disabledBy === undefined ? 'cooling' : 'disabled', until, lastResortFrom, disabledBy }
  }

  /** A call goes to this key: whatever is half-open on its way gets its probe. Call the answer when the call is over. */
  enter(key: KeyFacts, want: Want, now: EpochMs): (() => boolean) | undefined {
    if (this.#cooldowns.size === 0) return undefined
    const entered = this.#standing(key, want, now).filter((cooldown) => cooldown.halfOpen(now))
    if (entered.length === 0) return undefined
    for (const cooldown of entered) cooldown.enter(key.id, now + this.#settings.probeMs)
    return () => {
      const unanswered = entered.filter((cooldown) => cooldown.isProbedBy(key.id))
      for (const cooldown of unanswered) cooldown.leave()
      return unanswered.length > 0
    }
  }

  /**
   * What came of a try. `random` is between 0 and 1. True when somebody who waits may now get through, or never will.
   */
  report(key: KeyFacts, outcome: Outcome, now: EpochMs, random: number): boolean {
    this.meet(key)
    this.#sweep(now)
    const row = this.#rows.get(key.id)
    if (!row || row.version !== key.version) return false
    switch (outcome.kind) {
      case 'neutral':
        return false
      case 'answering':
        return this.#relieve(key, row)
      case 'ok':
        return this.#heal(key, row)
      case 'penalty':
        return this.#penalize(key, row, now)
      case 'cool':
        return this.#coolModel(key, outcome, now, random)
      case 'overloaded':
        return this.#backOff(key, outcome.forMs, now)
      case 'exclude':
        return this.#exclude(key, outcome, now)
      case 'unauthorized':
        return this.#refuse(key, row, now)
      case 'disable':
        return this.#disable(key, outcome, now)
    }
  }

  /** The key as people see it. A model that it does not have is no illness. */
  pulse(key: KeyFacts, inFlight: number, now: EpochMs): Pulse {
    const failuresInRow = this.#rows.get(key.id)?.failures ?? 0
    let worst: Cooldown | undefined
    for (const cooldown of this.#touching(key, now)) {
      if (!worst || badness(cooldown, now) > badness(worst, now)) worst = cooldown
    }
    if (!worst) return { state: 'healthy', reason: undefined, until: undefined, inFlight, failuresInRow }
    const state = stateOf(worst, now)
    const until = worst.until > now ? worst.until : undefined
    return { state, reason: worst.reason, until, inFlight, failuresInRow }
  }

  #heal(key: KeyFacts, row: Row): boolean {
    row.failures = 0
    row.refusals = 0
    let healed = false
    for (const [name, cooldown] of this.#cooldowns) {
      const failures = cooldown.reason === 'failures' && cooldown.scope === keyScope(key)
      if (failures || cooldown.isProbedBy(key.id)) healed = this.#cooldowns.delete(name)
    }
    return healed
  }

  /** What the key was probing is over, but for its own failures. */
  #relieve(key: KeyFacts, row: Row): boolean {
    row.refusals = 0
    let relieved = false
    for (const [name, cooldown] of this.#cooldowns) {
      if (cooldown.reason !== 'failures' && cooldown.isProbedBy(key.id)) relieved = this.#cooldowns.delete(name)
    }
    return relieved
  }

  #penalize(key: KeyFacts, row: Row, now: EpochMs): boolean {
    if (++row.failures < this.#settings.maxFailures) return false
    return this.#put(['failures', keyScope(key)], now + this.#settings.cooldownMs)
  }

  #coolModel(key: KeyFacts, { model, forMs }: OutcomeOf<'cool'>, now: EpochMs, random: number): boolean {
    const place: Place = ['rate_limit', projectScope(key), model]
    const wait = forMs ?? SHORT_COOL_MS + random * (LONG_COOL_MS - SHORT_COOL_MS)
    // However short upstream says: where probes find it limited again and again, they come more slowly.
    const least = Math.min(LEAST_COOL_MS * 2 ** this.#level(place, now), SHORT_COOL_MS)
    return this.#put(place, now + Math.max(least, bounded(wait, LONGEST_WAIT_MS)))
  }

  #exclude(key: KeyFacts, { model, serviceTier }: OutcomeOf<'exclude'>, now: EpochMs): boolean {
    const reason = serviceTier === undefined ? 'model_not_found' : 'service_tier'
    const place: Place = [reason, projectScope(key), model, serviceTier]
    return this.#put(place, now + (this.#level(place, now) === 0 ? FIRST_EXCLUDED_MS : EXCLUDED_MS))
  }

  #disable(key: KeyFacts, { scope, reason }: OutcomeOf<'disable'>, now: EpochMs): boolean {
    const place = scope === 'project' ? projectScope(key) : organizationScope(key)
    return this.#put([reason, place], now + this.#settings.slowProbeMs)
  }

  /** A host that is overloaded pauses for longer each time a probe finds it so. */
  #backOff(key: KeyFacts, forMs: number | undefined, now: EpochMs): boolean {
    const level = this.#level(['overloaded', hostScope(key)], now)
    const backoff = Math.min(HOST_BACKOFF_MS * 2 ** level, LONGEST_HOST_BACKOFF_MS)
    return this.#put(['overloaded', hostScope(key)], now + Math.max(backoff, bounded(forMs ?? 0, LONGEST_HOST_WAIT_MS)))
  }

  /** The first refusal may be upstream's mistake; the second confirms it. */
  #refuse(key: KeyFacts, row: Row, now: EpochMs): boolean {
    if (++row.refusals < 2) return false
    const level = this.#level(['unauthorized', keyScope(key)], now)
    return this.#put(
      ['unauthorized', keyScope(key)],
      now + Math.min(UNAUTHORIZED_MS * 2 ** level, LONGEST_UNAUTHORIZED_MS),
    )
  }

  /** Rises when it was over: what many calls report at a time is one event. */
  #level(place: Place, now: EpochMs): number {
    const cooldown = this.#at(nameOf(place), now)
    if (!cooldown) return 0
    if (now >= cooldown.ends) cooldown.level++
    return cooldown.level
  }

  #put(place: Place, ends: EpochMs): boolean {
    const name = nameOf(place)
    const cooldown = this.#cooldowns.get(name)
    if (cooldown) {
      cooldown.extend(ends)
      return true
    }
    if (this.#cooldowns.size >= MOST_COOLDOWNS) this.#forgetOldestName()
    this.#cooldowns.set(name, new Cooldown(place[0], place[1], ends))
    return true
  }

  /** Every look at a key goes through all of them. */
  #sweep(now: EpochMs): void {
    if (now - this.#sweptAt < SWEEP_MS) return
    this.#sweptAt = now
    for (const [name, cooldown] of this.#cooldowns) if (cooldown.isForgotten(now)) this.#cooldowns.delete(name)
  }

  /** What callers can make up any number of gives way first to more of the same. */
  #forgetOldestName(): void {
    for (const [name, { isOfName }] of this.#cooldowns) {
      if (!isOfName) continue
      this.#cooldowns.delete(name)
      return
    }
  }

  #at(name: string, now: EpochMs): Cooldown | undefined {
    const cooldown = this.#cooldowns.get(name)
    if (!cooldown || !cooldown.isForgotten(now)) return cooldown
    this.#cooldowns.delete(name)
    return undefined
  }

  /** What stands between this key and a call. */
  #standing(key: KeyFacts, want: Want, now: EpochMs): Cooldown[] {
    const [own, project, organization] = [keyScope(key), projectScope(key), organizationScope(key)]
    const places: Place[] = [
      ['failures', own],
      ['unauthorized', own],
      ['overloaded', hostScope(key)],
    ]
    // What was learned before the key's labels were stands under its own name.
    for (const scope of [own, project]) {
      places.push(['rate_limit', scope], ['rate_limit', scope, want.model], ['model_not_found', scope, want.model])
      places.push(['service_tier', scope, want.model, want.serviceTier])
    }
    for (const scope of [own, project, organization]) places.push(['billing', scope], ['region', scope])
    const names = new Set(places.map(nameOf))
    return Array.from(names, (name) => this.#at(name, now)).filter((cooldown) => cooldown !== undefined)
  }

  #touching(key: KeyFacts, now: EpochMs): Cooldown[] {
    const scopes = [keyScope(key), projectScope(key), organizationScope(key), hostScope(key)]
    return Array.from(this.#cooldowns.values()).filter((cooldown) => {
      return !cooldown.isOfName && scopes.includes(cooldown.scope) && !cooldown.isForgotten(now)
    })
  }
}

function bounded(ms: number, most: number): number {
  return Math.min(Math.max(ms, 0), most)
}

function stateOf(cooldown: Cooldown, now: EpochMs): Pulse['state'] {
  if (cooldown.probing(now)) return 'probing'
  if (!cooldown.heals) return 'disabled'
  return now < cooldown.ends ? 'cooling' : 'probing'
}

function badness(cooldown: Cooldown, now: EpochMs): number {
  return ['healthy', 'probing', 'cooling', 'disabled'].indexOf(stateOf(cooldown, now))
}
