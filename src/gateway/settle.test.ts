import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Asked } from '../core/body.ts'
import type { CallKind } from '../core/intent.ts'
import type { Metered } from '../core/meter.ts'
import { Estimator } from '../core/estimate.ts'
import { LedgerUnavailable, type CountedCall, type Entry } from '../ports.ts'
import { cardWith, MOST_PER_CALL, type RateCard } from '../core/price.ts'
import { MOST_PER_TOKEN } from '../core/set-rate.ts'
import { NO_USAGE, SILENCE } from '../core/usage.ts'
import { ChargedTurns } from '../core/charged-turns.ts'
import type { Gateway } from './gateway.ts'
import type { CallRequest } from './identify.ts'
import { receiptFor, settle, type Receipt } from './settle.ts'
import { finalPrice } from './tariff.ts'

const STATED = {
  inputTokens: 120_000,
  cachedInputTokens: 100_000,
  cacheWriteTokens: 5000,
  outputTokens: 2000,
  reasoningTokens: 0,
}

const METERED: Metered = {
  usage: undefined,
  responseId: 'resp_1',
  serviceTier: undefined,
  model: undefined,
  terminal: undefined,
  error: undefined,
  bytes: 0,
  outputBytes: 0,
}

const row = { model: 'gpt-dear', status: 'set', source: 'test', asOf: '2026-11-23', mark: 'admin-1' } as const

interface Settled {
  readonly receipt?: Partial<Receipt>
  readonly metered?: Partial<Metered>
  readonly asked?: Partial<Asked>
  readonly kind?: CallKind
  readonly charging?: 'tokens' | 'message'
  readonly failures?: number
  /** What the metrics were told. */
  readonly counted?: CountedCall[]
  /** What the ledger says that it costs. */
  readonly charged?: bigint
  readonly card?: RateCard
  readonly told?: string[]
  readonly estimator?: Estimator
  /** Of the conversation. */
  readonly threadId?: string
}

/** The entry that a receipt becomes; the ledger is away `failures` times before. */
async function entryOf({
  receipt,
  metered,
  asked,
  kind = 'turn',
  charging = 'tokens',
  failures = 0,
  counted = [],
  charged,
  card = cardWith(),
  told = [],
  estimator = new Estimator(),
  threadId,
}: Settled): Promise<Entry> {
  const entries: Entry[] = []
  let left = failures
  const gateway = {
    ledger: {
      settle: (entry: Entry) => {
        if (left-- > 0) return Promise.reject(new LedgerUnavailable('locked'))
        entries.push(entry)
        return Promise.resolve({ windows: [], ...(charged !== undefined && { charged }) })
      },
    },
    rates: card,
    estimator,
    chargedTurns: new ChargedTurns(),
    settings: { charging, unknownUsageCredits: 5_000_000_000n },
    metrics: { settled: (call: CountedCall) => counted.push(call) },
    log: { error: (event: string) => void told.push(event) },
    notices: { warn: (event: string, what: string) => void told.push(`${event}: ${what}`) },
    now: () => Date.UTC(2026, 10, 23),
    stop: new AbortController().signal,
  } as unknown as Gateway
  const request = {
    facts: { id: 'call' },
    asked: { model: 'gpt-6.1-sol', stream: true, ...asked },
    holder: { member: { id: 1, name: 'alice' } },
    bodyBytes: 4000,
    continues: false,
    intent: { kind, message: kind === 'turn', threadId },
  } as unknown as CallRequest
  const whole: Receipt = {
    ...receiptFor(request, { credits: 777n, rate: 'gpt-6.1-sol@2026-09-29', unknown: undefined }),
    status: 200,
    ending: 'complete',
    metered: { ...METERED, ...metered },
    ...receipt,
  }
  await settle(whole, gateway)
  equal(entries.length, 1)
  return entries[0] as Entry
}

async function billOf(settled: Settled) {
  const { credits, precision, message } = await entryOf(settled)
  return { credits, precision, message }
}

suite('settling', () => {
  test('stated usage is exact, by the tier that was really used', async () => {
    const metered = { usage: STATED, terminal: 'completed' } as const
    deepEqual(await billOf({ metered }), { credits: 1_750_000_000n, precision: 'exact', message: true })
    deepEqual((await billOf({ metered: { ...metered, serviceTier: 'priority' } })).credits, 3_500_000_000n)
    deepEqual(
      (await billOf({ metered: { ...metered, serviceTier: 'default' }, asked: { serviceTier: 'priority' } })).credits,
      1_750_000_000n,
    )
    deepEqual(
      (await billOf({ metered: { ...metered, serviceTier: 'auto' }, asked: { serviceTier: 'priority' } })).credits,
      3_500_000_000n,
    )
  })

  test('usage that was seen is exact even if the client left or upstream broke', async () => {
    for (const ending of ['client-left', 'upstream-broke', 'timed-out'] as const) {
      equal((await billOf({ metered: { usage: STATED }, receipt: { ending } })).precision, 'exact')
    }
  })

  test('usage that contradicts itself is priced, but not exact', async () => {
    const usage = { ...STATED, cachedInputTokens: 120_000, cacheWriteTokens: 0, inconsistent: true } as const
    const bill = await billOf({ metered: { usage, terminal: 'completed' } })
    deepEqual([bill.precision, bill.credits], ['estimated', 120_000n * 2500n + 2000n * 250_000n])
  })

  test('at the most that can be set a million tokens cost their price, and a billion no more than a row can hold', async () => {
    const most = { input: MOST_PER_TOKEN, cached: MOST_PER_TOKEN, output: MOST_PER_TOKEN }
    const card = cardWith({ set: [{ ...row, ...most }], tiers: { priority: 1000n } })
    const told: string[] = []
    const asked = { model: row.model, serviceTier: 'priority' }
    const of = async (tokens: number) => {
      const usage = { ...NO_USAGE, inputTokens: tokens, outputTokens: tokens }
      const { credits, precision } = await entryOf({ card, told, asked, metered: { usage, terminal: 'completed' } })
      return { credits, precision }
    }
    deepEqual(await of(499_999), { credits: 999_998n * MOST_PER_TOKEN * 100n, precision: 'exact' })
    deepEqual(told, [])
    deepEqual(await of(1_000_000_000), { credits: MOST_PER_CALL, precision: 'estimated' })
    deepEqual(told, ['price of a call cut to the most that is charged: see its rate'])
    // What a call is expected to cost is written into the ledger too.
    const tariff = { rates: card, settings: { charging: 'tokens' } } as unknown as Gateway
    const usage = { ...NO_USAGE, outputTokens: 1_000_000_000 }
    equal(finalPrice({ ...asked, usage }, Date.UTC(2026, 10, 23), tariff).credits, MOST_PER_CALL)
  })

  test('an answer that was cut is charged for its request and for what was seen of its output', async () => {
    for (const ending of ['client-left', 'upstream-broke', 'timed-out'] as const) {
      const entry = await entryOf({ receipt: { ending }, metered: { outputBytes: 2000 } })
      deepEqual([entry.usage.inputTokens, entry.usage.outputTokens, entry.precision], [1000, 10, 'estimated'])
      equal(entry.credits, 1000n * 50_000n + 10n * 250_000n)
    }
    // Nothing is seen of an answer that comes as a whole.
    const unary = await entryOf({ receipt: { ending: 'client-left' }, asked: { stream: false } })
    equal(unary.usage.outputTokens, 4000)
  })

  test('an answer that was cut is priced by the tier and the model that it had named', async () => {
    const cut = { receipt: { ending: 'client-left' }, metered: { outputBytes: 2000 } } as const
    const standard = 1000n * 50_000n + 10n * 250_000n
    for (const [asked, serviceTier, credits] of [
      ['priority', 'default', standard],
      [undefined, 'priority', 2n * standard],
      ['priority', 'auto', 2n * standard],
      ['flex', undefined, standard / 2n],
    ] as const) {
      const metered = { ...cut.metered, serviceTier }
      const entry = await entryOf({ ...cut, metered, asked: { serviceTier: asked } })
      equal(entry.credits, credits)
      // What its row says is what it was priced by.
      const tariff = { rates: cardWith(), settings: { charging: 'tokens' } } as unknown as Gateway
      const again = { model: 'gpt-6.1-sol', serviceTier: entry.serviceTier, usage: entry.usage }
      equal(finalPrice(again, entry.endedAt, tariff).credits, credits)
    }
    const unnamed = { ...cut, metered: { ...cut.metered, model: 'gpt-6.1-sol' }, asked: { model: undefined } }
    deepEqual((await entryOf(unnamed)).rate, 'gpt-6.1-sol@2026-09-29')
  })

  test('an answer that was cut had its request read: what comes after it is charged as cached', async () => {
    const cachedAfter = async (settled: Settled) => {
      const estimator = new Estimator()
      const usage = { ...NO_USAGE, inputTokens: 2000, outputTokens: 10 }
      const thread = { thread: '1:thread', model: 'gpt-6.1-sol', outputBytes: 2000, continues: false }
      estimator.learn({ ...thread, requestBytes: 3000 }, usage)
      await entryOf({ ...settled, estimator, threadId: 'thread' })
      return estimator.soFar({ ...thread, requestBytes: 4000 }).cachedInputTokens
    }
    const cut = { receipt: { ending: 'client-left' }, metered: { bytes: 5000 } } as const
    equal(await cachedAfter(cut), 2176)
    for (const other of [
      { ...cut, metered: {} },
      { ...cut, metered: { bytes: 5000, terminal: 'failed' } },
      { ...cut, receipt: { ending: 'client-left', status: 500 } },
      { ...cut, receipt: { ending: 'complete' } },
      { ...cut, kind: 'search' },
    ] as const) {
      equal(await cachedAfter(other), 1920)
    }
  })

  test('a whole answer without usage costs what is configured; one that failed costs nothing', async () => {
    deepEqual(await billOf({ metered: { terminal: 'completed' } }), {
      credits: 5_000_000_000n,
      precision: 'unknown',
      message: true,
    })
    for (const terminal of ['failed', 'error'] as const) {
      deepEqual(await billOf({ metered: { terminal } }), { credits: 0n, precision: 'exact', message: false })
    }
    deepEqual(await billOf({ receipt: { status: 429 } }), { credits: 0n, precision: 'exact', message: false })
  })

  test('a whole warm-up without usage costs nothing, and is no more exact than that', async () => {
    for (const charging of ['tokens', 'message'] as const) {
      const entry = await entryOf({ kind: 'prewarm', charging, metered: { terminal: 'completed' } })
      deepEqual([entry.credits, entry.precision], [0n, 'unknown'])
    }
    const stated = await entryOf({ kind: 'prewarm', metered: { usage: STATED, terminal: 'completed' } })
    equal(stated.precision, 'exact')
    equal(stated.credits > 0n, true)
  })

  test('a call that never had an answer costs nothing, unless the client left upstream at work', async () => {
    const none = { metered: undefined, status: undefined }
    const attemptOf = (errorClass: string): never =>
      ({ upstream: 1, status: undefined, errorClass, sent: true, startedAt: 0, durationMs: 1 }) as never
    deepEqual(await billOf({ receipt: { ...none, ending: 'client-left', attempts: [] } }), {
      credits: 0n,
      precision: 'exact',
      message: false,
    })
    const attempts = [attemptOf('timeout'), attemptOf('client_left')]
    const left = await billOf({ receipt: { ...none, ending: 'client-left', attempts } })
    equal(left.credits, 1000n * 50_000n)
    for (const ending of ['upstream-failed', 'client-left'] as const) {
      deepEqual(await billOf({ receipt: { ...none, ending, attempts: [attemptOf('timeout')] } }), {
        credits: 0n,
        precision: 'unknown',
        message: false,
      })
    }
  })

  test('by messages, every answer costs a message', async () => {
    const bill = { credits: 777n, precision: 'unknown', message: true }
    deepEqual(await billOf({ charging: 'message' }), bill)
    const stated = await entryOf({ charging: 'message', metered: { usage: STATED }, asked: { model: 'gpt-5.5' } })
    deepEqual([stated.credits, stated.rate, stated.charging], [14_000_000_000n, 'gpt-5.5@message', 'message'])
  })

  test('by messages, an answer that failed is none, also one that states its usage', async () => {
    for (const usage of [undefined, STATED]) {
      const metered = { usage, terminal: 'failed' } as const
      equal((await billOf({ charging: 'message', metered, asked: { model: 'gpt-5.5' } })).message, false)
    }
  })

  test('what nobody published a price of costs nothing, and is no more exact than that', async () => {
    for (const kind of ['search', 'realtime_call'] as const) {
      for (const charging of ['tokens', 'message'] as const) {
        for (const ending of ['complete', 'client-left', 'upstream-broke'] as const) {
          const bill = await billOf({ kind, charging, metered: { terminal: 'completed' }, receipt: { ending } })
          deepEqual(bill, { credits: 0n, precision: 'unknown', message: false })
        }
      }
      deepEqual((await billOf({ kind, receipt: { status: 400 } })).precision, 'exact')
      const stated = await billOf({ kind, metered: { usage: STATED } })
      deepEqual(stated, { credits: 1_750_000_000n, precision: 'exact', message: false })
    }
  })

  test('what was stated and has no price costs nothing, is told of and not exact', async () => {
    const usage = { ...NO_USAGE, spoken: { ...SILENCE, audioMs: 60_000 } }
    const none = cardWith({ fallback: { input: 1n, cached: 1n, output: 1n } })
    for (const model of ['gpt-4o-mini-transcribe', 'gpt-new']) {
      const call = { kind: 'transcription', asked: { model }, metered: { usage } } as const
      const told: string[] = []
      const nothing = await entryOf({ ...call, card: none, told })
      deepEqual([nothing.credits, nothing.precision, nothing.rate, nothing.usage], [0n, 'unknown', 'fallback', usage])
      const some = await entryOf({ ...call, told })
      deepEqual([some.credits, some.precision, some.rate], [425_000_000n, 'exact', 'fallback'])
      deepEqual(told, [
        `charged nothing, for its price is not known: minutes of audio, model ${model}`,
        `priced by the fallback: minutes of audio, model ${model}`,
      ])
    }
    const told: string[] = []
    const tokens = await entryOf({ asked: { model: 'whisper-1' }, metered: { usage: STATED }, told })
    deepEqual([tokens.precision, tokens.rate], ['exact', 'fallback'])
    ok(tokens.credits > 0n)
    deepEqual(told, ['priced by the fallback: model whisper-1'])
    // What was cut is a guess in tokens, of a model that counts none.
    const cut = { asked: { model: 'whisper-1' }, receipt: { ending: 'upstream-broke' }, metered: { bytes: 9 } } as const
    deepEqual(await billOf(cut), { credits: 0n, precision: 'estimated', message: true })
  })

  test('is counted once, when it stands in the ledger and as it stands there', async () => {
    const counted: CountedCall[] = []
    await billOf({ metered: { usage: STATED }, receipt: { ending: 'client-left' }, failures: 2, counted })
    const call = { member: 'alice', kind: 'turn', ending: 'client-left', precision: 'exact', windows: [] }
    deepEqual(counted, [{ ...call, credits: 1_750_000_000n }])
    // A message is charged once a turn: that is for the ledger to know.
    await billOf({ charging: 'message', charged: 0n, counted })
    equal(counted[1]?.credits, 0n)
  })

  test('goes on until the ledger is back', async () => {
    equal((await billOf({ metered: { usage: STATED }, failures: 2 })).precision, 'exact')
  })
})
