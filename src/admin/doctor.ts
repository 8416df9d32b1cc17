import { idleTierWarnings } from '../core/idle-tiers.ts'
import { covers, messagePriceOf, rateOf, tierOf, type RateCard } from '../core/price.ts'
import { creditsText, type EpochMs } from '../core/units.ts'
import { NO_USAGE, SILENCE, type Usage } from '../core/usage.ts'
import type { FallbackUse, Registry, TierUse } from '../ports.ts'
import type { AdminStore } from './world.ts'

/** What was looked at, how it is, and what to do about it. */
export interface Finding {
  readonly check: 'database' | 'upstream_keys' | 'members' | 'rates'
  /** A warning can wait; with a problem no call can be served. */
  readonly level: 'ok' | 'warning' | 'problem'
  readonly message: string
}

const WEEK_MS = 7 * 86_400_000
const A_TOKEN: Usage = { ...NO_USAGE, inputTokens: 1 }
const A_MINUTE: Usage = { ...NO_USAGE, spoken: { ...SILENCE, audioMs: 60_000 } }

/** Looks at what the store knows of the gateway's health. */
export async function examine(store: AdminStore, card: RateCard, now: EpochMs): Promise<readonly Finding[]> {
  return [
    await databaseFinding(store),
    ...(await upstreamFindings(store.registry)),
    await memberFinding(store.registry, now),
    ...rateFindings(await store.rateBook.byFallback(now - WEEK_MS), card, now),
    ...tierFindings(await store.rateBook.byTier(now - WEEK_MS), card, now),
    ...idleTierWarnings(card).map((message): Finding => ({ check: 'rates', level: 'warning', message })),
  ]
}

async function databaseFinding(store: AdminStore): Promise<Finding> {
  try {
    await store.probe()
    return { check: 'database', level: 'ok', message: 'can be written' }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    return { check: 'database', level: 'problem', message: `cannot be written: ${why}` }
  }
}

async function upstreamFindings(registry: Registry): Promise<readonly Finding[]> {
  const upstreams = await registry.upstreams()
  const disabled = upstreams.filter(({ enabled }) => !enabled).map(({ name }) => name)
  const enabled = upstreams.length - disabled.length
  const check = 'upstream_keys'
  return [
    enabled > 0
      ? { check, level: 'ok', message: `${enabled} enabled` }
      : { check, level: 'problem', message: 'none is enabled: see admin add-upstream-key and enable-upstream-key' },
    ...disabled.map((name): Finding => ({ check, level: 'warning', message: `${name} is disabled` })),
  ]
}

async function memberFinding(registry: Registry, now: EpochMs): Promise<Finding> {
  const members = new Set((await registry.members()).filter(({ enabled }) => enabled).map(({ id }) => id))
  const keys = await registry.gatewayKeys()
  const working = keys.filter(
    ({ enabled, expiresAt = Infinity, member }) => enabled && expiresAt > now && members.has(member),
  )
  const served = new Set(working.map(({ member }) => member)).size
  const idle = `${keys.length - working.length} keys are disabled, expired or of a disabled member`
  return served > 0
    ? { check: 'members', level: 'ok', message: `${served} have a key that works; ${idle}` }
    : { check: 'members', level: 'problem', message: `none has a key that works: see admin add-codex-key; ${idle}` }
}

function rateFindings(uses: readonly FallbackUse[], card: RateCard, now: EpochMs): readonly Finding[] {
  if (uses.length === 0) {
    return [{ check: 'rates', level: 'ok', message: 'the fallback priced no call of the last 7 days' }]
  }
  return uses.map((use) => {
    const { model, charging, byLength, calls, credits } = use
    const what = `${byLength ? 'minutes of audio, ' : ''}${model ?? 'calls that named no model'}`
    const by = charging === 'message' ? 'at the price of unknown models for a message' : 'by the fallback'
    const message = `${what}: ${calls} calls, ${creditsText(credits)} credits ${by} in the last 7 days; ${remedyFor(use, card, now)}`
    return { check: 'rates', level: 'warning', message }
  })
}

/** A rate does not help a call that was charged as a message: what was missing then is an average. */
function remedyFor({ model, charging, byLength }: FallbackUse, card: RateCard, now: EpochMs): string {
  if (charging === 'tokens') {
    const rate = model === undefined ? undefined : rateOf(model, now, card)
    if (rate && covers(rate, byLength ? A_MINUTE : A_TOKEN)) return 'a rate counts now: see admin rates reprice'
    return byLength ? 'see admin rates set --minute' : 'see admin rates set'
  }
  const known = messagePriceOf(model, now, card).identity !== card.fallback.identity
  return known
    ? 'an average counts now: see admin rates reprice'
    : 'no average of its messages is known: see admin rates set --message'
}

/** By the factors that are known now: those of a time before stand in no row. */
function tierFindings(uses: readonly TierUse[], card: RateCard, now: EpochMs): readonly Finding[] {
  const unknown = uses.filter(({ model, tier }) => {
    const rate = rateOf(model ?? '', now, card) ?? card.fallback
    return !tierOf(tier, model, rate, card).known
  })
  return [...Map.groupBy(unknown, ({ tier }) => tier)].map(([tier, of]) => {
    const calls = of.reduce((sum, use) => sum + use.calls, 0)
    const message = `service tier ${tier}: ${calls} calls charged as the standard tier in the last 7 days; see [credit] tiers`
    return { check: 'rates', level: 'warning', message }
  })
}
