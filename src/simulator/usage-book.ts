import { DAY_SECS, type BookQuery, type Width } from './book-pages.ts'
import type { BookedCall, Counted } from './books.ts'
import { costOf, dollars, type Component } from './prices.ts'

/** OpenAI, "Usage", `limit`. */
export const USAGE_WIDTHS: Readonly<Record<string, Width>> = {
  '1m': { secs: 60, usual: 60, most: 1440 },
  '1h': { secs: 3600, usual: 24, most: 168 },
  '1d': { secs: DAY_SECS, usual: 7, most: 31 },
}
export const USAGE_GROUPS = ['project_id', 'user_id', 'api_key_id', 'model', 'batch', 'service_tier'] as const

/** OpenAI, "Costs". */
export const COST_WIDTHS: Readonly<Record<string, Width>> = { '1d': { secs: DAY_SECS, usual: 7, most: 180 } }
export const COST_GROUPS = ['project_id', 'line_item', 'api_key_id'] as const

type Fields = Readonly<Record<string, string | boolean | null>>

/** The results of one bucket of `/v1/organization/usage/completions`. */
export function usageResults(calls: readonly BookedCall[], query: BookQuery): readonly string[] {
  const completions = selected(calls, query).filter(({ transcription }) => !transcription)
  const groups = grouped(completions, query.groupBy, USAGE_GROUPS, (call) => ({
    project_id: call.project,
    user_id: null,
    api_key_id: call.keyId,
    model: call.model,
    batch: call.serviceTier === 'batch',
    service_tier: call.serviceTier,
  }))
  return groups.map(({ fields, members }) => {
    const sum = (of: (call: BookedCall) => number): number => members.reduce((total, call) => total + of(call), 0)
    // What is of one kind goes without what the cache had.
    const fresh = (of: (call: BookedCall) => Counted): number => sum((call) => of(call).input - of(call).cached)
    return JSON.stringify({
      object: 'organization.usage.completions.result',
      input_tokens: sum(({ total }) => total.input),
      output_tokens: sum(({ total }) => total.output),
      num_model_requests: members.length,
      ...fields,
      input_cached_tokens: sum(({ total }) => total.cached),
      input_uncached_tokens: fresh(({ total }) => total),
      input_cache_write_tokens: sum(({ total }) => total.written),
      input_text_tokens: fresh(({ text }) => text),
      output_text_tokens: sum(({ text }) => text.output),
      input_cached_text_tokens: sum(({ text }) => text.cached),
      input_audio_tokens: fresh(({ audio }) => audio),
      input_cached_audio_tokens: sum(({ audio }) => audio.cached),
      output_audio_tokens: sum(({ audio }) => audio.output),
      input_image_tokens: fresh(({ image }) => image),
      input_cached_image_tokens: sum(({ image }) => image.cached),
      output_image_tokens: 0,
    })
  })
}

/** What one call costs of one kind: a line of the bill. */
interface CostLine {
  readonly call: BookedCall
  readonly item: string
  readonly tokens: number
  readonly cost: bigint
}

/** The results of one bucket of `/v1/organization/costs`. */
export function costResults(calls: readonly BookedCall[], query: BookQuery): readonly string[] {
  const lines = selected(calls, query).flatMap(linesOf)
  const groups = grouped(lines, query.groupBy, COST_GROUPS, ({ call, item }) => ({
    project_id: call.project,
    line_item: item,
    api_key_id: call.keyId,
  }))
  return groups.map(({ fields, members }) => {
    const value = dollars(members.reduce((sum, { cost }) => sum + cost, 0n))
    const quantity = members.reduce((sum, { tokens }) => sum + tokens, 0)
    const rest = query.groupBy.includes('line_item') ? { quantity, quantity_unit: 'tokens' } : {}
    const amount = `"amount":{"value":${value},"currency":"usd"}`
    return `{"object":"organization.costs.result",${amount},${JSON.stringify({ ...fields, ...rest }).slice(1)}`
  })
}

function linesOf(call: BookedCall): readonly CostLine[] {
  const spoken = call.audio.input + call.audio.output + call.image.input > 0
  return (['text', 'audio', 'image'] as const).flatMap((modality) => {
    const { input, cached, written, output } = call[modality]
    const parts: readonly [Component, string, number][] = [
      ['input', 'input', input - cached - written],
      ['written', 'cache writes', written],
      ['cached', 'cached input', cached],
      ['output', 'output', output],
    ]
    const tier = call.serviceTier === 'default' ? '' : `${call.serviceTier} | `
    const name = `${tier}${call.model}${spoken ? ` ${modality}` : ''}`
    return parts.flatMap(([component, words, tokens]) => {
      const cost = costOf({ model: call.model, tier: call.serviceTier, modality }, component, tokens)
      return tokens === 0 ? [] : [{ call, item: `${name}, ${words}`, tokens, cost }]
    })
  })
}

function selected(calls: readonly BookedCall[], { only }: BookQuery): readonly BookedCall[] {
  const [projects, keys, models] = [only('project_id'), only('api_key_id'), only('model')]
  const among = (names: readonly string[], name: string): boolean => names.length === 0 || names.includes(name)
  return calls.filter((call) => among(projects, call.project) && among(keys, call.keyId) && among(models, call.model))
}

interface Group<T> {
  /** Every field that can be grouped by; null where it was not. */
  readonly fields: Fields
  readonly members: readonly T[]
}

function grouped<T>(
  all: readonly T[],
  groupBy: readonly string[],
  names: readonly string[],
  fieldsOf: (one: T) => Fields,
): readonly Group<T>[] {
  const shown = (one: T): Fields => {
    const fields = fieldsOf(one)
    return Object.fromEntries(names.map((name) => [name, groupBy.includes(name) ? (fields[name] ?? null) : null]))
  }
  const groups = Map.groupBy(all, (one) => JSON.stringify(shown(one)))
  return Array.from(groups, ([key, members]) => ({ fields: JSON.parse(key) as Fields, members }))
}
