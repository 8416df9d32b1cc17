import { deepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { Estimator } from '../core/estimate.ts'
import type { RateCard } from '../core/price.ts'
import { isChange, repriced } from '../core/reprice.ts'
import { cardOf, type SetRate } from '../core/set-rate.ts'
import { NO_USAGE, SILENCE, type Usage } from '../core/usage.ts'
import type { Entry } from '../ports.ts'
import { ChargedTurns } from '../core/charged-turns.ts'
import type { Gateway } from './gateway.ts'
import type { CallRequest } from './identify.ts'
import { receiptFor, settle, type Receipt } from './settle.ts'
import { expectedPrice } from './tariff.ts'

const NOW = Date.UTC(2026, 10, 23)
const TOKENS = { ...NO_USAGE, inputTokens: 1001, cachedInputTokens: 300, outputTokens: 33 }
const HEARD = { ...SILENCE, inputAudioTokens: 200, cachedAudioTokens: 100, outputAudioTokens: 3 }
const LENGTH = { ...SILENCE, audioMs: 61_001 }
const USAGES: readonly (Usage | undefined)[] = [
  undefined,
  NO_USAGE,
  TOKENS,
  { ...TOKENS, inconsistent: true },
  { ...TOKENS, spoken: HEARD },
  { ...NO_USAGE, spoken: LENGTH },
]
const TIERS = fc.constantFrom('priority', 'flex', 'default', 'auto', 'unheard-of', undefined)

const call = fc.record({
  asked: fc.record({
    model: fc.constantFrom(
      'gpt-5.5',
      'gpt-5.5-2026-04-23',
      'gpt-5.6',
      'whisper-1',
      'gpt-realtime',
      'gpt-4o-transcribe',
      'gpt-unheard-of',
    ),
    serviceTier: TIERS,
    stream: fc.boolean(),
  }),
  kind: fc.constantFrom('turn', 'prewarm', 'realtime', 'transcription', 'search', 'subagent'),
  charging: fc.constantFrom('tokens', 'message'),
  ending: fc.constantFrom('complete', 'client-left', 'upstream-broke', 'timed-out'),
  status: fc.constantFrom(200, 200, 200, 500, undefined),
  terminal: fc.constantFrom('completed', 'incomplete', 'failed', undefined),
  usage: fc.constantFrom(...USAGES),
  serviceTier: TIERS,
  outputBytes: fc.nat(5000),
  fallbackMinute: fc.constantFrom(0n, 100n),
  own: fc.constantFrom<readonly SetRate[]>([], [ownRate({})], [ownRate({ minute: 5n })]),
})

type Call = typeof call extends fc.Arbitrary<infer T> ? T : never

function ownRate(more: { readonly minute?: bigint }): SetRate {
  const prices = { input: 0n, cached: 0n, output: 0n, cacheWrite: undefined, ...more }
  return { id: 1, model: 'whisper-1', from: undefined, ...prices, who: 'root', at: NOW, on: '2026-11-23' }
}

function cardFor({ fallbackMinute, own }: Call): RateCard {
  const change = {
    fallback: { input: 5n, cached: 3n, output: 7n, minute: fallbackMinute },
    modelTiers: { 'gpt-5.5-2026-04-23': { flex: 7n }, fallback: { priority: 30n } },
  }
  return cardOf(change, own)
}

/** The entry that the call is settled by. */
async function entryOf(one: Call, rates: RateCard): Promise<Entry> {
  const { asked, kind, charging, ending, status, terminal, usage, serviceTier, outputBytes } = one
  const entries: Entry[] = []
  const gateway = {
    ledger: {
      settle: (entry: Entry) => {
        entries.push(entry)
        return Promise.resolve({ windows: [] })
      },
    },
    rates,
    estimator: new Estimator(),
    chargedTurns: new ChargedTurns(),
    settings: { charging, unknownUsageCredits: 5n },
    metrics: { settled: () => undefined },
    log: { error: () => undefined },
    notices: { warn: () => undefined },
    now: () => NOW,
    stop: new AbortController().signal,
  } as unknown as Gateway
  const request = {
    facts: { id: 'call' },
    asked,
    holder: { member: { id: 1, name: 'alice' } },
    bodyBytes: 4000,
    continues: false,
    intent: { kind, message: kind === 'turn' || kind === 'realtime', turnId: 'turn' },
  } as unknown as CallRequest
  const said = { responseId: 'resp_1', model: undefined, error: undefined, bytes: outputBytes, outputBytes }
  const receipt = {
    ...receiptFor(request, expectedPrice(request, NOW, gateway)),
    ending,
    status,
    metered: { usage, serviceTier, terminal, ...said },
    attempts: [{ upstream: 1, status, sent: true, startedAt: NOW, durationMs: 1 }],
  } as unknown as Receipt
  await settle(receipt, gateway)
  return entries[0] as Entry
}

suite('a call that is priced again by the rates that it was priced by', () => {
  test('keeps its price, whatever was known of it', async () => {
    await fc.assert(
      fc.asyncProperty(call, async (one) => {
        const card = cardFor(one)
        const entry = await entryOf(one, card)
        // The ledger charges nothing for what is no message.
        const credits = entry.charging === 'message' && !entry.message ? 0n : entry.credits
        const settled = { ...entry, model: one.asked.model, credits }
        const again = repriced(settled, card)
        if (again && isChange(settled, again, card)) deepEqual(again, { credits, rate: entry.rate })
      }),
      { numRuns: 3000 },
    )
  })
})
