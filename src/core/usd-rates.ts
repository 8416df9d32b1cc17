import type { RateRow, SpokenRate } from './rates.ts'

/** The API's price of a model in whole nano-dollars per token: 2.50 USD per million tokens are 2,500. */
export interface UsdRow extends RateRow {
  /** Whether a request of more than 272,000 input tokens costs twice as much input and half as much more output. */
  readonly longContext?: boolean
}

/** A service tier's factor on the API's price, in tenths; without a model it is that of all others. */
interface UsdTierRow {
  readonly model?: string
  readonly tier: string
  readonly tenths: bigint
  readonly source: string
  readonly asOf: string
}

const CATALOGUE = '@earendil-works/pi-ai 1.5.2, catalogue of 2026-11-10'
const TABLE = '@pydantic/genai-prices 0.1.8'
const MODEL_PAGE = 'OpenAI, model pages (developers.openai.com/api/docs/models)'
const DISCUSSION = 'LiteLLM, discussion 52347; cache writes: 1.25 x input'
const QUOTED = 'quoted in a public repository'
const FROM_CREDITS = 'OpenAI, Codex pricing (developers.openai.com/codex/pricing), 25 credits a USD'
const AUTO_REVIEW = 'OpenAI on X, 2026-07-30: automatic review moves from GPT-5.4 to GPT-5.6 Luna; no price published'
const LITELLM = 'LiteLLM, model_prices_and_context_window.json, 2025-12-18'
const MODELS_DEV = 'models.dev, as in opencode-linux-x64 1.18.34'
const PRICING_PAGE = 'OpenAI, API pricing (developers.openai.com/api/docs/pricing)'

type Details = Partial<Omit<UsdRow, 'model' | 'input' | 'cached' | 'output'>>

/** Read in the catalogue unless `details` says otherwise. */
function usd(model: string, [input, cached, output]: readonly [bigint, bigint, bigint], details: Details = {}): UsdRow {
  return { source: CATALOGUE, asOf: '2026-11-10', status: 'published', ...details, model, input, cached, output }
}

const IN_TABLE = { source: TABLE, asOf: '2026-09-23' } as const
const FIRST = { ...IN_TABLE, longContext: true, status: 'superseded', from: '2026-07-09' } as const

/** Input, cached input, output; cached input as other input where no discount is published. */
export const USD_RATES: readonly UsdRow[] = [
  usd('gpt-5', [1_250n, 125n, 10_000n]),
  usd('gpt-5-codex', [1_250n, 125n, 10_000n], IN_TABLE),
  usd('gpt-5-mini', [250n, 25n, 2_000n]),
  usd('gpt-5-nano', [50n, 5n, 400n]),
  usd('gpt-5-pro', [15_000n, 15_000n, 120_000n]),
  usd('gpt-5.1', [1_250n, 125n, 10_000n]),
  usd('gpt-5.1-codex', [1_250n, 125n, 10_000n], IN_TABLE),
  usd('gpt-5.1-codex-max', [1_250n, 125n, 10_000n], IN_TABLE),
  usd('gpt-5.1-codex-mini', [250n, 25n, 2_000n], IN_TABLE),
  usd('codex-mini-latest', [1_500n, 375n, 6_000n], IN_TABLE),
  usd('gpt-5.2', [1_750n, 175n, 14_000n]),
  usd('gpt-5.2-codex', [1_750n, 175n, 14_000n], IN_TABLE),
  usd('gpt-5.2-pro', [21_000n, 21_000n, 168_000n]),
  usd('gpt-5.3-codex', [1_750n, 175n, 14_000n]),
  // A figure of the catalogue: OpenAI publishes no API price for it.
  usd('gpt-5.3-codex-spark', [1_750n, 175n, 14_000n], { status: 'assumed' }),
  usd('gpt-5.4', [2_500n, 250n, 15_000n], { longContext: true }),
  usd('gpt-5.4-mini', [750n, 75n, 4_500n]),
  usd('gpt-5.4-nano', [200n, 20n, 1_250n]),
  usd('gpt-5.4-pro', [30_000n, 30_000n, 180_000n], { longContext: true }),
  usd('gpt-5.5', [5_000n, 500n, 30_000n], { longContext: true }),
  usd('gpt-5.5-pro', [30_000n, 30_000n, 180_000n], { longContext: true }),
  usd('gpt-5.6-sol', [5_000n, 500n, 30_000n], { ...FIRST, cacheWrite: 6_250n, to: '2026-08-20' }),
  // A promotion "at least through 2026-11-21"; the price before it again once it has ended.
  usd('gpt-5.6-sol', [4_000n, 400n, 20_000n], { cacheWrite: 5_000n, longContext: true, from: '2026-08-21' }),
  usd('gpt-5.6-terra', [2_500n, 250n, 15_000n], { ...FIRST, cacheWrite: 3_125n, to: '2026-07-29' }),
  usd('gpt-5.6-terra', [2_000n, 200n, 12_000n], { cacheWrite: 2_500n, longContext: true, from: '2026-07-30' }),
  usd('gpt-5.6-luna', [1_000n, 100n, 6_000n], { ...FIRST, cacheWrite: 1_250n, to: '2026-07-29' }),
  usd('gpt-5.6-luna', [200n, 20n, 1_200n], { cacheWrite: 250n, longContext: true, from: '2026-07-30' }),
  usd('gpt-5.6-cyber', [12_500n, 1_250n, 75_000n], { cacheWrite: 15_625n }),
  usd('gpt-6-astra', [10_000n, 1_000n, 50_000n], { cacheWrite: 12_500n, longContext: true }),
  usd('gpt-6-sol', [2_000n, 200n, 10_000n], { cacheWrite: 2_500n, longContext: true }),
  usd('gpt-6-luna', [100n, 10n, 500n], { cacheWrite: 125n, longContext: true }),
  usd('gpt-6.1-sol', [2_000n, 100n, 10_000n], { cacheWrite: 2_500n, longContext: true }),
  usd('gpt-6.1-terra', [1_000n, 50n, 5_000n], { cacheWrite: 1_250n, longContext: true, from: '2026-10-26' }),
  usd('gpt-6.2-sol', [2_000n, 100n, 10_000n], {
    source: MODEL_PAGE,
    asOf: '2026-11-17',
    cacheWrite: 2_500n,
    from: '2026-11-17',
  }),
  usd('gpt-6.2-astra', [8_000n, 400n, 40_000n], {
    source: DISCUSSION,
    asOf: '2026-11-17',
    cacheWrite: 10_000n,
    from: '2026-11-17',
  }),
  usd('gpt-rosalind-research', [5_000n, 500n, 25_000n], { source: QUOTED, asOf: '2026-10-08' }),
  ...assumedRates(),
  ...spokenRates(),
]

function assumedRates(): UsdRow[] {
  const review = { source: AUTO_REVIEW, status: 'assumed' } as const
  return [
    usd('codex-auto-review', [2_500n, 250n, 15_000n], { ...review, asOf: '2026-07-31', to: '2026-07-29' }),
    usd('codex-auto-review', [200n, 20n, 1_200n], { ...review, asOf: '2026-08-20', from: '2026-07-30' }),
    usd('gpt-image-2 (image tokens)', [8_000n, 2_000n, 30_000n], {
      source: FROM_CREDITS,
      asOf: '2026-05-13',
      status: 'derived',
    }),
    usd('gpt-image-2 (text tokens)', [5_000n, 1_250n, 10_000n], {
      source: FROM_CREDITS,
      asOf: '2026-05-13',
      status: 'derived',
    }),
  ]
}

/** Realtime and transcription models. */
function spokenRates(): UsdRow[] {
  const page = { source: MODEL_PAGE, asOf: '2026-09-23' } as const
  const audio = { input: 32_000n, cached: 400n, output: 64_000n }
  const spoken: SpokenRate = { audio, image: { input: 5_000n, cached: 500n } }
  const mini: SpokenRate = {
    audio: { input: 10_000n, cached: 300n, output: 20_000n },
    image: { input: 800n, cached: 80n },
  }
  return [
    usd('gpt-realtime', [4_000n, 400n, 16_000n], { ...page, spoken }),
    usd('gpt-realtime-1.5', [4_000n, 400n, 16_000n], { ...page, spoken }),
    usd('gpt-realtime-2', [4_000n, 400n, 24_000n], { ...page, spoken }),
    usd('gpt-realtime-2.1', [4_000n, 400n, 24_000n], { ...page, spoken }),
    usd('gpt-realtime-mini', [600n, 60n, 2_400n], { ...page, spoken: mini }),
    usd('gpt-realtime-2.1-mini', [600n, 60n, 2_400n], { ...page, spoken: mini }),
    usd('gpt-4o-transcribe', [2_500n, 2_500n, 10_000n], page),
    usd('gpt-4o-mini-transcribe', [1_250n, 1_250n, 5_000n], page),
    usd('gpt-transcribe', [0n, 0n, 0n], { ...page, spoken: { minute: 4_500_000n } }),
    usd('gpt-realtime-whisper', [0n, 0n, 0n], { ...page, spoken: { minute: 17_000_000n } }),
    usd('gpt-live-transcribe', [0n, 0n, 0n], { ...page, asOf: '2026-11', spoken: { minute: 17_000_000n } }),
    usd('whisper-1', [0n, 0n, 0n], { ...page, spoken: { minute: 6_000_000n } }),
  ]
}

/** Of a tier the row with the model's name counts, else the one without a name. */
export const USD_TIERS: readonly UsdTierRow[] = [
  { tier: 'fast', tenths: 20n, source: PRICING_PAGE, asOf: '2026-09-27' },
  { tier: 'priority', tenths: 20n, source: PRICING_PAGE, asOf: '2026-09-27' },
  { tier: 'flex', tenths: 5n, source: PRICING_PAGE, asOf: '2026-09-27' },
  { tier: 'batch', tenths: 5n, source: PRICING_PAGE, asOf: '2026-09-27' },
  { tier: 'ultrafast', tenths: 60n, source: MODELS_DEV, asOf: '2026-09-30' },
  { model: 'gpt-5.5', tier: 'fast', tenths: 25n, source: MODELS_DEV, asOf: '2026-09-30' },
  { model: 'gpt-5.5', tier: 'priority', tenths: 25n, source: MODELS_DEV, asOf: '2026-09-30' },
  { model: 'gpt-5-mini', tier: 'fast', tenths: 18n, source: LITELLM, asOf: '2025-12-18' },
  { model: 'gpt-5-mini', tier: 'priority', tenths: 18n, source: LITELLM, asOf: '2025-12-18' },
  { model: 'gpt-5.1-codex-mini', tier: 'fast', tenths: 18n, source: LITELLM, asOf: '2025-12-18' },
  { model: 'gpt-5.1-codex-mini', tier: 'priority', tenths: 18n, source: LITELLM, asOf: '2025-12-18' },
]
