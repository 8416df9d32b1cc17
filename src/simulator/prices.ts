/** US dollars per million tokens. */
interface TextPrice {
  readonly input: number
  readonly cached: number
  readonly output: number
  /** Written to the cache; like other input where no price is named. */
  readonly written?: number
}

export type Component = keyof TextPrice

interface Price extends TextPrice {
  readonly audio?: TextPrice
  readonly image?: TextPrice
}

const REALTIME = { audio: { input: 32, cached: 0.4, output: 64 }, image: { input: 5, cached: 0.5, output: 0 } }

/** Of the standard tier, by the models' names without dates (developers.openai.com/api/docs/pricing, November 2026); a long
 * context costs no more here. */
const PRICES: Readonly<Record<string, Price>> = {
  'gpt-6-astra': { input: 10, cached: 1, output: 50, written: 12.5 },
  'gpt-6.1-sol': { input: 2, cached: 0.1, output: 10, written: 2.5 },
  'gpt-6.1-terra': { input: 1, cached: 0.05, output: 5, written: 1.25 },
  'gpt-6-sol': { input: 2, cached: 0.2, output: 10, written: 2.5 },
  'gpt-6-luna': { input: 0.1, cached: 0.01, output: 0.5, written: 0.125 },
  'gpt-5.6-sol': { input: 4, cached: 0.4, output: 20, written: 5 },
  'gpt-5.6-terra': { input: 2, cached: 0.2, output: 12, written: 2.5 },
  'gpt-5.6-luna': { input: 0.2, cached: 0.02, output: 1.2, written: 0.25 },
  'gpt-5.5': { input: 5, cached: 0.5, output: 30 },
  'gpt-5.4': { input: 2.5, cached: 0.25, output: 15 },
  'gpt-5.4-mini': { input: 0.75, cached: 0.075, output: 4.5 },
  'gpt-5.1-codex-mini': { input: 0.25, cached: 0.025, output: 2 },
  'gpt-realtime': { input: 4, cached: 0.4, output: 16, ...REALTIME },
  'gpt-realtime-mini': {
    input: 0.6,
    cached: 0.06,
    output: 2.4,
    audio: { input: 10, cached: 0.3, output: 20 },
    image: { input: 0.8, cached: 0.08, output: 0 },
  },
  'gpt-4o-mini-transcribe': { input: 1.25, cached: 1.25, output: 5 },
  'gpt-realtime-1.5': { input: 4, cached: 0.4, output: 16, ...REALTIME },
}

/** What every other model costs. */
const OTHER: Price = { input: 1.75, cached: 0.175, output: 14 }

const TIER_TENTHS: Readonly<Record<string, bigint>> = { priority: 20n, flex: 5n, batch: 5n, ultrafast: 60n }
/** gpt-5.5 is the one model whose priority tier costs more than twice. */
const GPT_5_5_PRIORITY_TENTHS = 25n

/** What so many tokens cost, in trillionths of a US dollar: whole for every price and tier there is. */
export function costOf(
  {
    model,
    tier,
    modality,
  }: { readonly model: string; readonly tier: string; readonly modality: 'text' | 'audio' | 'image' },
  component: Component,
  tokens: number,
): bigint {
  const undated = model.replace(/-\d{4}-\d\d-\d\d$/, '')
  const price = PRICES[undated] ?? OTHER
  const prices = modality === 'text' ? price : (price[modality] ?? price)
  const perMillion = prices[component] ?? prices.input
  const tenths = undated === 'gpt-5.5' && tier === 'priority' ? GPT_5_5_PRIORITY_TENTHS : (TIER_TENTHS[tier] ?? 10n)
  return (BigInt(Math.round(perMillion * 1_000_000)) * tenths * BigInt(tokens)) / 10n
}

/** As the books write it: with 34 digits. */
export function dollars(trillionths: bigint): string {
  const digits = trillionths.toString().padStart(13, '0')
  return `${digits.slice(0, -12)}.${digits.slice(-12)}${'0'.repeat(34 - digits.length)}`
}
