import { NANO_PER_CREDIT } from './units.ts'

/** What is in force for a model, and when: UTC days, both ends included; no date means no end on that side. */
export interface Dated {
  readonly model: string
  /** `YYYY-MM-DD`. */
  readonly from?: string
  readonly to?: string
  /** Where the figure was read. */
  readonly source: string
  /** When it was read: a day or a month. */
  readonly asOf: string
}

/** Rates of what is no text, in nanocredits per token; a minute of audio that is counted by its length in nanocredits. */
export interface SpokenRate {
  readonly audio?: { readonly input: bigint; readonly cached: bigint; readonly output: bigint }
  readonly image?: { readonly input: bigint; readonly cached: bigint }
  readonly minute?: bigint
}

/** A model's rates in whole nanocredits per token: 4.375 credits per million tokens are 4,375. */
export interface RateRow extends Dated {
  readonly input: bigint
  readonly cached: bigint
  readonly output: bigint
  /** Input that is written to the cache; undefined = as other input. */
  readonly cacheWrite?: bigint
  readonly spoken?: SpokenRate
  readonly status: RateStatus
  /** Tells a row that is not the project's own in its identity: `config`, `admin-3`. */
  readonly mark?: string
}

/**
 * How far a row can be trusted. `derived`: from the API's price; `assumed`: nobody published a price, and this is that
 * of the model which is said to do the work; `configured` and `set`: an operator's own.
 */
type RateStatus = 'published' | 'superseded' | 'derived' | 'assumed' | 'research-preview' | 'configured' | 'set'

/** Another name of a model. */
export interface AliasRow extends Pick<Dated, 'source' | 'asOf'> {
  readonly name: string
  readonly model: string
}

/** What one user message on a local task costs on average, in nanocredits: the older way of charging. */
export interface MessageRow extends Dated {
  readonly credits: bigint
  /** As that of a rate. */
  readonly mark?: string
}

const PRICING_PAGE = 'OpenAI, Codex pricing (developers.openai.com/codex/pricing)'
const PAGE_COPY = 'copy of OpenAI, Codex pricing, of January 2026'
const RATE_CARD = 'OpenAI, Codex rate card (help.openai.com/en/articles/20001106)'
const CARD_COPY = 'copy of the rate card in the crate codex-ops 0.1.3'
const FORUM = 'copy of the rate card in the OpenAI forum (community.openai.com/t/1378847)'
const LEARN_PAGE = 'OpenAI, pricing (learn.chatgpt.com/docs/pricing), as quoted in public repositories'
const EARLY_COPY = 'first prices of the model, as quoted in a public repository'
const QUOTED = 'quoted in a public repository'
const DERIVED = 'no row published: the API price in USD x 25 credits'
const REALTIME = `OpenAI, model pages (developers.openai.com/api/docs/models); ${DERIVED}`
const LIVE_PAGE = `OpenAI, model page of gpt-live-transcribe (developers.openai.com/api/docs/models/gpt-live-transcribe); ${DERIVED}`
const CYBER_PAGE = 'OpenAI, API pricing, cyber models (developers.openai.com/api/docs/pricing)'
const AUTO_REVIEW = 'OpenAI on X, 2026-07-30: automatic review moves from GPT-5.4 to GPT-5.6 Luna; no row published'
const AVERAGES = 'same average as the next Codex model of its size'

type Details = Omit<RateRow, 'model' | 'input' | 'cached' | 'output' | 'status'> & {
  readonly status?: RateRow['status']
}

function rate(model: string, [input, cached, output]: readonly [bigint, bigint, bigint], details: Details): RateRow {
  return { status: 'published', ...details, model, input, cached, output }
}

/** Input, cached input, output. New rows go to the end of their model; a row that has run out stays, for old calls. */
export const RATES: readonly RateRow[] = [
  rate('gpt-5.1-codex-max', [31_250n, 3_125n, 250_000n], { source: FORUM, asOf: '2026-04-13', from: '2026-04-02' }),
  rate('gpt-5.1-codex-mini', [6_250n, 625n, 50_000n], { source: FORUM, asOf: '2026-04-13', from: '2026-04-02' }),
  rate('gpt-5.2', [43_750n, 4_375n, 350_000n], { source: RATE_CARD, asOf: '2026-05-13', from: '2026-04-02' }),
  rate('gpt-5.2-codex', [43_750n, 4_375n, 350_000n], { source: FORUM, asOf: '2026-04-13', from: '2026-04-02' }),
  rate('gpt-5.3-codex', [43_750n, 4_375n, 350_000n], { source: PRICING_PAGE, asOf: '2026-08-11', from: '2026-04-02' }),
  // A research preview, free of charge for now, with a rate limit of its own.
  rate('gpt-5.3-codex-spark', [0n, 0n, 0n], { source: CARD_COPY, asOf: '2026-05-13', status: 'research-preview' }),
  rate('gpt-5.4', [62_500n, 6_250n, 375_000n], { source: PRICING_PAGE, asOf: '2026-08-11', from: '2026-04-02' }),
  // The only published row which is not 25 times the API price: that would make the output 112.5.
  rate('gpt-5.4-mini', [18_750n, 1_875n, 113_000n], { source: PRICING_PAGE, asOf: '2026-08-11', from: '2026-04-02' }),
  rate('gpt-5.5', [125_000n, 12_500n, 750_000n], { source: PRICING_PAGE, asOf: '2026-08-11', from: '2026-04-23' }),
  rate('gpt-5.5-cyber', [500_000n, 50_000n, 3_000_000n], { source: RATE_CARD, asOf: '2026-06' }),
  rate('gpt-image-2 (image tokens)', [200_000n, 50_000n, 750_000n], { source: PRICING_PAGE, asOf: '2026-05-13' }),
  rate('gpt-image-2 (text tokens)', [125_000n, 31_250n, 250_000n], { source: PRICING_PAGE, asOf: '2026-05-13' }),
  rate('gpt-5.6-sol', [125_000n, 12_500n, 750_000n], {
    source: LEARN_PAGE,
    asOf: '2026-08-11',
    status: 'superseded',
    from: '2026-07-09',
    to: '2026-08-20',
  }),
  // A promotion "at least through 2026-11-21"; 125 / 12.5 / 750 again once it has ended.
  rate('gpt-5.6-sol', [100_000n, 10_000n, 500_000n], { source: LEARN_PAGE, asOf: '2026-10-06', from: '2026-08-21' }),
  rate('gpt-5.6-terra', [62_500n, 6_250n, 375_000n], {
    source: EARLY_COPY,
    asOf: '2026-07-30',
    status: 'superseded',
    from: '2026-07-09',
    to: '2026-07-29',
  }),
  rate('gpt-5.6-terra', [50_000n, 5_000n, 300_000n], { source: LEARN_PAGE, asOf: '2026-10-06', from: '2026-07-30' }),
  rate('gpt-5.6-luna', [25_000n, 2_500n, 150_000n], {
    source: EARLY_COPY,
    asOf: '2026-07-30',
    status: 'superseded',
    from: '2026-07-09',
    to: '2026-07-29',
  }),
  rate('gpt-5.6-luna', [5_000n, 500n, 30_000n], { source: LEARN_PAGE, asOf: '2026-10-06', from: '2026-07-30' }),
  rate('gpt-6-astra', [250_000n, 25_000n, 1_250_000n], { source: LEARN_PAGE, asOf: '2026-10-06', from: '2026-09-03' }),
  rate('gpt-6-sol', [50_000n, 5_000n, 250_000n], { source: LEARN_PAGE, asOf: '2026-10-06', from: '2026-09-22' }),
  rate('gpt-6-luna', [2_500n, 250n, 12_500n], { source: LEARN_PAGE, asOf: '2026-10-06', from: '2026-09-22' }),
  rate('gpt-6.1-sol', [50_000n, 2_500n, 250_000n], { source: LEARN_PAGE, asOf: '2026-10-06', from: '2026-09-29' }),
  rate('gpt-rosalind-research', [125_000n, 12_500n, 625_000n], {
    source: QUOTED,
    asOf: '2026-10-08',
    from: '2026-10-08',
  }),
  rate('gpt-5', [31_250n, 3_125n, 250_000n], { source: DERIVED, asOf: '2026-11-22', status: 'derived' }),
  rate('gpt-5.1', [31_250n, 3_125n, 250_000n], { source: DERIVED, asOf: '2026-11-22', status: 'derived' }),
  rate('gpt-5-codex', [31_250n, 3_125n, 250_000n], { source: DERIVED, asOf: '2026-11-22', status: 'derived' }),
  rate('gpt-5.1-codex', [31_250n, 3_125n, 250_000n], { source: DERIVED, asOf: '2026-11-22', status: 'derived' }),
  rate('gpt-5-mini', [6_250n, 625n, 50_000n], { source: DERIVED, asOf: '2026-11-22', status: 'derived' }),
  rate('gpt-5-codex-mini', [6_250n, 625n, 50_000n], { source: DERIVED, asOf: '2026-11-22', status: 'derived' }),
  rate('gpt-5-nano', [1_250n, 125n, 10_000n], { source: DERIVED, asOf: '2026-11-22', status: 'derived' }),
  rate('gpt-5.4-nano', [5_000n, 500n, 31_250n], { source: DERIVED, asOf: '2026-11-22', status: 'derived' }),
  // The fallback would price these at a tenth. Cached input has no discount.
  rate('gpt-5-pro', [375_000n, 375_000n, 3_000_000n], { source: DERIVED, asOf: '2026-11-22', status: 'derived' }),
  rate('gpt-5.2-pro', [525_000n, 525_000n, 4_200_000n], { source: DERIVED, asOf: '2026-11-22', status: 'derived' }),
  rate('gpt-5.4-pro', [750_000n, 750_000n, 4_500_000n], { source: DERIVED, asOf: '2026-11-22', status: 'derived' }),
  rate('gpt-5.5-pro', [750_000n, 750_000n, 4_500_000n], { source: DERIVED, asOf: '2026-11-22', status: 'derived' }),
  rate('codex-mini-latest', [37_500n, 9_375n, 150_000n], { source: DERIVED, asOf: '2026-11-22', status: 'derived' }),
  rate('gpt-5.6-cyber', [312_500n, 31_250n, 1_875_000n], { source: DERIVED, asOf: '2026-11-22', status: 'derived' }),
  // What Codex has its approvals reviewed by: a name of its own for a model that changes.
  rate('codex-auto-review', [62_500n, 6_250n, 375_000n], {
    source: AUTO_REVIEW,
    asOf: '2026-07-31',
    status: 'assumed',
    to: '2026-07-29',
  }),
  rate('codex-auto-review', [5_000n, 500n, 30_000n], {
    source: AUTO_REVIEW,
    asOf: '2026-08-20',
    status: 'assumed',
    from: '2026-07-30',
  }),
  rate('gpt-6.1-terra', [25_000n, 1_250n, 125_000n], {
    source: DERIVED,
    asOf: '2026-11-22',
    status: 'derived',
    from: '2026-10-26',
  }),
  rate('gpt-6.2-sol', [50_000n, 2_500n, 250_000n], {
    source: DERIVED,
    asOf: '2026-11-22',
    status: 'derived',
    from: '2026-11-17',
  }),
  rate('gpt-6.2-astra', [200_000n, 10_000n, 1_000_000n], {
    source: DERIVED,
    asOf: '2026-11-22',
    status: 'derived',
    from: '2026-11-17',
  }),
  ...spokenRates(),
]

/** Realtime and transcription models: the Codex rate card does not name them. */
function spokenRates(): RateRow[] {
  const details = { source: REALTIME, asOf: '2026-09-23', status: 'derived' } as const
  const audio = { input: 800_000n, cached: 10_000n, output: 1_600_000n }
  const spoken = { audio, image: { input: 125_000n, cached: 12_500n } }
  const mini = {
    audio: { input: 250_000n, cached: 7_500n, output: 500_000n },
    image: { input: 20_000n, cached: 2_000n },
  }
  return [
    rate('gpt-realtime', [100_000n, 10_000n, 400_000n], { ...details, spoken }),
    rate('gpt-realtime-1.5', [100_000n, 10_000n, 400_000n], { ...details, spoken }),
    rate('gpt-realtime-2', [100_000n, 10_000n, 600_000n], { ...details, spoken }),
    rate('gpt-realtime-2.1', [100_000n, 10_000n, 600_000n], { ...details, spoken }),
    rate('gpt-realtime-mini', [15_000n, 1_500n, 60_000n], { ...details, spoken: mini }),
    rate('gpt-realtime-2.1-mini', [15_000n, 1_500n, 60_000n], { ...details, spoken: mini }),
    // Transcriptions: what is heard costs what text does.
    rate('gpt-4o-transcribe', [62_500n, 62_500n, 250_000n], details),
    rate('gpt-4o-mini-transcribe', [31_250n, 31_250n, 125_000n], details),
    rate('gpt-transcribe', [0n, 0n, 0n], { ...details, spoken: { minute: 112_500_000n } }),
    rate('gpt-realtime-whisper', [0n, 0n, 0n], { ...details, spoken: { minute: 425_000_000n } }),
    rate('gpt-live-transcribe', [0n, 0n, 0n], {
      source: LIVE_PAGE,
      asOf: '2026-11',
      status: 'derived',
      spoken: { minute: 425_000_000n },
    }),
    rate('whisper-1', [0n, 0n, 0n], { ...details, spoken: { minute: 150_000_000n } }),
  ]
}

/** Published averages. */
export const MESSAGES: readonly MessageRow[] = [
  average('gpt-5.5', 14n, PRICING_PAGE, '2026-05'),
  average('gpt-5.4', 7n, PRICING_PAGE, '2026-05'),
  average('gpt-5.3-codex', 5n, PRICING_PAGE, '2026-05'),
  average('gpt-5.4-mini', 2n, PRICING_PAGE, '2026-05'),
  average('gpt-5.2', 5n, PRICING_PAGE, '2026-05'),
  average('gpt-5.2-codex', 5n, PAGE_COPY, '2026-01'),
  average('gpt-5.1-codex-mini', 1n, PAGE_COPY, '2026-01'),
  average('gpt-5.1-codex', 5n, AVERAGES, '2026-05'),
  average('gpt-5-codex', 5n, AVERAGES, '2026-05'),
]

/** In whole credits. */
function average(model: string, credits: bigint, source: string, asOf: string): MessageRow {
  return { model, credits: credits * NANO_PER_CREDIT, source, asOf }
}

/**
 * Other names of a model. `gpt-image-2` is priced by kind of token, which its total does not tell: the image row is
 * the dearer one in every column.
 */
export const ALIASES: readonly AliasRow[] = [
  { name: 'gpt-image-2', model: 'gpt-image-2 (image tokens)', source: PRICING_PAGE, asOf: '2026-05-13' },
  { name: 'gpt-4o-transcribe-diarize', model: 'gpt-4o-transcribe', source: REALTIME, asOf: '2026-09-23' },
  { name: 'gpt-5.6', model: 'gpt-5.6-sol', source: 'OpenAI, model page of gpt-5.6-sol', asOf: '2026-09-23' },
  { name: 'gpt-daybreak-blue-latest', model: 'gpt-5.6-sol', source: CYBER_PAGE, asOf: '2026-09-27' },
  { name: 'gpt-daybreak-red-latest', model: 'gpt-5.6-cyber', source: CYBER_PAGE, asOf: '2026-09-27' },
]

/**
 * For models that no row knows, in nanocredits per token, and for a minute of audio: as the dearest transcriptions of which a
 * price is published.
 */
export const UNKNOWN_MODEL = { input: 43_750n, cached: 4_375n, output: 350_000n, minute: 425_000_000n } as const

/** What a service tier multiplies the price by, in tenths. */
export const TIERS: Readonly<Record<string, bigint>> = {
  auto: 10n,
  default: 10n,
  standard: 10n,
  fast: 20n,
  priority: 20n,
  flex: 5n,
  batch: 5n,
  ultrafast: 60n,
}

/** Where a model has multipliers of its own. */
export const MODEL_TIERS: Readonly<Record<string, Readonly<Record<string, bigint>>>> = {
  'gpt-5.5': { fast: 25n, priority: 25n },
}
