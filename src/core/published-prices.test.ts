import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { calcPrice } from '@pydantic/genai-prices'
import { USD_RATES, type UsdRow } from './usd-rates.ts'

// A price table that others keep, pinned: where it and ours both know a price, they must agree.

type Prices = Readonly<Record<string, unknown>>

/** Models of ours that the table does not know. */
const OURS_ALONE = [
  'codex-auto-review',
  'gpt-5.3-codex-spark',
  'gpt-5.6-cyber',
  'gpt-6.1-sol',
  'gpt-6.1-terra',
  'gpt-6.2-astra',
  'gpt-6.2-sol',
  'gpt-image-2 (image tokens)',
  'gpt-image-2 (text tokens)',
  'gpt-live-transcribe',
  'gpt-realtime-whisper',
  'gpt-rosalind-research',
]

/** Prices that differ, ours and the table's in nano-dollars, and why ours stays. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'gpt-4o-transcribe audio.input': '2500 6000: the model page has one price for audio and text (docs/decisions/0009)',
  'gpt-4o-mini-transcribe audio.input':
    '1250 3000: the model page has one price for audio and text (docs/decisions/0009)',
}

/** A day on which a row of ours counts, the table's own where that is one. */
function dayIn({ from, to }: UsdRow): Date {
  const ofTable = '2026-09-23'
  return new Date(to !== undefined && to < ofTable ? to : from !== undefined && from > ofTable ? from : ofTable)
}

/** The table's prices; its dollars for a million tokens, or for an hour, become nano-dollars for one, or for a minute. */
function tableOf(row: UsdRow): Map<string, bigint> | undefined {
  const found = calcPrice({}, row.model, { providerId: 'openai', timestamp: dayIn(row) })
  if (!found) return undefined
  const prices: Prices = found.model_price
  const all = new Map<string, bigint>()
  for (const [key, name] of Object.entries(NAMES)) {
    const price = prices[key]
    if (price === undefined) continue
    if (typeof price === 'number') all.set(name, nano(price, key))
    else {
      const { base, tiers } = price as { base: number; tiers: readonly { start: number; price: number }[] }
      all.set(name, nano(base, key))
      equal(tiers.length, 1)
      all.set(`${name} long`, nano(tiers[0]?.price ?? 0, key))
      // Some rows have it begin with 272,000 tokens, others above: ours follows OpenAI's words, "more than".
      ok(Math.abs((tiers[0]?.start ?? 0) - 272_000) <= 1)
    }
  }
  return all
}

const NAMES: Readonly<Record<string, string>> = {
  input_mtok: 'input',
  cache_read_mtok: 'cached',
  cache_write_mtok: 'cacheWrite',
  output_mtok: 'output',
  input_audio_mtok: 'audio.input',
  cache_audio_read_mtok: 'audio.cached',
  output_audio_mtok: 'audio.output',
  input_image_mtok: 'image.input',
  cache_image_read_mtok: 'image.cached',
  input_audio_hours: 'minute',
}

function nano(price: number, key: string): bigint {
  return BigInt(Math.round(key.endsWith('_hours') ? (price / 60) * 1e9 : price * 1000))
}

function oursOf(row: UsdRow): Map<string, bigint> {
  const { input, cached, output, cacheWrite, longContext, spoken } = row
  const all = new Map<string, bigint>([
    ['input', input],
    ['cached', cached],
    ['output', output],
    ['audio.input', input],
  ])
  if (cacheWrite !== undefined) all.set('cacheWrite', cacheWrite)
  if (longContext === true) {
    for (const name of ['input', 'cached', 'cacheWrite']) all.set(`${name} long`, (all.get(name) ?? 0n) * 2n)
    all.set('output long', (output * 3n) / 2n)
  }
  for (const [kind, rates] of Object.entries<bigint | Readonly<Record<string, bigint>>>({ ...spoken })) {
    if (typeof rates === 'bigint') all.set(kind, rates)
    else for (const [name, price] of Object.entries(rates)) all.set(`${kind}.${name}`, price)
  }
  return all
}

suite('prices of the API', () => {
  test('agree with a published table in every price that both have, but for those that are known to differ', () => {
    const [different, unknown]: [string[], Set<string>] = [[], new Set()]
    let compared = 0
    for (const row of USD_RATES) {
      const table = tableOf(row)
      if (!table) unknown.add(row.model)
      const ours = oursOf(row)
      for (const [name, price] of table ?? []) {
        compared += 1
        const own = ours.get(name)
        if (own !== price) different.push(`${row.model} ${name}: ${own} ${price}`)
      }
    }
    const known = Object.entries(DIFFERENT).map(([name, why]) => `${name}: ${why.split(':')[0]}`)
    deepEqual(different, known)
    deepEqual([...unknown].toSorted(), OURS_ALONE)
    ok(compared > 120, `${compared}`)
  })
})
