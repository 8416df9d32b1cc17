import { DAY_MS, type BookedCost, type BookedUsage } from '../../core/reconcile.ts'
import type { AdminKeyId, EpochMs, UpstreamId } from '../../core/units.ts'
import { isRecord } from '../../core/usage.ts'
import {
  BooksUnavailable,
  type AdminKey,
  type BookedKeys,
  type Books,
  type Days,
  type Upstream,
  type Vault,
} from '../../ports.ts'
import { BooksReader } from './books-reader.ts'
import { dispatcherOf, type WayOptions } from './dispatcher.ts'
import { trillionthsOf } from './dollars.ts'
import { isShownAs } from './redacted.ts'

export interface BooksOptions extends WayOptions {
  /** `https://api.openai.com`. */
  readonly baseUrl: string
  /** The secret of an admin key. */
  readonly adminSecretOf: (key: AdminKeyId) => Promise<string>
  /** Secrets of upstream keys, to find them among those that OpenAI lists. */
  readonly vault: Vault
  /** The pause before a page is asked for again. */
  readonly pauseMs?: number
}

const PAUSE_MS = 500
/** The most that a page of usage may have (developers.openai.com/api/reference, "Usage"). Of costs it may have 180, and then be too large. */
const PAGE_DAYS = 31
const LISTED = 100

type Fields = Readonly<Record<string, unknown>>

/** OpenAI's usage and costs endpoints, and its lists of projects and their keys. */
export class OpenAiBooks implements Books, AsyncDisposable {
  readonly #options: BooksOptions
  readonly #reader: BooksReader
  readonly #close: () => Promise<void>

  constructor(options: BooksOptions) {
    const dispatcher = dispatcherOf(options)
    this.#options = options
    this.#reader = new BooksReader({ dispatcher, baseUrl: options.baseUrl, pauseMs: options.pauseMs ?? PAUSE_MS })
    this.#close = () => dispatcher.destroy()
  }

  async usage(key: AdminKey, days: Days, signal: AbortSignal): Promise<readonly BookedUsage[]> {
    const path = `/v1/organization/usage/completions?${spanOf(days)}${groupedBy('project_id', 'api_key_id', 'model')}`
    return await this.#read(key, path, signal, (day, result) => [
      {
        day,
        project: textIn(result, 'project_id'),
        apiKeyId: textIn(result, 'api_key_id'),
        model: textIn(result, 'model') ?? '-',
        requests: figure(result, 'num_model_requests'),
        input: figure(result, 'input_tokens'),
        cached: result['input_cached_tokens'] === undefined ? 0 : figure(result, 'input_cached_tokens'),
        output: figure(result, 'output_tokens'),
      },
    ])
  }

  async costs(key: AdminKey, days: Days, signal: AbortSignal): Promise<readonly BookedCost[]> {
    const path = `/v1/organization/costs?${spanOf(days)}${groupedBy('project_id', 'api_key_id', 'line_item')}`
    return await this.#read(key, path, signal, (day, result) => {
      const { amount } = result
      if (!isRecord(amount)) return []
      const [currency, value] = [textIn(amount, 'currency'), amount['value']]
      if (currency?.toLowerCase() !== 'usd') throw new BooksUnavailable(`costs are in ${currency}, not in US dollars`)
      const cost = trillionthsOf(String(value))
      if (cost === undefined) throw new BooksUnavailable('a cost is no amount of money')
      const [project, apiKeyId] = [textIn(result, 'project_id'), textIn(result, 'api_key_id')]
      return [{ day, project, apiKeyId, lineItem: textIn(result, 'line_item') ?? '-', cost }]
    })
  }

  async keys(key: AdminKey, upstreams: readonly Upstream[], signal: AbortSignal): Promise<BookedKeys> {
    const secret = await this.#secretOf(key)
    const all = await this.#reader.pages(secret, `/v1/organization/projects?limit=${LISTED}`, afterLast, signal)
    const projects = all.map((project) => textIn(project, 'id')).filter((id) => id !== undefined)
    const unknown = upstreams.filter(({ apiKeyId }) => apiKeyId === undefined)
    // Where every key says which project it is of, the others need not be searched.
    const named = new Set(unknown.map(({ project }) => project))
    const searched = named.has(undefined) ? projects : projects.filter((project) => named.has(project))
    const listed: { readonly apiKeyId: string; readonly project: string; readonly shown: string }[] = []
    for (const project of searched) {
      const path = `/v1/organization/projects/${encodeURIComponent(project)}/api_keys?limit=${LISTED}&owner_project_access=any`
      for (const entry of await this.#reader.pages(secret, path, afterLast, signal)) {
        const [apiKeyId, shown] = [textIn(entry, 'id'), textIn(entry, 'redacted_value')]
        if (apiKeyId !== undefined && shown !== undefined) listed.push({ apiKeyId, project, shown })
      }
    }
    const found = new Map<UpstreamId, { readonly apiKeyId: string; readonly project: string }>()
    for (const { id } of unknown) {
      const own = this.#options.vault.secretOf(id)
      const [match, ...others] = listed.filter(({ shown }) => isShownAs(own, shown))
      if (match !== undefined && others.length === 0) found.set(id, match)
    }
    return { projects, found }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close()
  }

  async #read<T>(
    key: AdminKey,
    path: string,
    signal: AbortSignal,
    lineOf: (day: EpochMs, result: Fields) => readonly T[],
  ): Promise<readonly T[]> {
    const buckets = await this.#reader.pages(await this.#secretOf(key), path, nextPage, signal)
    return buckets.flatMap((bucket) => {
      const [start, results] = [bucket['start_time'], bucket['results']]
      if (typeof start !== 'number' || !Array.isArray(results)) throw new BooksUnavailable('a bucket has no results')
      const at = start * 1000
      return results.filter(isRecord).flatMap((result) => lineOf(at - (at % DAY_MS), result))
    })
  }

  async #secretOf(key: AdminKey): Promise<string> {
    try {
      return await this.#options.adminSecretOf(key.id)
    } catch (cause) {
      throw new BooksUnavailable(`the admin key of ${key.organization} cannot be used: ${String(cause)}`, { cause })
    }
  }
}

function spanOf({ from, to }: Days): string {
  return `start_time=${from / 1000}&end_time=${to / 1000}&bucket_width=1d&limit=${PAGE_DAYS}`
}

function groupedBy(...fields: readonly string[]): string {
  return fields.map((field) => `&group_by[]=${field}`).join('')
}

function nextPage(page: Fields): string | undefined {
  const next = textIn(page, 'next_page')
  return next === undefined ? undefined : `page=${encodeURIComponent(next)}`
}

function afterLast(page: Fields): string | undefined {
  const last = textIn(page, 'last_id')
  return last === undefined ? undefined : `after=${encodeURIComponent(last)}`
}

function textIn(fields: Fields, name: string): string | undefined {
  const value = fields[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A sum over a day may be larger than any one call's figure. */
function figure(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new BooksUnavailable(`${name} is no number of tokens or requests`)
}
